"""Tests ../../jsr/files/atomic.py."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from jsr.files import atomic

ROOT = Path(__file__).parents[2]
WRITER = """
import itertools, sys, time
from jsr.files import atomic
for i in itertools.count():
    with atomic.replacing(sys.argv[1]) as file:
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
    assert process.stdout
    process.stdout.readline()
    return process


def _temporary(folder):
    return [name for name in os.listdir(folder) if atomic.TEMPORARY.fullmatch(name)]


def test_kill_leaves_a_whole_file_and_nothing_after_a_sweep(tmp_path):
    target, moments, left = tmp_path / "a.png", random.Random(0), 0
    for _ in range(8):
        process = _writer(target)
        time.sleep(moments.uniform(0, 0.1))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        content = target.read_bytes()
        assert content == content[:1] * 200_000
        left += len(_temporary(tmp_path))
        atomic.sweep(tmp_path)
        assert os.listdir(tmp_path) == ["a.png"]
    assert left > 0, "no kill came during a write"


def test_sweep_leaves_files_that_are_being_written(tmp_path):
    with atomic.replacing(tmp_path / "a") as file:
        file.write(b"half")
        assert atomic.sweep(tmp_path) == 0 and len(_temporary(tmp_path)) == 1
    assert (tmp_path / "a").read_bytes() == b"half" and os.listdir(tmp_path) == ["a"]
    process = _writer(tmp_path / "a")
    for _ in range(50):
        atomic.sweep(tmp_path)
    time.sleep(0.1)
    assert process.poll() is None, "its temporary file was removed"
    process.kill()
    process.communicate()


def test_sweep_removes_temporary_files_only(tmp_path):
    names = {".jsr-mine.part", ".jsr-12345678.png", "x.jsr-12345678.part", ".jsr-12345678.part2"}
    for name in names | {".jsr-12345678.part"}:
        (tmp_path / name).touch()
    (tmp_path / ".jsr-abcdefgh.part").mkdir()
    assert atomic.sweep(tmp_path) == 1
    assert set(os.listdir(tmp_path)) == names | {".jsr-abcdefgh.part"}
    assert atomic.sweep(tmp_path / "missing") == 0


def test_an_error_leaves_the_earlier_file(tmp_path):
    (tmp_path / "a").write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic.replacing(tmp_path / "a") as file:
        file.write(b"new")
        raise KeyboardInterrupt
    assert (tmp_path / "a").read_text() == "old" and os.listdir(tmp_path) == ["a"]


def test_a_file_system_without_locks_still_writes(tmp_path, monkeypatch):
    monkeypatch.setattr(atomic, "fcntl", None)
    with atomic.replacing(tmp_path / "a") as file:
        file.write(b"new")
    assert (tmp_path / "a").read_bytes() == b"new" and os.listdir(tmp_path) == ["a"]


def test_a_folder_appears_complete_or_not_at_all(tmp_path):
    with atomic.building(tmp_path / "a" / "b") as folder:
        (folder / "x").write_text("x")
        assert not (tmp_path / "a" / "b").exists()
    assert os.listdir(tmp_path / "a") == ["b"] and (tmp_path / "a" / "b" / "x").read_text() == "x"
    with pytest.raises(KeyboardInterrupt), atomic.building(tmp_path / "a" / "c"):
        raise KeyboardInterrupt
    assert os.listdir(tmp_path / "a") == ["b"]


def test_a_folder_that_another_process_built_first_stays(tmp_path):
    with atomic.building(tmp_path / "a") as folder:
        (folder / "x").write_text("second")
        (tmp_path / "a").mkdir()
        (tmp_path / "a" / "x").write_text("first")
    assert (tmp_path / "a" / "x").read_text() == "first" and os.listdir(tmp_path) == ["a"]


def test_text_is_utf_8(tmp_path):
    atomic.write_text(tmp_path / "a", "Grüße\n")
    assert (tmp_path / "a").read_bytes() == "Grüße\n".encode()


def test_locked_lets_one_in_at_a_time_and_leaves_nothing(tmp_path):
    inside, most = [], []

    def work():
        with atomic.locked(tmp_path / "new" / "a.lock"):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.1)
            inside.pop()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1, 1] and list((tmp_path / "new").iterdir()) == []
