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


def test_the_next_item_is_made_while_one_is_used():
    is_begun = threading.Event()

    def items():
        yield 0
        is_begun.set()
        yield 1

    with prefetched(items()) as ahead:
        assert next(ahead) == 0
        assert is_begun.wait(timeout=30)


def test_few_items_are_made_ahead_and_the_generator_is_closed_at_the_end():
    made, closed = [], threading.Event()
    threads = set(threading.enumerate())

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
    assert set(threading.enumerate()) <= threads
