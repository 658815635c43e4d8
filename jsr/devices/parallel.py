"""A pure step made to run on every device: the only file that says `pmap`.

`parallel(step, crops)` takes `step(state, images) -> (state, metrics)` and returns the same step over all
devices, many to a dispatch. The state is replicated and donated, each device takes its share of the batch, and
what the step averages over `AXIS` (losses, gradients, batch statistics) makes every device's result the same.
Nothing here knows of networks or losses.
"""

import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jsr.devices import compilation

AXIS = "batch"

# Waits for the steps of a dispatch: returns each metric, `[count]` on the host, and the clock when they were done.
Metrics = Callable[[], tuple[dict[str, np.ndarray], float]]


def replicate(tree: Any) -> Any:
    """Returns a copy of a tree of arrays that lies on every local device.

    A copy, for the step donates its state and the caller's arrays must outlive it. Placed before the first step,
    since a state on a single device would be compiled for anew at the second.
    """
    return jax.device_put(jax.tree.map(jnp.copy, tree), replicated())


def replicated() -> NamedSharding:
    """The placement of what every local device holds whole."""
    return NamedSharding(Mesh(np.array(jax.local_devices()), (AXIS,)), PartitionSpec())


def divided(axis: int) -> NamedSharding:
    """The placement of an array of which every local device holds one index of an axis."""
    return NamedSharding(replicated().mesh, PartitionSpec(*[None] * axis, AXIS))


def parallel(
    step: Callable[[Any, Any], tuple[Any, dict[str, Any]]],
    crops: Callable[..., Any],
    *,
    most: int,
    axes: Any = None,
) -> Callable[[Any, Any, int], tuple[Any, Metrics]]:
    """Compiles training steps over all devices, `most` or fewer to a dispatch.

    Args:
      step: pure, `(state, images) -> (state, metrics)`, averaging over `AXIS`; `state.step` counts the steps.
      crops: pure, `(source, step, *, axis_name) -> images`: a device's share of the global batch of that step.
      most: the most steps of one dispatch.
      axes: of the source, as `jax.pmap` takes them: the axis divided over the devices, None where they hold the same.

    Returns:
      `dispatch(state, source, count) -> (state, metrics)` with `count <= most`. On accelerators it does not wait for
      the steps; `metrics()` does. `count` is an argument of the program, so a shorter dispatch compiles nothing new.
    """
    # XLA's loops on the CPU compute convolutions on one core, 25 times slower: there the host loops instead.
    length = 1 if jax.default_backend() == "cpu" else most

    def advance(state, source):
        return step(state, crops(source, state.step, axis_name=AXIS))

    def run(state, source, count, _):
        if length == 1:
            return advance(state, source)

        def body(i, carry):
            state, history = carry
            state, metrics = advance(state, source)
            return state, jax.tree.map(lambda past, new: past.at[i].set(new), history, metrics)

        shapes = jax.eval_shape(advance, state, source)[1]
        history = jax.tree.map(lambda m: jnp.zeros((length, *m.shape), m.dtype), shapes)
        return lax.fori_loop(0, count, body, (state, history))

    pmapped = jax.pmap(run, axis_name=AXIS, in_axes=(None, axes, None, 0), out_axes=None, donate_argnums=0)
    # pmap itself takes no options for the compiler.
    pmapped = compilation.jit(pmapped, onednn=True, donate_argnums=0)
    # pmap wants one argument with a mapped axis; the numbers of the devices serve.
    numbers = jax.device_put(np.arange(jax.local_device_count()), divided(0))

    def dispatch(state, source, count):
        if length > 1:
            state, history = pmapped(state, source, np.int32(count), numbers)
            return state, lambda: (
                {name: values[:count] for name, values in jax.device_get(history).items()},
                time.perf_counter(),
            )
        history = []
        for _ in range(count):
            state, metrics = pmapped(state, source, np.int32(1), numbers)
            history.append(metrics)
        history = jax.tree.map(lambda *values: np.stack(values), *history), time.perf_counter()
        return state, lambda: history

    return dispatch
