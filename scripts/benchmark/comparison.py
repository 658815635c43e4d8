"""Contestants compared: the same work done by each, timed, and refused where the outcome differs."""

import gc
import statistics
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from scripts.benchmark import contestants, memory, timing
from scripts.benchmark.cases import CHECKED, Task, on_gpu
from scripts.benchmark.contestants import Call
from scripts.benchmark.flops import flops
from scripts.benchmark.table import rows

# Largest differences allowed: of pictures as a share of their range, of losses as a share of the loss.
LIMITS = {
    "infer": {"fp32": 1e-4, "tf32": 1e-2, "bf16": 0.05},
    "train": {"fp32": 1e-3, "tf32": 1e-2, "bf16": 0.1},
}


def infer_outcome(call: Call) -> np.ndarray:
    """Runs a contestant twice and returns its pictures as `[b, h, w, 3]`."""
    call()
    y = call()
    y = np.asarray(y.cpu() if hasattr(y, "cpu") else y)
    return y if y.shape[-1] == 3 else y.transpose(0, 2, 3, 1)


def train_outcome(call: Call) -> np.ndarray:
    """Runs a contestant twice and returns its first losses `[CHECKED, losses]`."""
    return np.concatenate([call(), call()])[:CHECKED]


def infer_difference(y: np.ndarray, expected: np.ndarray) -> float:
    """Returns the largest difference of pictures in [-1, 1], as a share of their range."""
    return float(np.abs(y - expected).max()) / 2


def train_difference(y: np.ndarray, expected: np.ndarray) -> float:
    """Returns the largest relative difference of losses."""
    return float(np.max(np.abs(y - expected) / np.abs(expected)))


class Outcome(NamedTuple):
    """The outcome of a part's contestants, and how to compare two of them."""

    of: Callable[[Call], np.ndarray]
    difference: Callable[[np.ndarray, np.ndarray], float]


OUTCOMES = {
    "infer": Outcome(infer_outcome, infer_difference),
    "train": Outcome(train_outcome, train_difference),
}


def compare(
    part: str, case: Any, *, repeats: int, threads: int, peak: dict[str, float], has_memory: bool
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Times the contestants of a part on a case.

    Args:
      has_memory: whether to measure memory too, which takes a process for each.

    Returns:
      the rows of the table, and why each of the others was left out.
    """
    outcome, calls, outcomes, left_out = OUTCOMES[part], {}, {}, {}
    builders = contestants.BUILDERS[part](case, threads=threads)
    total = (1 + has_memory) * len(builders) + repeats
    bar = tqdm(total=total, desc=f"{part} {case}", leave=False, disable=None)
    for contestant, build in builders.items():
        bar.update()
        try:
            calls[contestant] = build()
            outcomes[contestant] = outcome.of(calls[contestant])
        except Exception as error:  # a peer may fail in any way, and the others still compete
            if contestant.startswith("jsr"):
                raise
            calls.pop(contestant, None)
            left_out[contestant] = (str(error).splitlines() or [type(error).__name__])[0]
    times = timing.alternate(calls, repeats=repeats, report=bar.update)
    count = case.steps if isinstance(case, Task) else 1
    seconds = {name: statistics.median(values) / count for name, values in times.items()}
    differences = {name: outcome.difference(y, outcomes["jsr fp32"]) for name, y in outcomes.items()}
    limits = dict(LIMITS[part])
    limits["fp32"] = limits["tf32" if on_gpu() else "fp32"]
    made = rows(seconds, differences, work=flops(case), peak=peak, limits=limits)
    for row in made:
        row["MB"] = memory.peak_memory(part, case, row["contestant"], threads) if has_memory else None
        bar.update(has_memory)
    bar.close()
    del calls
    gc.collect()
    if on_gpu() and "torch" in sys.modules:
        sys.modules["torch"].cuda.empty_cache()
    return [{"case": str(case)} | row for row in made], left_out
