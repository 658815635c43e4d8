"""Tests ../jsr/report.py."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jsr.training import record
from jsr.training.record import Report


def lines(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_a_resumed_record_continues_where_the_checkpoint_was(tmp_path):
    """Lines after the checkpoint, and one broken off by a crash, are written anew."""
    with Report(tmp_path, step=0, steps=10, phase="srresnet") as first:
        for step in (2, 4, 6):
            first.log(step, loss=step / 10)
        first.note(6, "a word")
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"st\n{"step": 8, "lo')
    with Report(tmp_path, step=4, steps=10, phase="srresnet") as second:
        second.log(6, loss=7.0)
    assert lines(tmp_path) == [
        {"step": 2, "loss": 0.2},
        {"step": 4, "loss": 0.4},
        {"step": 6, "loss": 7.0},
    ]


def test_a_record_is_never_half_written(tmp_path, monkeypatch):
    """A process killed while it takes up the record leaves the old one."""
    with Report(tmp_path, step=0, steps=10, phase="srresnet") as first:
        first.log(2, loss=0.5)
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        Report(tmp_path, step=2, steps=10, phase="srresnet")
    assert lines(tmp_path) == [{"step": 2, "loss": 0.5}]


def test_a_note_is_said_and_kept_and_a_warning_stands_beside_the_bar(tmp_path, capsys):
    with Report(tmp_path, step=0, steps=10, phase="srgan") as run:
        run.note(3, "discriminator has won: why")
        run.advance(4, "discriminator has won", loss=0.25)
    assert lines(tmp_path) == [{"step": 3, "note": "discriminator has won: why"}]
    said = capsys.readouterr()
    assert "discriminator has won: why\n" in said.out + said.err
    assert "discriminator has won, loss=0.25" in said.err


def test_grid_has_rows_of_lr_sr_and_hr(tmp_path, rng):
    """Two columns of different sizes: each picture is found whole at its place."""
    columns = []
    for height, width in ((4, 5), (6, 3)):
        lr = rng.integers(0, 200, (height, width, 3), np.uint8)
        sr, hr = rng.integers(0, 200, (2, 4 * height, 4 * width, 3), np.uint8)
        columns.append((lr, sr, hr))
    with Report(tmp_path, step=0, steps=10, phase="srgan") as run:
        run.samples(6, columns)
    picture = np.asarray(Image.open(tmp_path / "samples" / "00000006.png"))
    gap = record.GAP
    for column, (lr, sr, hr) in enumerate(columns):
        enlarged = np.kron(lr, np.ones((4, 4, 1), np.uint8))
        for row, expected in enumerate((enlarged, sr, hr)):
            y, x = gap + row * (24 + gap), gap + column * (20 + gap)
            found = picture[y : y + expected.shape[0], x : x + expected.shape[1]]
            assert np.array_equal(found, expected)


def _events(path):
    """Reads TensorBoard's file: records of length, sum, data and sum."""
    from tensorboardX.proto.event_pb2 import Event

    content = path.read_bytes()
    while content:
        length = int.from_bytes(content[:8], "little")
        yield Event.FromString(content[12 : 12 + length])
        content = content[16 + length :]


def test_tensorboard_gets_the_same_numbers(tmp_path):
    with Report(tmp_path, step=4, steps=10, phase="srresnet") as run:
        run.log(5, loss=0.25)
    (path,) = tmp_path.glob("events*")
    events = list(_events(path))
    numbers = [(e.step, v.tag, v.simple_value) for e in events for v in e.summary.value]
    assert numbers == [(5, "loss", 0.25)]
    (start,) = (e for e in events if e.HasField("session_log"))
    assert start.session_log.status == start.session_log.START
    assert start.step == 5, "events of this step on, of a run that died, are hidden"
