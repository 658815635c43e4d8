"""Tests ../scripts/hostile.py and ../scripts/torture.py, and by them what jsr makes of damaged files."""

import sys
from pathlib import Path

import pytest

from scripts.torture import __main__ as torture
from scripts.torture import hostile
from tests import corpus, encoders


def test_damaged_files_are_refused_or_right(tmp_path, capfd):
    answers = []
    for name, content in hostile.files(300, seed=1):
        path = tmp_path / name
        path.write_bytes(content)
        answers.append((hostile.judge(path), name))
        path.unlink()
    assert [a for a in answers if a[0] not in ("refused", "right")] == []
    assert list(tmp_path.iterdir()) == []
    printed = capfd.readouterr()
    # libtiff, beneath Pillow, says in its own words what it could not decode.
    assert printed.out == "" and "Traceback" not in printed.err
    refused = sum(answer == "refused" for answer, _ in answers)
    assert 100 < refused < 280, "damage as it should be: neither none nor all"


def test_files_are_those_of_their_seed():
    first, again, other = (list(hostile.files(40, seed)) for seed in (1, 1, 2))
    assert first == again and first != other


def test_a_worker_that_hangs_or_ends_costs_its_file_only():
    worker = """
import sys, time
for line in sys.stdin:
    if "hang" in line:
        time.sleep(60)
    if "end" in line:
        sys.exit()
    print("right", flush=True)
"""
    paths = [Path(name) for name in ("a", "hang", "b", "end", "end", "c")]
    lines = hostile.outcomes(paths, [sys.executable, "-c", worker], patience=2)
    assert list(lines) == ["right", "hung", "right", "crashed", "crashed", "right"]


def test_what_is_wrong_is_seen(tmp_path, monkeypatch):
    """A result of other pixels, an error without a line, memory beyond the limit."""
    path = tmp_path / "a.png"
    path.write_bytes(next(corpus.samples()).content)
    assert hostile.judge(path) == "right"
    target = tmp_path / "a_x4.png"

    def main(arguments):
        target.write_bytes(encoders.png_of(encoders.smooth(52, 68), bitdepth=8))
        return 0

    monkeypatch.setattr(hostile.infer, "main", main)
    assert hostile.judge(path) == "not what was read"
    monkeypatch.setattr(hostile.infer, "main", lambda arguments: 1)
    assert hostile.judge(path) == "status 1: []"
    target.touch()
    assert hostile.judge(path) == "a result and an error"
    target.unlink()
    monkeypatch.setattr(hostile.infer, "main", lambda arguments: 1 // 0)
    assert hostile.judge(path).startswith("ZeroDivisionError")


@pytest.mark.parametrize(("wrong", "status"), [(0, 0), (3, 1), (10, 1)])
def test_status(capsys, monkeypatch, wrong, status):
    monkeypatch.setattr(hostile, "run", lambda count, seed: f"{count} tried, {wrong} wrong, 0 hung")
    assert torture.main(["pictures", "7"]) == status
    assert capsys.readouterr().out == f"7 tried, {wrong} wrong, 0 hung\n"
