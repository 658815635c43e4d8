"""Tests ../../jsr/upscaling/prefetch.py."""

import threading
import time

import pytest

from jsr.upscaling.prefetch import prefetched


def test_items_come_in_order_and_errors_after_them():
    def items():
        yield from range(100)
        raise OSError("gone")

    found = []
    with pytest.raises(OSError, match="gone"), prefetched(items()) as ahead:
        for item in ahead:
            found.append(item)
    assert found == list(range(100))


def test_making_and_taking_overlap():
    """Each takes 20 ms an item; one after the other, ten items would take 400 ms."""

    def items():
        for i in range(10):
            time.sleep(0.02)
            yield i

    start = time.monotonic()
    with prefetched(items()) as ahead:
        for _ in ahead:
            time.sleep(0.02)
    assert time.monotonic() - start < 0.36


def test_few_items_are_made_ahead_and_the_generator_is_closed_at_the_end():
    made, closed = [], threading.Event()

    def items():
        try:
            for i in range(1000):
                made.append(i)
                yield i
        finally:
            closed.set()

    with prefetched(items(), ahead=3) as ahead:
        assert next(ahead) == 0
        time.sleep(0.1)
        assert len(made) <= 6
    assert closed.is_set() and len(made) <= 8
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("Thread-") and thread.is_alive()]
