"""Tests ../../../jsr/upscaling/command/shares.py."""

import threading
import time

from jsr.devices.launchers import Place
from jsr.upscaling.command import shares
from jsr.upscaling.command.shares import Tally


def test_a_slow_process_is_waited_for_as_long_as_it_gives_signs_of_life(tmp_path, monkeypatch):
    """Its share takes four times the patience; a third process left only an old sign."""
    monkeypatch.setattr(shares, "BEAT", 0.05)
    monkeypatch.setattr(shares, "PATIENCE", 0.4)
    first, slow = Place(0, 3), Place(1, 3)

    def work():
        with shares.alive(tmp_path, slow):
            time.sleep(1.6)
        shares.finish(tmp_path, slow, Tally(5, 2))

    thread = threading.Thread(target=work)
    thread.start()
    (tmp_path / ".jsr-share-2-of-3").write_text("[3]")
    with shares.alive(tmp_path, first):
        pass
    shares.finish(tmp_path, first, Tally(1, 0))
    assert shares.gather(tmp_path, 3) == [Tally(1, 0), Tally(5, 2), None]
    thread.join()
    assert list(tmp_path.iterdir()) == []


def test_the_tally_of_an_earlier_command_does_not_count(tmp_path, monkeypatch):
    monkeypatch.setattr(shares, "PATIENCE", 0.1)
    place = Place(0, 1)
    shares.finish(tmp_path, place, Tally(9, 9))
    with shares.alive(tmp_path / "new", place), shares.alive(tmp_path, place):
        assert shares.gather(tmp_path, 1) == [None]
