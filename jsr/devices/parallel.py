"""A pure training step compiled for all devices: the only file that uses `pmap`.

The state is replicated and donated, each device takes its share of the batch, and averaging losses, gradients and batch
statistics over `AXIS` gives all devices the same result. Nothing here depends on networks or losses.

Where several processes train together, `AXIS` runs over the devices of all. Each process hands over and gets back
arrays of its own devices, all but those of a checkpoint.
"""

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jsr.devices import compilation

AXIS = "batch"


@dataclasses.dataclass(frozen=True)
class Pending:
    """The metrics of dispatched steps, which may still be running."""

    history: dict[str, Any]  # each metric, [n] with n >= steps, on the devices or on the host
    steps: int
    end: float | None  # `time.perf_counter()` at the end of the steps; None if they may still be running

    def wait(self) -> tuple[dict[str, np.ndarray], float]:
        """Waits for the steps; returns each metric, `[steps]` on the host, and `time.perf_counter()` at their end."""
        metrics = {name: values[: self.steps] for name, values in jax.device_get(self.history).items()}
        return metrics, time.perf_counter() if self.end is None else self.end


Dispatch = Callable[[Any, Any, int], tuple[Any, Pending]]


def replicate(tree: Any) -> Any:
    """Returns a copy of a tree of arrays on every local device.

    A copy, because the step donates its state while the caller may still need the arrays. A state is replicated before
    the first step: one on a single device would cost a compilation of its own.
    """
    return jax.device_put(jax.tree.map(jnp.copy, tree), replicated())


def replicated() -> NamedSharding:
    """Returns the sharding of an array that every local device has whole."""
    return NamedSharding(Mesh(np.array(jax.local_devices()), (AXIS,)), PartitionSpec())


def divided(axis: int) -> NamedSharding:
    """Returns the sharding of an array of which every local device has one index of an axis."""
    return NamedSharding(replicated().mesh, PartitionSpec(*[None] * axis, AXIS))


def from_first(tree: Any) -> Any:
    """Returns a tree of arrays as the first process has it, so that all begin with the same."""
    return multihost_utils.broadcast_one_to_all(tree) if jax.process_count() > 1 else tree


def across() -> NamedSharding:
    """Returns the sharding of an array that every device of every process has whole, as checkpoints require it."""
    return NamedSharding(_all_devices(), PartitionSpec())


def to_across(tree: Any) -> Any:
    """Returns a replicated tree as arrays of all processes."""
    if jax.process_count() == 1:
        return tree
    return multihost_utils.host_local_array_to_global_array(tree, _all_devices(), PartitionSpec())


def from_across(tree: Any) -> Any:
    """Returns a tree of arrays of all processes as one that is replicated on the local devices."""
    if jax.process_count() == 1:
        return tree
    return multihost_utils.global_array_to_host_local_array(tree, _all_devices(), PartitionSpec())


def _all_devices() -> Mesh:
    devices = sorted(jax.devices(), key=lambda device: (device.process_index, device.id))
    return Mesh(np.array(devices), (AXIS,))


def make_largest() -> Callable[[Callable[[], int]], Callable[[], int]]:
    """Makes a function by which all processes decide alike.

    Returns:
      `largest(ask) -> result`: `result()` is the largest answer of all processes to `ask()`. With one process, it is
      the answer at the time of `result()`. With several, all answer at once, before the steps that are dispatched next,
      and `result()` waits for the steps dispatched before.
    """
    if jax.process_count() == 1:
        return lambda ask: ask
    largest = jax.pmap(lambda x: lax.pmax(x, AXIS), axis_name=AXIS, out_axes=None)

    def start(ask: Callable[[], int]) -> Callable[[], int]:
        answers = largest(np.full(jax.local_device_count(), ask(), np.int32))
        return lambda: int(answers)

    return start


def make_dispatch(
    step: Callable[[Any, Any], tuple[Any, dict[str, Any]]],
    crops: Callable[..., Any],
    *,
    most: int,
    axes: Any = None,
) -> Dispatch:
    """Compiles a training step for all devices, many steps to a dispatch.

    Args:
      step: pure, `(state, images) -> (state, metrics)`, averaging over `AXIS`; `state.step` counts the steps.
      crops: pure, `(source, step, *, axis_name) -> images`: a device's share of the global batch of that step.
      most: the largest number of steps in one dispatch.
      axes: a tree like the source, of the axes divided over the devices, with None for arrays that are replicated.

    Returns:
      `dispatch(state, source, count) -> (state, pending)` with `count <= most`. On accelerators it returns before the
      steps are through; `pending.wait()` waits for them. A smaller `count` compiles nothing new: it is an argument of
      the program.
    """
    # XLA computes convolutions inside a loop on one core of a CPU, 25 times slower, so there the host loops instead.
    length = 1 if jax.default_backend() == "cpu" else most

    def advance(state: Any, source: Any) -> tuple[Any, dict[str, Any]]:
        return step(state, crops(source, state.step, axis_name=AXIS))

    def run(state: Any, source: Any, count: Any, _: Any) -> tuple[Any, dict[str, Any]]:
        if length == 1:
            return advance(state, source)

        def body(i: Any, carry: tuple[Any, Any]) -> tuple[Any, Any]:
            state, history = carry
            state, metrics = advance(state, source)
            return state, jax.tree.map(lambda past, new: past.at[i].set(new), history, metrics)

        shapes = jax.eval_shape(advance, state, source)[1]
        history = jax.tree.map(lambda m: jnp.zeros((length, *m.shape), m.dtype), shapes)
        return lax.fori_loop(0, count, body, (state, history))

    pmapped = jax.pmap(run, axis_name=AXIS, in_axes=(None, axes, None, 0), out_axes=None, donate_argnums=0)
    if jax.process_count() == 1:
        # `jax.pmap` takes no options for the compiler, but `jax.jit` around it does. It would keep several processes
        # each to its own devices, and their options for GPUs are none.
        pmapped = compilation.jit(pmapped, onednn=True, donate_argnums=0)
    # `jax.pmap` requires an argument with a mapped axis, which a replicated source lacks: the devices' numbers are one.
    numbers = jax.device_put(np.arange(jax.local_device_count()), divided(0))

    def dispatch(state: Any, source: Any, count: int) -> tuple[Any, Pending]:
        if length > 1:
            state, history = pmapped(state, source, np.int32(count), numbers)
            return state, Pending(history, count, None)
        single = []
        for _ in range(count):
            state, metrics = pmapped(state, source, np.int32(1), numbers)
            single.append(metrics)
        history = jax.tree.map(lambda *values: np.stack(values), *single)  # waits for the steps
        return state, Pending(history, count, time.perf_counter())

    return dispatch
