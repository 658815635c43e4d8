"""Shares of one command's pictures: several processes each upscale some, and the first one adds up.

The processes need no connection. Each has a hidden file in a folder that all of them see: a list with one number, which
counts its signs of life, and at its end a list with two, its tally. A process that dies costs its own pictures only.
"""

import contextlib
import itertools
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from jsr.devices.launchers import Place
from jsr.files import atomic

BEAT = 5.0  # seconds between signs of life
PATIENCE = 90.0  # seconds without one, after which a process counts as gone: NFS may show a file as it was for 60


class Tally(NamedTuple):
    """What a process has done with its share."""

    made: int
    failed: int


@contextlib.contextmanager
def alive(folder: Path, place: Place) -> Iterator[None]:
    """Gives signs of life during the block, in a folder that is made if it does not exist.

    Raises:
      OSError: it cannot be written.
    """
    path = _path(folder, place)
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic.write_text(path, "[0]")  # Without this, the tally of an earlier command might count.
    is_over = threading.Event()

    def beat() -> None:
        for number in itertools.count(1):
            if is_over.wait(BEAT):
                return
            with contextlib.suppress(OSError):  # A full disk is reported with the next picture.
                atomic.write_text(path, f"[{number}]")

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def finish(folder: Path, place: Place, tally: Tally) -> None:
    """Writes the tally of a process for the first one, after its last sign of life.

    Raises:
      OSError: it cannot be written.
    """
    atomic.write_text(_path(folder, place), json.dumps(tally))


def gather(folder: Path, count: int) -> list[Tally | None]:
    """Waits for the tallies of all processes, and removes them; None stands for a process that is gone."""
    paths = [_path(folder, Place(index, count)) for index in range(count)]
    tallies = [_wait(path) for path in paths]
    for path in paths:
        path.unlink(missing_ok=True)
    return tallies


def _wait(path: Path) -> Tally | None:
    latest, since = [0], time.monotonic()
    while time.monotonic() - since < PATIENCE:
        numbers = latest
        with contextlib.suppress(OSError):  # not there yet, or being replaced on a file server
            numbers = json.loads(path.read_text("utf-8"))
        if len(numbers) == len(Tally._fields):
            return Tally(*numbers)
        if numbers != latest:
            latest, since = numbers, time.monotonic()
        time.sleep(min(1.0, BEAT))
    return None


def _path(folder: Path, place: Place) -> Path:
    return folder / f".jsr-share-{place.index}-of-{place.count}"
