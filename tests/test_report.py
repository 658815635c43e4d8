"""Tests ../jsr/report.py."""

import json

import numpy as np
from PIL import Image

from jsr import report


def lines(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_a_resumed_record_continues_where_the_checkpoint_was(tmp_path):
    """Lines after the checkpoint, and one broken off by a crash, are written anew."""
    with report.Report(tmp_path, step=0, steps=10, phase="srresnet") as first:
        for step in (2, 4, 6):
            first.log(step, loss=step / 10)
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 8, "lo')
    with report.Report(tmp_path, step=4, steps=10, phase="srresnet") as second:
        second.log(6, loss=7.0)
    assert lines(tmp_path) == [
        {"step": 2, "loss": 0.2},
        {"step": 4, "loss": 0.4},
        {"step": 6, "loss": 7.0},
    ]


def test_grid_has_rows_of_lr_sr_and_hr(tmp_path, rng):
    """Two columns of different sizes: each picture is found whole at its place."""
    columns = []
    for height, width in ((4, 5), (6, 3)):
        lr = rng.integers(0, 200, (height, width, 3), np.uint8)
        sr, hr = rng.integers(0, 200, (2, 4 * height, 4 * width, 3), np.uint8)
        columns.append((lr, sr, hr))
    with report.Report(tmp_path, step=0, steps=10, phase="srgan") as run:
        run.samples(6, columns)
    picture = np.asarray(Image.open(tmp_path / "samples" / "00000006.png"))
    gap = report.GAP
    for column, (lr, sr, hr) in enumerate(columns):
        enlarged = np.kron(lr, np.ones((4, 4, 1), np.uint8))
        for row, expected in enumerate((enlarged, sr, hr)):
            y, x = gap + row * (24 + gap), gap + column * (20 + gap)
            found = picture[y : y + expected.shape[0], x : x + expected.shape[1]]
            assert np.array_equal(found, expected)


def test_tensorboard_gets_the_same_numbers(tmp_path):
    with report.Report(tmp_path, step=0, steps=10, phase="srresnet") as run:
        run.log(5, loss=0.25)
    (events,) = tmp_path.glob("events*")
    assert b"loss" in events.read_bytes()
