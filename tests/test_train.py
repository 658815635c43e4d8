"""Tests ../jsr/train.py."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from jsr import train
from jsr.errors import TrainingError
from jsr.training import loop, losses
from jsr.training.config import PHASES
from jsr.training.run.run_folder import RunFolder
from tests.training.tiny_runs import OPTIONS, lines, make_photos, parse

ROOT = Path(__file__).parents[1]


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty place with its own cache and a folder of photographs."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    make_photos(tmp_path / "photos")
    return tmp_path


def command(home, *options):
    """Starts the program as a user would, on one device."""
    environment = os.environ | {
        "XLA_FLAGS": "--xla_force_host_platform_device_count=1",
        "PYTHONPATH": str(ROOT),
        "XDG_CACHE_HOME": str(home / "cache"),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "jsr.train", *map(str, options)],
        cwd=home,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        ([], 2, "--phase"),
        (["--phase", "srresnet", "--data", "photos", "--crop", "30"], 2, "multiple of the scale 4"),
        (["--phase", "srresnet", "--data", "nowhere"], 1, "nowhere"),
        (["--phase", "srresnet", "--data", "empty"], 1, "empty"),
        (["--phase", "srresnet", "--data", "photos", "--workdir", "photos"], 1, "photos"),
        (["--phase", "srgan", "--data", "photos", "--init", "nowhere"], 1, "--init: expected the folder of a run"),
        (["--phase", "srgan", "--data", "photos", "--scale", "2", "--init", "espcn"], 1, "SRResNet, got espcn"),
        (["--phase", "srgan", "--data", "photos", "--vgg19", "none.safetensors"], 1, "none.safetensors"),
        (["--phase", "srgan", "--data", "photos", "--content", "vgg16_54"], 1, "a VGG16 file made by jsr fetch vgg16"),
        (["--phase", "srgan", "--data", "photos", "--workdir", "other"], 1, "phase srresnet there"),
    ],
)
def test_main_reports_a_mistake_in_one_line(home, capsys, options, status, message):
    (home / "empty").mkdir()
    RunFolder(Path("other")).write_config(parse("--workdir", "other"), digest="")
    with pytest.raises(SystemExit) as end:
        train.main(options)
    (line,) = capsys.readouterr().err.splitlines()
    assert end.value.code == status
    assert message in line
    assert line.startswith("jsr.train: error: ")
    assert not Path("runs").exists()  # a refusal leaves no half-made run


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (TrainingError("loss is not finite"), "loss is not finite"),
        (OSError(28, "No space left on device"), "runs: No space left on device"),
        (OSError(13, "Permission denied", "x.png"), "x.png: Permission denied"),
    ],
)
def test_main_names_the_file_of_a_system_error(home, monkeypatch, capsys, error, message):
    def fail(_):
        raise error

    monkeypatch.setattr(loop, "run", fail)
    with pytest.raises(SystemExit) as end:
        train.main(["--phase", "srresnet", "--data", "photos"])
    assert end.value.code == 1
    assert capsys.readouterr().err == f"jsr.train: error: {message}\n"


def test_main_shows_the_traceback_of_a_bug(home, monkeypatch, capsys):
    """A ValueError of a library or of a step is no user's mistake, although a mistake's class derives from it."""

    def broken(a, b):
        raise ValueError("a bug in the step")

    monkeypatch.setattr(losses, "mse", broken)
    with pytest.raises(ValueError, match="a bug in the step"):
        train.main(["--phase", "srresnet", "--data", "photos", *OPTIONS])
    assert "jsr.train: error" not in capsys.readouterr().err


def test_experiment_ends_in_the_time_that_is_given(home, monkeypatch):
    configs = []
    monkeypatch.setattr(loop, "run", configs.append)
    train.experiment(PHASES["srresnet"], ["--minutes", "5"])
    train.experiment(PHASES["srresnet"], [])
    assert [config.minutes for config in configs] == [5, None]
    with pytest.raises(SystemExit) as end:
        train.experiment(PHASES["srresnet"], ["--minutes", "0"])
    assert end.value.code == 2


@pytest.mark.slow
def test_stopped_run_equals_one_never_stopped_to_the_last_bit(home):
    """N steps, SIGTERM, and the same command again give the weights of 2N steps in one go, on one CPU device."""
    options = ["--phase", "srresnet", "--data", "photos", *OPTIONS, "--steps", "400", "--log-every", "20"]
    whole = command(home, *options, "--workdir", "whole")
    _, errors = whole.communicate(timeout=300)
    assert whole.returncode == 0, errors

    stopped = command(home, *options, "--workdir", "stopped")
    record = home / "stopped" / "metrics.jsonl"
    for _ in range(1200):
        if record.exists() and record.read_text():
            break
        time.sleep(0.05)
    stopped.send_signal(signal.SIGTERM)
    output, errors = stopped.communicate(timeout=120)
    assert stopped.returncode == 0
    assert "the same command resumes" in errors + output
    assert lines(home / "stopped")[-1]["step"] < 400

    resumed = command(home, *options, "--workdir", "stopped")
    output, errors = resumed.communicate(timeout=300)
    assert resumed.returncode == 0, errors
    assert "resuming" in output
    ends = [load_file(home / run / "generator.safetensors") for run in ("whole", "stopped")]
    assert ends[0].keys() == ends[1].keys()
    for name, value in ends[0].items():
        np.testing.assert_array_equal(value, ends[1][name], err_msg=name)
    numbers = [[(m["step"], m["loss"]) for m in lines(home / r) if "loss" in m] for r in ("whole", "stopped")]
    assert numbers[0][-1] == numbers[1][-1]
