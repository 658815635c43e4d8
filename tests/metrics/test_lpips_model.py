"""Tests ../../jsr/metrics/lpips_model.py."""

import json

import numpy as np
import pytest

from jsr.errors import WeightsError
from jsr.metrics import lpips_model
from jsr.models import alexnet
from jsr.models.alexnet import AlexNet
from jsr.weights import feature_file


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "jsr" / "lpips.safetensors"


def _save(path, heads=5):
    flat = {}
    for i, (name, shape) in enumerate(alexnet.kernel_shapes().items(), 1):
        flat |= {f"params/{name}/kernel": np.zeros(shape, np.float32), f"params/{name}/bias": np.zeros(shape[3:])}
        flat |= {f"heads/{i}": np.full(shape[3:], i, np.float32)} if i <= heads else {}
    feature_file.save(path, "lpips", flat, {"mean": json.dumps([0.1] * 3), "std": json.dumps([0.2] * 3)})


def test_load_gives_what_the_file_holds(path):
    assert lpips_model.load() is None
    _save(path)
    reference = lpips_model.load()
    assert reference is not None
    assert reference.network == AlexNet((0.1, 0.1, 0.1), (0.2, 0.2, 0.2))
    assert [(head.shape, float(head[0])) for head in reference.heads] == [
        ((64,), 1), ((192,), 2), ((384,), 3), ((256,), 4), ((256,), 5)
    ]  # fmt: skip
    assert reference.variables["params"]["conv2"]["kernel"].shape == (5, 5, 64, 192)


def test_load_refuses_a_damaged_file_in_one_line(path):
    _save(path, heads=4)
    made = "expected a LPIPS file made by jsr fetch lpips, got another"
    with pytest.raises(WeightsError, match=f"^{path}: {made}: no heads/5$"):
        lpips_model.load()
    path.write_bytes(b"none")
    with pytest.raises(WeightsError, match=f"^{path}: {made}: "):
        lpips_model.load()
