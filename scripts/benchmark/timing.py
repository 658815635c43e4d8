"""Durations: contestants taking turns, and the speed of matrix products, which the others are a share of."""

import random
import time
from collections.abc import Callable
from typing import Any

from jsr.devices import compilation
from scripts.benchmark import contestants

PAUSE = 0.3  # seconds; OpenMP's threads spin for 0.2 after a call


def alternate(
    calls: dict[str, Callable[[], Any]],
    *,
    repeats: int,
    pause: float = PAUSE,
    report: Callable[[], Any] = lambda: None,
) -> dict[str, list[float]]:
    """Times calls in rounds, each in another order, so that other load on the machine meets all of them alike.

    Args:
      pause: seconds between calls.
      report: called after every round.

    Returns:
      the seconds of each call, a number a round.
    """
    times: dict[str, list[float]] = {name: [] for name in calls}
    order = random.Random(0)
    for _ in range(repeats):
        for name in order.sample(sorted(calls), len(calls)):
            time.sleep(pause)
            start = time.perf_counter()
            calls[name]()
            times[name].append(time.perf_counter() - start)
        report()
    return times


def peaks(*, threads: int, side: int) -> dict[str, float]:
    """Measures the fastest matrix product of either precision, in operations per second."""
    found = {}
    for precision in compilation.DTYPES:
        calls = {}
        for name, build in contestants.product(side, precision, threads=threads).items():
            try:
                calls[name] = build()
                calls[name]()
            except Exception:  # a missing peer is reported by the parts
                calls.pop(name, None)
        seconds = min(min(values) for values in alternate(calls, repeats=5).values())
        found[precision] = 2 * side**3 / seconds
    return found
