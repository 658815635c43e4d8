"""Peak memory of contestants, each in a process of its own."""

import multiprocessing
import sys
from pathlib import Path
from typing import Any

import jax

from scripts.benchmark import contestants
from scripts.benchmark.cases import on_gpu


def peak_memory(part: str, case: Any, contestant: str, threads: int) -> float:
    """Measures by how much building and running a contestant once raises the peak of a fresh process, in MB."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_measure, (part, case, contestant, threads))


def _measure(part, case, contestant, threads):
    build = contestants.BUILDERS[part](case, threads=threads)[contestant]
    before = 0 if on_gpu() else _peak_resident()
    build()()
    if not on_gpu():
        return (_peak_resident() - before) / 1e6
    if contestant.startswith("jsr"):
        return (jax.local_devices()[0].memory_stats() or {})["peak_bytes_in_use"] / 1e6
    return sys.modules["torch"].cuda.max_memory_allocated() / 1e6


def _peak_resident():
    # Not getrusage: its ru_maxrss begins with that of the parent process.
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith("VmHWM")).split()[1])
