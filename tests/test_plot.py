"""Tests ../jsr/plot.py."""

import json
import sys

import numpy as np
import pytest
from PIL import Image

from jsr import plot


def _record(run, rows):
    run.mkdir(exist_ok=True)
    (run / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return run


def _pretrain(steps):
    return [{"step": s, "loss": 1 / s, "steps_per_second": 3.0} for s in steps]


def _gan(steps):
    return [{"step": s, "content": 1 / s, "generator": 0.7, "discriminator": 1.3} for s in steps]


def test_curves_are_the_losses_of_a_phase_and_the_scores_that_the_run_has():
    validation = [{"step": 5, "psnr": 28.4, "ssim": 0.81}, {"step": 8, "psnr": 28.5, "ssim": 0.82}]
    found = plot.curves(_pretrain(range(1, 9)) + validation)
    assert list(found) == ["loss", "psnr", "ssim"]
    found = plot.curves(_gan(range(1, 9)) + [row | {"lpips": 0.3} for row in validation])
    assert list(found) == ["content", "generator", "discriminator", "psnr", "ssim", "lpips"]
    assert found["ssim"] == ([5, 8], [0.81, 0.82])
    assert found["content"] == (list(range(1, 9)), [1 / s for s in range(1, 9)])


@pytest.mark.parametrize("rows", [_pretrain(range(1, 300)), _gan(range(1, 9))])
def test_main_draws_a_picture_that_shows_something(tmp_path, rows, capsys):
    pytest.importorskip("matplotlib", reason="matplotlib is an extra")
    run = _record(tmp_path / "run", [*rows, {"step": 8, "psnr": 28.4, "ssim": 0.8, "lpips": 0.3}])
    assert plot.main([str(run)]) == 0
    assert capsys.readouterr().out.strip() == str(run / "loss.png")
    image = np.asarray(Image.open(run / "loss.png").convert("RGB")).astype(int)
    blue = (image[..., 2] - image[..., 0]) > 60  # matplotlib's C0, and nothing else in the figure
    panels = len(plot.curves(rows)) + 3
    assert all(panel.sum() > 10 for panel in np.array_split(blue[100:], panels))


def test_read_lets_a_resumed_run_replace_its_lines(tmp_path):
    """Killed at step 4, resumed from the checkpoint of step 2: the first step 4 is void."""
    again = [{"step": 3, "loss": 30.0}, {"step": 5, "loss": 50.0}]
    run = _record(tmp_path / "run", _pretrain([1, 2, 3, 4]) + again)
    assert [r["step"] for r in plot.read(run / "metrics.jsonl")] == [1, 2, 3, 3, 5]


def test_read_ignores_a_truncated_last_line(tmp_path):
    run = _record(tmp_path / "run", _pretrain([1, 2]))
    with (run / "metrics.jsonl").open("a") as file:
        file.write('{"step": 3, "lo')
    assert [row["step"] for row in plot.read(run / "metrics.jsonl")] == [1, 2]


def test_curves_leave_out_values_that_are_not_finite():
    rows = [{"step": 1, "loss": 1.0}, {"step": 2, "loss": float("nan")}, {"step": 3, "loss": None}]
    assert plot.curves(rows) == {"loss": ([1], [1.0])}


def test_smooth_keeps_the_mean_of_a_line():
    """A centred mean does not shift a straight line, save at its ends, where it is cut."""
    line = [float(i) for i in range(20)]
    assert plot.smooth(line, width=5)[2:-2] == pytest.approx(line[2:-2])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "metrics.jsonl: No such file"),
        ("", "no curve yet"),
        ('{"step": 1, "steps_per_second": 2.0}\n', "no curve yet"),
        ('nonsense\n{"step": 1, "loss": 1}\n', "line 1: expected a JSON object"),
    ],
)
def test_main_gives_each_error_a_line(tmp_path, capsys, content, message):
    pytest.importorskip("matplotlib", reason="matplotlib is an extra")
    if content is not None:
        (tmp_path / "metrics.jsonl").write_text(content)
    assert plot.main([str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_main_lists_the_formats_that_it_writes(tmp_path, capsys):
    pytest.importorskip("matplotlib", reason="matplotlib is an extra")
    run = _record(tmp_path / "run", _pretrain([1, 2]))
    assert plot.main([str(run), "-o", "a.xyz"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("jsr.plot: error: a.xyz: expected a file named .") and ".png" in error


def test_main_without_matplotlib_names_the_extra(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert plot.main([str(tmp_path)]) == 1
    assert capsys.readouterr().err == "jsr.plot: error: needs matplotlib: pip install 'jax-srgan[plot]'\n"


@pytest.fixture
def photo(tmp_path, rng):
    path = tmp_path / "photo.png"
    coarse = Image.fromarray(rng.integers(0, 256, (30, 40, 3), np.uint8))
    coarse.resize((400, 300), Image.Resampling.BICUBIC).save(path)
    return path


def test_main_shows_a_degradation_beside_the_photograph(tmp_path, photo, capsys):
    picture = tmp_path / "grid.png"
    assert plot.main(["--degradation", "photo", str(photo), str(photo), "-o", str(picture)]) == 0
    assert capsys.readouterr().out.strip() == str(picture)
    rows = np.asarray(Image.open(picture)).reshape(2, 192, 7, 192, 3).swapaxes(1, 2)
    middle = np.asarray(Image.open(photo))[54:246, 104:296]
    for original, *draws in rows:
        np.testing.assert_array_equal(original, middle)
        for draw in draws:
            np.testing.assert_array_equal(draw, draw[::4, ::4].repeat(4, axis=0).repeat(4, axis=1))
            assert np.abs(draw.mean(axis=(0, 1)) - middle.mean(axis=(0, 1))).max() < 12  # the same scene
    assert len(np.unique(rows[:, 1:].reshape(12, -1), axis=0)) >= 10  # two may be clean, and then alike


def test_main_refuses_a_photograph_that_is_too_small(tmp_path, capsys):
    small = tmp_path / "small.png"
    Image.new("RGB", (200, 300)).save(small)
    assert plot.main(["--degradation", "photo", str(small), "-o", str(tmp_path / "grid.png")]) == 1
    assert "expected 240x240 pixels or more, got 200x300" in capsys.readouterr().err
    assert not (tmp_path / "grid.png").exists()


def test_main_refuses_two_runs(tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        plot.main([str(tmp_path), str(tmp_path)])
    assert "expected one run, got 2 paths" in capsys.readouterr().err
