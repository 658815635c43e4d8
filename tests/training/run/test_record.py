"""Tests ../../../jsr/training/run/record.py."""

import json
from typing import Any

import numpy as np
import pytest
from PIL import Image

from jsr.training.run import record
from jsr.training.run.record import Record, Silence
from jsr.training.run.run_folder import RunFolder
from jsr.training.validation import Sample


def lines(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_record_of_a_resumed_run_continues_where_the_checkpoint_was(tmp_path):
    """Lines after the checkpoint, and one cut off by a crash, are removed."""
    with Record(RunFolder(tmp_path), step=0, steps=10, phase="srresnet") as first:
        for step in (2, 4, 6):
            first.log(step, loss=step / 10)
        first.note(6, "a word")
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"st\n{"step": 8, "lo')
    with Record(RunFolder(tmp_path), step=4, steps=10, phase="srresnet") as second:
        second.log(6, loss=7.0)
    assert lines(tmp_path) == [
        {"step": 2, "loss": 0.2},
        {"step": 4, "loss": 0.4},
        {"step": 6, "loss": 7.0},
    ]


def test_record_that_cannot_be_rewritten_stays_whole(tmp_path):
    """No file may grow, as on a full disk, while a run takes up its record."""
    resource = pytest.importorskip("resource", reason="Windows has no limit on the size of files")
    with Record(RunFolder(tmp_path), step=0, steps=10, phase="srresnet") as first:
        first.log(2, loss=0.5)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
        with pytest.raises(OSError, match="File too large"):
            Record(RunFolder(tmp_path), step=2, steps=10, phase="srresnet")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert lines(tmp_path) == [{"step": 2, "loss": 0.5}]


def test_note_is_printed_and_recorded_and_advance_shows_a_warning(tmp_path, capsys):
    with Record(RunFolder(tmp_path), step=0, steps=10, phase="srgan") as run:
        run.note(3, "discriminator has won: why")
        run.advance(4, "discriminator has won", loss=0.25)
    assert lines(tmp_path) == [{"step": 3, "note": "discriminator has won: why"}]
    output = capsys.readouterr()
    assert "discriminator has won: why\n" in output.out + output.err
    assert "discriminator has won, loss=0.25" in output.err


def test_samples_are_a_grid_with_rows_of_lr_sr_and_hr(tmp_path, rng):
    """Two columns of different sizes: each picture is complete and in its place."""
    columns = []
    for height, width in ((4, 5), (6, 3)):
        lr = rng.integers(0, 200, (height, width, 3), np.uint8)
        sr, hr = rng.integers(0, 200, (2, 4 * height, 4 * width, 3), np.uint8)
        columns.append(Sample(lr, sr, hr))
    with Record(RunFolder(tmp_path), step=0, steps=10, phase="srgan") as run:
        run.samples(6, columns)
    picture = np.asarray(Image.open(tmp_path / "samples" / "00000006.png"))
    gap = record.GAP
    for column, (lr, sr, hr) in enumerate(columns):
        enlarged = np.kron(lr, np.ones((4, 4, 1), np.uint8))
        for row, expected in enumerate((enlarged, sr, hr)):
            y, x = gap + row * (24 + gap), gap + column * (20 + gap)
            assert np.array_equal(picture[y : y + expected.shape[0], x : x + expected.shape[1]], expected)


def _events(path):
    """Reads TensorBoard's file: entries of length, checksum, data and checksum."""
    from tensorboardX.proto import event_pb2

    event: Any = event_pb2

    content = path.read_bytes()
    while content:
        length = int.from_bytes(content[:8], "little")
        yield event.Event.FromString(content[12 : 12 + length])
        content = content[16 + length :]


def test_log_writes_the_same_numbers_for_tensorboard(tmp_path):
    pytest.importorskip("tensorboardX", reason="the tensorboard extra is not installed")
    with Record(RunFolder(tmp_path), step=4, steps=10, phase="srresnet") as run:
        run.log(5, loss=0.25)
    (path,) = tmp_path.glob("events*")
    events = list(_events(path))
    numbers = [(e.step, v.tag, v.simple_value) for e in events for v in e.summary.value]
    assert numbers == [(5, "loss", 0.25)]
    (start,) = (e for e in events if e.HasField("session_log"))
    assert start.session_log.status == start.session_log.START
    assert start.step == 5, "TensorBoard hides events of this step and later ones, written by a killed run"


def test_silence_writes_and_prints_nothing(tmp_path, rng, capsys):
    picture = rng.integers(0, 256, (8, 8, 3), np.uint8)
    with Silence(RunFolder(tmp_path / "run")) as run:
        run.advance(1, "warning", loss=1.0)
        run.log(1, loss=1.0)
        run.note(1, "a note")
        run.show("a line")
        run.samples(1, [Sample(picture[::4, ::4], picture, picture)])
    assert not any(tmp_path.iterdir()) and capsys.readouterr() == ("", "")
