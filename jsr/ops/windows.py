"""An axis of a picture divided into windows of one size, so that one compilation serves them.

A window carries a halo as wide as what is computed from it looks, and lies within the axis, so that a network pads with
zeros only where the picture ends: what is kept of the windows is what the whole would give.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

BAND = 64  # low-resolution rows that are enlarged at a time


def in_bands(
    enlarge: Callable[[Array], Array], x: Float[Array | np.ndarray, "b h w c"], *, scale: int, halo: int
) -> Float[Array, "b sh sw 3"]:
    """Enlarges by bands of rows: where a pixel has become 16 of 64 channels, memory is what limits a picture."""
    window, bands = spans(x.shape[1], tile=BAND, halo=halo)
    done: list[Array] = []
    for band in bands:
        part = x[:, band.start : band.start + window]
        if done:
            # One after the other, not side by side: a sum keeps XLA to the order where a barrier does not.
            part = part + 0 * done[-1][0, 0, 0, 0]
        rows = slice(scale * (band.first - band.start), scale * (band.stop - band.start))
        done.append(enlarge(part)[:, rows])
    return jnp.concatenate(done, axis=1)


class Span(NamedTuple):
    """A window along one axis, and the part of it that is kept."""

    start: int  # of the window
    first: int  # of the part kept
    stop: int


def spans(length: int, *, tile: int, halo: int) -> tuple[int, list[Span]]:
    """Divides an axis into parts of `tile` pixels, wider by the halo at the ends, where none is needed.

    Args:
      halo: pixels that a part depends on beyond each of its ends.

    Returns:
      the size of all windows, and the spans.
    """
    window = min(length, tile + 2 * halo)
    count = max(1, -(-(length - 2 * halo) // tile))
    cuts = [0, *(halo + i * tile for i in range(1, count)), length]
    starts = [min(i * tile, length - window) for i in range(count)]
    return window, [Span(*s) for s in zip(starts, cuts[:-1], cuts[1:], strict=True)]
