"""Tests ../scripts/plot_run.py."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

PATH = Path(__file__).parents[2] / "scripts" / "plot_run.py"


@pytest.fixture(scope="module")
def plot_run():
    spec = importlib.util.spec_from_file_location("plot_run", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _record(run, rows):
    run.mkdir(exist_ok=True)
    (run / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return run


def _pretrain(steps):
    return [{"step": s, "loss": 1 / s, "steps_per_second": 3.0} for s in steps]


def _gan(steps):
    return [{"step": s, "content": 1 / s, "generator": 0.7, "discriminator": 1.3} for s in steps]


def test_srresnet_has_one_curve_and_srgan_three(plot_run):
    validation = [{"step": 5, "psnr": 28.4}]
    assert list(plot_run.curves(_pretrain(range(1, 9)) + validation)) == ["loss"]
    found = plot_run.curves(_gan(range(1, 9)) + validation)
    assert list(found) == ["content", "generator", "discriminator"]
    assert found["content"] == (list(range(1, 9)), [1 / s for s in range(1, 9)])


@pytest.mark.parametrize("rows", [_pretrain(range(1, 300)), _gan(range(1, 9))])
def test_draws_a_picture_that_shows_something(plot_run, tmp_path, rows, capsys):
    pytest.importorskip("matplotlib")
    run = _record(tmp_path / "run", [*rows, {"step": 8, "psnr": 28.4}])
    assert plot_run.main([str(run)]) == 0
    assert capsys.readouterr().out.strip() == str(run / "loss.png")
    image = np.asarray(Image.open(run / "loss.png").convert("RGB")).astype(int)
    blue = (image[..., 2] - image[..., 0]) > 60  # matplotlib's C0, and nothing else in the figure
    assert blue.sum() > 100


def test_a_resumed_run_replaces_what_it_does_again(plot_run, tmp_path):
    """Killed at step 4, resumed from the checkpoint of step 2: the first step 4 is void."""
    again = [{"step": 3, "loss": 30.0}, {"step": 5, "loss": 50.0}]
    run = _record(tmp_path / "run", _pretrain([1, 2, 3, 4]) + again)
    assert [r["step"] for r in plot_run.read(run / "metrics.jsonl")] == [1, 2, 3, 3, 5]


def test_a_half_written_last_line_is_left_out(plot_run, tmp_path):
    run = _record(tmp_path / "run", _pretrain([1, 2]))
    with (run / "metrics.jsonl").open("a") as file:
        file.write('{"step": 3, "lo')
    assert [row["step"] for row in plot_run.read(run / "metrics.jsonl")] == [1, 2]


def test_values_that_are_not_finite_are_left_out(plot_run):
    rows = [{"step": 1, "loss": 1.0}, {"step": 2, "loss": float("nan")}, {"step": 3, "loss": None}]
    assert plot_run.curves(rows) == {"loss": ([1], [1.0])}


def test_smooth_keeps_the_mean_of_a_line(plot_run):
    """A centred mean does not shift a straight line, save at its ends, where it is cut."""
    line = [float(i) for i in range(20)]
    assert plot_run.smooth(line, width=5)[2:-2] == pytest.approx(line[2:-2])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "metrics.jsonl: No such file"),
        ("", "no losses yet"),
        ('{"step": 1, "psnr": 20.0}\n', "no losses yet"),
        ('nonsense\n{"step": 1, "loss": 1}\n', "line 1: expected a JSON object"),
    ],
)
def test_errors_are_one_line(plot_run, tmp_path, capsys, content, message):
    pytest.importorskip("matplotlib")
    if content is not None:
        (tmp_path / "metrics.jsonl").write_text(content)
    assert plot_run.main([str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
