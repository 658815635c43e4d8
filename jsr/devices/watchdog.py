"""The watchdog of a process that trains with others: it gives signs of life, and looks for those of the others.

Both are entries of JAX's key-value service. JAX watches too, but aborts with a stack trace, and takes longer.
"""

import contextlib
import itertools
import math
import os
import socket
import threading
import time
from typing import Any, NoReturn

from jsr.devices.launchers import Place

BEAT = 2.0  # seconds between signs of life
PATIENCE = 30.0  # seconds without one, after which a process counts as gone; JAX takes 100
START = 300.0  # seconds within which all processes must have come
FAILED, FINISHED = "failed", "finished"
GONE = "is gone; the same command resumes"


class Watchdog:
    """Gives signs of life, and ends this process with one line where another one gives none."""

    def __init__(self, program: str, place: Place) -> None:
        """Takes the name before the line."""
        self._program = program
        self._place = place
        self._client: Any = None
        self._is_over = threading.Event()
        self._signs: dict[int, tuple[str, float]] = {}  # the latest of each process, and when it was new

    def start(self, client: Any) -> None:
        """Starts to beat and to watch, in two threads because the service may not answer.

        Args:
          client: of the key-value service.
        """
        self._client = client
        self._signs = {index: ("", time.monotonic()) for index in range(self._place.count)}
        for target in (self._beat, self._watch):
            threading.Thread(target=target, daemon=True).start()

    def set_end(self, end: str) -> None:
        """Tells the others how this process ends: `FAILED` or `FINISHED`."""
        with contextlib.suppress(Exception):  # The service ends with the first process.
            self._client.key_value_set(f"jsr/ends/{self._place.index}", end)

    def stop(self) -> None:
        """Ends both, before the others leave."""
        self._is_over.set()

    def report_loss(self) -> None:
        """Ends this process because the connection to the first one, which runs the service, has ended."""
        if not self._is_over.is_set():
            self._end(0, GONE)

    def report_absence(self) -> None:
        """Ends this process because others have not come."""
        self._fail(f"expected {self._place.count} processes, but not all came in {START:g} s")

    def _beat(self) -> None:
        host = socket.gethostname()
        for beat in itertools.count():
            with contextlib.suppress(Exception):  # Where the service has failed, the signs of all grow old.
                self._client.key_value_set(f"jsr/signs/{self._place.index}", f"{host} {beat}", allow_overwrite=True)
                for index, sign in self._entries("signs").items():
                    if sign != self._signs[index][0]:
                        self._signs[index] = sign, time.monotonic()
                for index, end in self._entries("ends").items():
                    if end == FAILED and index != self._place.index:
                        self._end(index, "has failed, and says why")
                    self._signs[index] = self._signs[index][0], math.inf
            if self._is_over.wait(BEAT):
                return

    def _watch(self) -> None:
        while not self._is_over.wait(BEAT):
            for index, (_, when) in self._signs.items():
                if time.monotonic() - when > PATIENCE:
                    self._end(index, GONE)

    def _end(self, index: int, fate: str) -> NoReturn:
        host, _, _ = self._signs.get(index, ("", 0.0))[0].partition(" ")
        self._fail(f"{Place(index, self._place.count)}{f' on {host}' * bool(host)} {fate}")

    def _fail(self, text: str) -> NoReturn:
        start = "\n" if self._place.is_first else ""  # after the progress bar
        line = f"{start}{self._program}: error: {text}\n"
        os.write(2, line.encode())  # Not by `print`, because the main thread may hold the stream's lock.
        os._exit(1)

    def _entries(self, folder: str) -> dict[int, str]:
        """Returns what the processes have written into a folder of the service, by their numbers."""
        entries = self._client.key_value_dir_get(f"jsr/{folder}/")
        return {int(key.rpartition("/")[2]): value for key, value in entries}
