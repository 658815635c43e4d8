"""Durations of contestants that take turns."""

import random
import time
from collections.abc import Callable
from typing import Any

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
