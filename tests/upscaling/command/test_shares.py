"""Tests ../../../jsr/upscaling/command/shares.py, and `jsr.infer` in several processes."""

import json
import os
import re
import time
from pathlib import Path

import pytest

from jsr.devices.launchers import Place
from jsr.upscaling.command import shares
from jsr.upscaling.command.shares import Tally
from tests import commands

pytestmark = pytest.mark.usefixtures("place")


class _Clock:
    """Stands in for `time`: sleeping takes no time, and others work meanwhile."""

    def __init__(self):
        self.now, self.meanwhile = 0.0, lambda: None

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds
        self.meanwhile()


def test_a_slow_process_is_waited_for_as_long_as_it_gives_signs_of_life(tmp_path, monkeypatch):
    """Its share takes four times the patience; a third process left only an old sign."""
    slow, sign = tmp_path / ".jsr-share-1-of-3", tmp_path / ".jsr-share-2-of-3"
    clock = _Clock()
    monkeypatch.setattr(shares, "time", clock)

    def work():
        if clock.now < 4 * shares.PATIENCE:
            slow.write_text(f"[{int(clock.now / shares.BEAT)}]")
        elif slow.exists():
            shares.finish(tmp_path, Place(1, 3), Tally(5, 2))

    clock.meanwhile = work
    sign.write_text("[3]")
    shares.finish(tmp_path, Place(0, 3), Tally(1, 0))
    assert shares.gather(tmp_path, 3) == [Tally(1, 0), Tally(5, 2), None]
    assert 5 * shares.PATIENCE <= clock.now < 6 * shares.PATIENCE
    assert list(tmp_path.iterdir()) == []


def test_a_process_gives_signs_of_life(tmp_path, monkeypatch):
    monkeypatch.setattr(shares, "BEAT", 0.01)
    path = tmp_path / "new" / ".jsr-share-0-of-1"
    with shares.alive(path.parent, Place(0, 1)):
        deadline = time.monotonic() + 60
        while json.loads(path.read_text())[0] < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert json.loads(path.read_text())[0] >= 3
    latest = path.read_text()
    time.sleep(0.1)
    assert path.read_text() == latest


def test_the_tally_of_an_earlier_command_does_not_count(tmp_path, monkeypatch):
    monkeypatch.setattr(shares, "PATIENCE", 0.1)
    place = Place(0, 1)
    shares.finish(tmp_path, place, Tally(9, 9))
    with shares.alive(tmp_path / "new", place), shares.alive(tmp_path, place):
        assert shares.gather(tmp_path, 1) == [None]


def _processes(monkeypatch, indices, *argv):
    """Runs some of three processes, the first one at the end, because it waits for the others."""
    monkeypatch.setenv("JSR_PROCESSES", "3")
    statuses = {}
    for index in sorted(indices, reverse=True):
        monkeypatch.setenv("JSR_PROCESS", str(index))
        statuses[index] = commands.run(*argv)
    return statuses


def test_processes_share_a_folder_and_the_first_reports_the_sum(capsys, monkeypatch):
    for number in range(7):
        commands.picture(f"folder/{number}.png")
    Path("folder/4.png").write_bytes(b"broken")
    assert _processes(monkeypatch, range(3), "folder", "-o", "out") == {0: 1, 1: 1, 2: 0}
    output = capsys.readouterr()
    names = re.findall(r"(\d).png ->", output.out)
    assert names == ["2", "5", "1", "0", "3", "6"]
    assert output.out.splitlines()[-1] == "all 3 processes: 6 files made, 1 failed"
    assert "4.png" in output.err and sorted(os.listdir("out")) == [f"{n}.png" for n in range(7) if n != 4]
    # What is done is left out, by each of its own share.
    assert _processes(monkeypatch, range(3), "folder", "--skip-existing", "-o", "out") == {0: 1, 1: 1, 2: 0}
    assert capsys.readouterr().out.splitlines()[-1] == "all 3 processes: 0 files made, 1 failed"


def test_a_dead_process_costs_its_own_pictures_only(capsys, monkeypatch):
    """It left a sign of life."""
    for number in range(5):
        commands.picture(f"folder/{number}.png")
    Path("out").mkdir()
    Path("out/.jsr-share-1-of-3").write_text("[7]")
    monkeypatch.setattr(shares, "PATIENCE", 0.1)
    assert _processes(monkeypatch, (0, 2), "folder", "-o", "out") == {0: 1, 2: 0}
    output = capsys.readouterr()
    assert output.out.splitlines()[-1] == "all 3 processes: 3 files made, 0 failed"
    assert output.err == "jsr.infer: error: process 1 of 3 is gone; --skip-existing makes what it has not\n"
    monkeypatch.delenv("JSR_PROCESSES")
    assert commands.run("folder", "--skip-existing", "-o", "out") == 0
    assert sorted(os.listdir("out")) == [f"{n}.png" for n in range(5)]


def test_several_processes_take_no_stream(capsys, monkeypatch):
    monkeypatch.setenv("JSR_PROCESSES", "2")
    monkeypatch.setenv("JSR_PROCESS", "1")
    commands.picture("a.png")
    assert "-: expected a file or folder for 2 processes" in commands.refused(capsys, "a.png", "-o", "-")
    monkeypatch.setenv("JSR_PROCESS", "2")
    assert "JSR_PROCESS: expected a number, 0 to 1, in the environment, got 2" in commands.refused(capsys, "a.png")
