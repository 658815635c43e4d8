"""Weak scaling: a training step of 1, 2 and 4 processes of one core or one GPU each, with equally many crops in each.

python -m scripts.benchmark.scale CASE     is one of the processes; it prints its numbers as JSON
"""

import functools
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.extend import core

from jsr.data.crops import at_step
from jsr.devices import hosts, parallel
from scripts.benchmark import crops, jsr_calls
from scripts.benchmark.cases import Task, on_gpu

COUNTS = (1, 2, 4)
ROOT = Path(__file__).parents[2]


def times(case: Task, *, repeats: int) -> list[dict[str, Any]]:
    """Times a step by the number of processes; `case.batch` is of one process."""
    largest = len(list(Path("/dev").glob("nvidia[0-9]*"))) if on_gpu() else max(COUNTS)
    made = []
    for count in (count for count in COUNTS if count <= largest):
        found = _measure(case._replace(batch=count * case.batch), count, repeats)
        one = made[0]["ms"] if made else found["ms"]
        made.append({"processes": count, **found, "of ideal": one / found["ms"]})
    return made


def _measure(case: Task, count: int, repeats: int) -> dict[str, Any]:
    """Runs the processes; returns the numbers of the first."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    cores = sorted(os.sched_getaffinity(0))
    processes = []
    for index in range(count):
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "JAX_COORDINATOR_ADDRESS": address,
            "JSR_PROCESSES": str(count),
            "JSR_PROCESS": str(index),
        }
        if on_gpu():
            environment["CUDA_VISIBLE_DEVICES"] = str(index)
        core = cores[index % len(cores)]
        command = [sys.executable, "-m", "scripts.benchmark.scale", json.dumps([*case, repeats, core])]
        processes.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True))
    outputs = [process.communicate()[0] for process in processes]
    if any(process.returncode for process in processes):
        raise RuntimeError(f"a process of {count} failed")
    return json.loads(outputs[0].splitlines()[-1])


def _process(case: Task, repeats: int) -> dict[str, Any]:
    """Times a step, and beside it the sum over all devices of as many numbers as a step sums."""
    _, (state, step, _), _ = jsr_calls.beginning(case, "fp32")
    size = case.crop + 2 * crops.BICUBIC.margin
    draw = functools.partial(at_step, batch=case.batch, size=size)
    noise = crops.source(case.crop)
    images = jax.eval_shape(lambda: draw(noise, 0))
    share = jax.ShapeDtypeStruct((case.batch // jax.device_count(), *images.shape[1:]), images.dtype)
    shapes = summed(jax.make_jaxpr(step, axis_env=[(parallel.AXIS, jax.device_count())])(state, share).jaxpr)

    dispatch = parallel.make_dispatch(step, draw, most=case.steps)
    noise, state = parallel.replicate(noise), parallel.replicate(state)
    arrays = parallel.replicate([jnp.ones(shape.shape, shape.dtype) for shape in shapes])
    sums = jax.pmap(
        lambda arrays, _: lax.pmean(arrays, parallel.AXIS), axis_name=parallel.AXIS, in_axes=(None, 0), out_axes=None
    )
    numbers = np.arange(jax.local_device_count())

    def run_steps():
        nonlocal state
        state, _ = dispatch(state, noise, case.steps)
        return state

    def run_sums():
        nonlocal arrays
        for _ in range(case.steps):
            arrays = sums(arrays, numbers)
        return arrays

    seconds: dict[str, list[float]] = {"step": [], "sums": []}
    for _ in range(1 + repeats):
        for name, call in (("step", run_steps), ("sums", run_sums)):
            start = time.perf_counter()
            jax.block_until_ready(call())
            seconds[name].append((time.perf_counter() - start) / case.steps)
    # The first round compiles.
    whole, part = (statistics.median(values[1:]) for values in seconds.values())
    size = sum(shape.size * shape.dtype.itemsize for shape in shapes)
    return {"ms": 1e3 * whole, "MB summed": size / 1e6, "in collectives": part / whole}


def summed(jaxpr: core.Jaxpr) -> list[Any]:
    """Lists the arrays that a program sums over the devices, also in its inner programs."""
    found = []
    for equation in jaxpr.eqns:
        if equation.primitive.name.startswith("psum"):
            found += [variable.aval for variable in equation.invars]
        for inner in core.jaxprs_in_params(equation.params):
            found += summed(inner)
    return found


def main() -> None:
    """Runs one process, and prints its numbers."""
    *case, repeats, core = json.loads(sys.argv[1])
    os.sched_setaffinity(0, [core])  # before jax asks: XLA takes all cores that it sees
    with hosts.joined("scale"):
        print(json.dumps(_process(Task(*case), repeats)))  # of the first one; the others print nothing


if __name__ == "__main__":
    main()
