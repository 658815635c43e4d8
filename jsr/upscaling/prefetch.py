"""Work ahead: a thread makes the next items while the caller uses the present one."""

import contextlib
import queue
import threading
from collections.abc import Generator, Iterator
from typing import Any


@contextlib.contextmanager
def prefetched(items: Generator[Any, None, None], *, ahead: int = 2) -> Iterator[Generator[Any, None, None]]:
    """Runs a generator in a thread; gives a generator of its items, and of what it raises.

    At the end of the block the generator is closed, after the item that it is at.

    Args:
      ahead: the most items that wait to be taken.
    """
    ready: queue.Queue[tuple[str, Any]] = queue.Queue(ahead)
    is_stopped = threading.Event()

    def run() -> None:
        try:
            with contextlib.closing(items):
                for item in items:
                    ready.put(("item", item))
                    if is_stopped.is_set():
                        return
            ready.put(("end", None))
        except BaseException as error:  # which the caller is told
            ready.put(("error", error))

    def taken() -> Generator[Any, None, None]:
        while True:
            kind, value = ready.get()
            if kind == "error":
                raise value
            if kind == "end":
                return
            yield value

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield taken()
    finally:
        is_stopped.set()
        while thread.is_alive():  # it may wait for a place in the queue
            with contextlib.suppress(queue.Empty):
                ready.get(timeout=0.05)
