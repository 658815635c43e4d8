"""Tests ../../scripts/torture/hostile.py and __main__.py, and by them how jsr.infer treats damaged files."""

import re
import sys
import tempfile
from pathlib import Path

import pytest

from scripts.torture import __main__ as torture
from scripts.torture import hostile
from tests import corpus, encoders


@pytest.mark.parametrize("count", [60, pytest.param(300, marks=pytest.mark.slow)])
def test_judge_finds_damaged_files_refused_or_right(tmp_path, capfd, count):
    answers = []
    for name, content in hostile.files(count, seed=1):
        path = tmp_path / name
        path.write_bytes(content)
        answers.append((hostile.judge(path), name))
        path.unlink()
    assert [a for a in answers if a[0] not in ("refused", "right")] == []
    assert list(tmp_path.iterdir()) == []
    printed = capfd.readouterr()
    # libtiff, which Pillow uses, prints its own messages.
    assert printed.out == "" and "Traceback" not in printed.err
    refused = sum(answer == "refused" for answer, _ in answers)
    assert count / 3 < refused < count * 280 / 300, "expected some files to be refused and some to be right"


def test_files_depend_on_the_seed_alone():
    first, again, other = (list(hostile.files(40, seed)) for seed in (1, 1, 2))
    assert first == again and first != other


def test_outcomes_lose_one_file_to_a_worker_that_hangs_or_ends():
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


def test_judge_sees_each_kind_of_flaw(tmp_path, monkeypatch):
    """Other pixels, an error without a line, a result beside an error, an exception."""
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


# Stands for the worker that reads pictures; it answers by a file's name.
WORKER = """
import sys, time
for line in sys.stdin:
    number = int(line.rpartition("/")[2][:5])
    if number == FLAW:
        ANSWER
    print(("right", "refused")[number % 2], flush=True)
"""


@pytest.mark.parametrize(
    ("answer", "counts", "reason"),
    [
        ("pass", "3 refused, 4 right, 0 wrong, 0 hung, 0 crashed", None),
        (
            "print('other pixels', flush=True); continue",
            "3 refused, 3 right, 1 wrong, 0 hung, 0 crashed",
            "other pixels",
        ),
        ("time.sleep(60)", "3 refused, 3 right, 0 wrong, 1 hung, 0 crashed", "hung"),
        ("sys.exit()", "3 refused, 3 right, 0 wrong, 0 hung, 1 crashed", "crashed"),
    ],
    ids=["none", "wrong", "hung", "crashed"],
)
def test_main_counts_flaws_and_keeps_their_files(tmp_path, monkeypatch, capsys, answer, counts, reason):
    worker = WORKER.replace("FLAW", "4").replace("ANSWER", answer)
    outcomes = hostile.outcomes
    monkeypatch.setattr(
        hostile, "outcomes", lambda paths, *_, **__: outcomes(paths, [sys.executable, "-c", worker], patience=2)
    )
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert torture.main(["pictures", "7"]) == (1 if reason else 0)
    out, err = capsys.readouterr()
    assert out == f"pictures: 7 tried, {counts}\n"
    flawed = list(tmp_path.rglob("0*"))
    assert err == "".join(f"{path}: {reason}\n" for path in flawed)
    content = dict(list(hostile.files(7, seed=0))[4:5])
    assert {path.name: path.read_bytes() for path in flawed} == (content if reason else {})


@pytest.mark.slow
def test_main_runs_the_real_worker(capsys):
    assert torture.main(["pictures", "20"]) == 0
    counts = re.fullmatch(
        r"pictures: 20 tried, (\d+) refused, (\d+) right, 0 wrong, 0 hung, 0 crashed\n", capsys.readouterr().out
    )
    assert counts and sum(map(int, counts.groups())) == 20
