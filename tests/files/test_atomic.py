"""Tests ../jsr/drafts.py."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jsr.files import atomic

ROOT = Path(__file__).parents[2]
WRITER = """
import itertools, sys, time
from jsr.files import atomic
for i in itertools.count():
    with atomic.draft(sys.argv[1]) as file:
        for _ in range(50):
            file.write(bytes([i % 256]) * 4000)
            file.flush()
            time.sleep(0.0002)
    if not i:
        print("begun", flush=True)
"""


def _writer(target):
    command = [sys.executable, "-c", WRITER, str(target)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
    process.stdout.readline()
    return process


def _drafts(folder):
    return [name for name in os.listdir(folder) if atomic.DRAFT.fullmatch(name)]


def test_kill_leaves_a_whole_file_and_nothing_after_a_sweep(tmp_path):
    target, moments, left = tmp_path / "a.png", random.Random(0), 0
    for _ in range(8):
        process = _writer(target)
        time.sleep(moments.uniform(0, 0.1))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        content = target.read_bytes()
        assert content == content[:1] * 200_000
        left += len(_drafts(tmp_path))
        atomic.sweep(tmp_path)
        assert os.listdir(tmp_path) == ["a.png"]
    assert left > 0, "no kill came while a draft was written"


def test_drafts_that_are_being_written_stay(tmp_path):
    with atomic.draft(tmp_path / "a") as file:
        file.write(b"half")
        assert atomic.sweep(tmp_path) == 0 and len(_drafts(tmp_path)) == 1
    assert (tmp_path / "a").read_bytes() == b"half" and os.listdir(tmp_path) == ["a"]
    process = _writer(tmp_path / "a")
    for _ in range(50):
        atomic.sweep(tmp_path)
    time.sleep(0.1)
    assert process.poll() is None, "its draft was taken away"
    process.kill()
    process.communicate()


def test_only_drafts_are_swept(tmp_path):
    names = {".jsr-mine.part", ".jsr-12345678.png", "x.jsr-12345678.part", ".jsr-12345678.part2"}
    for name in names | {".jsr-12345678.part"}:
        (tmp_path / name).touch()
    (tmp_path / ".jsr-abcdefgh.part").mkdir()
    assert atomic.sweep(tmp_path) == 1
    assert set(os.listdir(tmp_path)) == names | {".jsr-abcdefgh.part"}
    assert atomic.sweep(tmp_path / "missing") == 0


def test_an_error_leaves_the_earlier_file(tmp_path):
    (tmp_path / "a").write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic.draft(tmp_path / "a") as file:
        file.write(b"new")
        raise KeyboardInterrupt
    assert (tmp_path / "a").read_text() == "old" and os.listdir(tmp_path) == ["a"]


def test_a_file_system_without_locks_still_writes(tmp_path, monkeypatch):
    monkeypatch.setattr(atomic, "fcntl", None)
    with atomic.draft(tmp_path / "a") as file:
        file.write(b"new")
    assert (tmp_path / "a").read_bytes() == b"new" and os.listdir(tmp_path) == ["a"]
