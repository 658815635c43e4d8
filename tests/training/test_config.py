"""Tests ../../jsr/training/config.py."""

import dataclasses
import importlib
from pathlib import Path
from typing import Any, get_args

import pytest

from jsr.errors import ConfigError
from jsr.training import config, optimizers
from jsr.training.config import Changes, Config

ROOT = Path(__file__).parents[2]
NO_NETWORK = ("exemplars", "dictionaries", "teaching")  # experiments without a training of one


def test_config_has_the_papers_values_as_defaults():
    """Ledig et al. 2017, section 3.2."""
    first, second = config.PHASES["srresnet"], config.PHASES["srgan"]
    for phase in (first, second):
        assert (phase.crop, phase.batch_size, phase.learning_rate) == (96, 16, 1e-4)
        assert phase.beta1 == 0.9
    assert first.steps == 10**6
    assert second.steps == 2 * 10**5
    assert second.adversarial_weight == 1e-3
    rate: Any = optimizers.learning_rate(second)
    assert [float(rate(s)) for s in (0, 10**5 - 1)] == pytest.approx([1e-4, 1e-4])
    assert [float(rate(s)) for s in (10**5 + 1, 2 * 10**5)] == pytest.approx([1e-5, 1e-5])


@pytest.mark.parametrize("field", dataclasses.fields(Config), ids=lambda field: field.name)
def test_config_fields_say_what_they_may_do(field):
    """A field without these words would be refused on resuming, or end up in released weights, unnoticed."""
    assert field.metadata["changes"] in get_args(Changes)
    assert isinstance(field.metadata["is_private"], bool)
    assert field.metadata["help"]


def test_names_lists_every_field_once():
    listed = [name for changes in get_args(Changes) for name in config.names(changes)]
    assert sorted(listed) == sorted(field.name for field in dataclasses.fields(Config))


def test_private_lists_all_paths():
    assert {"data", "lr", "workdir", "init", "vgg19", "eval_data"} <= set(config.private())


@pytest.mark.parametrize(
    "path",
    [path for path in sorted((ROOT / "experiments").glob("[a-z]*.py")) if path.stem not in NO_NETWORK],
    ids=lambda p: p.stem,
)
def test_check_accepts_the_experiments(path, monkeypatch):
    monkeypatch.setenv("JSR_DATA", "pictures")
    module = importlib.import_module(f"experiments.{path.stem}")
    for each in getattr(module, "VARIANTS", {"": getattr(module, "CONFIG", None)}).values():
        config.check(each)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"scale": 5}, "--scale: expected 2, 3 or 4, got 5"),
        ({"crop": 30}, "--crop: expected a multiple of the scale 4, at least 16, got 30"),
        ({"crop": 12}, "--crop: expected a multiple of the scale 4, at least 16, got 12"),
        ({"batch_size": 6}, "--batch-size: expected a multiple of the 4 devices, got 6"),
        ({"save_every": 0}, "--save-every: expected 1 or more, got 0"),
        ({"warmup": 500_000}, "--warmup: expected 0 or more, less than half of --steps, got 500000"),
        ({"learning_rate": 0.0}, "--learning-rate: expected more than 0, got 0.0"),
        ({"ema_decay": 1.0}, "--ema-decay: expected 0 or more and below 1, got 1.0"),
        ({"minutes": 0.0}, "--minutes: expected more than 0, got 0.0"),
        ({"model": "espcn", "statistics": "running"}, "--statistics: expected batch for espcn"),
        (
            {"content": "vgg16_22", "vgg19": "random"},
            "--vgg19: expected none with --content vgg16_22",
        ),
        ({"batch_size": 8, "accumulate": 4}, "--batch-size: expected a multiple of the 4 devices times --accumulate 4"),
        ({"accumulate": 0}, "--accumulate: expected 1 or more, got 0"),
        ({"clip_norm": 0.0}, "--clip-norm: expected more than 0, got 0.0"),
        ({"lr": "low", "degradation": "photo"}, "--degradation: expected none with --lr"),
        ({"phase": "srgan", "pixel_loss": "l1"}, "--pixel-loss: expected a --pixel-weight beside it in phase srgan"),
        ({"phase": "srgan", "model": "espcn"}, "--model: expected srresnet in phase srgan, got espcn"),
    ],
)
def test_check_names_the_option_its_range_and_its_value(values, message):
    with pytest.raises(ConfigError) as error:
        config.check(dataclasses.replace(Config(), **values))
    assert message in str(error.value)
