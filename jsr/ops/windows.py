"""An axis of a picture divided into windows of one size, so that a single compiled program serves all of them.

A window extends a part of the axis by a halo on each side, as wide as the part's result depends on, and lies within
the axis: a network pads with zeros only where the picture ends. So the parts together equal the result of the whole.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jsr.ops.padding import Size

BAND = 64  # low-resolution rows that are enlarged at a time


class Span(NamedTuple):
    """A window along one axis, and the part of it whose result counts. Pixels from the beginning of the axis."""

    start: int  # of the window
    first: int  # of the part
    stop: int  # of the part, exclusive


def spans(length: int, *, tile: int, halo: int) -> tuple[int, list[Span]]:
    """Divides an axis into parts of `tile` pixels; those at its ends are longer, because they need no halo there.

    Args:
      length: pixels of the axis.
      halo: pixels on each side of a part that its result depends on.

    Returns:
      the size of all windows, and the spans, whose parts cover the axis once, in order.
    """
    window = min(length, tile + 2 * halo)
    count = max(1, -(-(length - 2 * halo) // tile))
    cuts = [0, *(halo + i * tile for i in range(1, count)), length]
    starts = [min(i * tile, length - window) for i in range(count)]
    return window, [Span(*s) for s in zip(starts, cuts[:-1], cuts[1:], strict=True)]


def in_bands(
    enlarge: Callable[[Array, Array | None], Array],
    x: Float[Array | np.ndarray, "b h w c"],
    *,
    scale: int,
    halo: int,
    size: Size | None = None,
) -> Float[Array, "b sh sw c_out"]:
    """Enlarges `BAND` rows at a time, one band after the other, which bounds the memory.

    In a sub-pixel network of scale 4, the last layers turn each pixel into 16 of 64 channels.

    Args:
      enlarge: maps `[b, n, w, c]`, and the size within it, to `[b, s n, s w, c_out]`.
      scale: the s of `enlarge`.
      halo: rows on each side that a row's result depends on.
      size: height and width of the picture within x, as `Upscaler.apply` takes it.
    """
    x = jnp.asarray(x)
    if not isinstance(x.shape[1], int):  # a size that is not known yet, as `jax.export` has them
        return enlarge(x, size)
    window, bands = spans(x.shape[1], tile=BAND, halo=halo)
    results: list[Array] = []
    for band in bands:
        part = x[:, band.start : band.start + window]
        if results:
            # Makes each band depend on the one before. Otherwise XLA may compute all of them side by side, which takes
            # as much memory as the whole. `lax.optimization_barrier` did not keep the order on jax 0.10
            # (experiments/LOG.md, "Bands": 2.8 GB instead of 2.3). Before replacing the sum, run
            # tests/ops/test_windows.py::test_in_bands_bounds_the_memory and measure the peak of `jsr.infer` at
            # 4096x4096.
            part = part + 0 * results[-1][0, 0, 0, 0]
        rows = slice(scale * (band.first - band.start), scale * (band.stop - band.start))
        results.append(enlarge(part, None if size is None else size - jnp.array([band.start, 0]))[:, rows])
    return jnp.concatenate(results, axis=1)
