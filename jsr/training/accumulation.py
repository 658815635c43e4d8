"""Gradients of a batch that is too large for the memory, accumulated over its parts."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax


def mean_of_parts(gradients: Callable[..., tuple[Any, Any]], stats: Any, batch: Any, *, parts: int) -> tuple[Any, Any]:
    """Computes gradients and metrics on equal parts of a batch, one after the other.

    Args:
      gradients: `(stats, *part) -> (stats, gradients and metrics)`.
      stats: BatchNorm statistics, which each part takes from the one before.
      batch: a tree of arrays `[b, ...]`; `parts` divides b.

    Returns:
      the statistics after the last part, and the means of gradients and metrics.
    """
    if parts == 1:  # the sum of a single part would make its convolutions slow, as the tests tell
        return gradients(stats, *batch)
    divided = jax.tree.map(lambda x: x.reshape(parts, -1, *x.shape[1:]), batch)
    _, shapes = jax.eval_shape(gradients, stats, *jax.tree.map(lambda x: x[0], divided))
    zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)

    def add(carry: tuple[Any, Any], part: Any) -> tuple[Any, None]:
        stats, total = carry
        stats, new = gradients(stats, *part)
        return (stats, jax.tree.map(jnp.add, total, new)), None

    # XLA computes convolutions inside a loop on one core of a CPU, so there it gets none, and parts save little memory.
    (stats, total), _ = lax.scan(add, (stats, zeros), divided, unroll=jax.default_backend() == "cpu")
    return stats, jax.tree.map(lambda x: x / parts, total)
