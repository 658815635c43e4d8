"""Resizing by a factor that is drawn at random, in one program for all factors.

A picture lies in the upper left corner of a canvas of a fixed size, of which `length` rows and columns are valid, a
traced number. Beyond them the canvas repeats the last ones, so that a filter meets no artificial edge.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, Int

from jsr.ops import resize

# Real-ESRGAN's three (`area`, `bilinear` and `bicubic` of OpenCV), each widened by the factor where a picture shrinks.
# The last is the kernel of `ops.resize`.
AREA, BILINEAR, BICUBIC = 0, 1, 2
METHODS = 3  # their number

Length = Float[ArrayLike, ""] | Int[ArrayLike, ""]  # a whole number
Method = Int[ArrayLike, ""]


def resample(
    x: Float[Array | np.ndarray, "n n 3"],
    length: Length,
    new_length: Length,
    *,
    method: Method,
    canvas: int,
) -> Float[Array, "canvas canvas 3"]:
    """Resizes the valid part of a square canvas.

    Args:
      length: valid rows and columns of x, a whole number in [1, n].
      new_length: those of the result, a whole number in [1, canvas].
      method: one of AREA, BILINEAR, BICUBIC.
      canvas: the side of the result.
    """
    weights = matrix(x.shape[0], canvas, length, new_length, method)
    return jnp.einsum("ih,jw,hwc->ijc", weights, weights, x)


def matrix(n_in: int, n_out: int, length: Length, new_length: Length, method: Method) -> Float[Array, "{n_out} {n_in}"]:
    """Returns the matrix that resizes the first `length` pixels of a row to the first `new_length`; its rows sum to 1.

    Inside, it is that of `ops.resize.matrix`. At the edges the missing weights are left out instead of mirrored, which
    a margin of a few pixels hides.
    """
    factor = new_length / length
    shrink = jnp.minimum(factor, 1)
    i = jnp.minimum(jnp.arange(n_out), new_length - 1)[:, None]
    centre = (i + 0.5) / factor - 0.5
    j = jnp.arange(n_in)[None]
    distance = jnp.abs(shrink * (centre - j))
    # The box weights a pixel by the part of it that it covers.
    reach = 0.5 / shrink
    area = jnp.clip(jnp.minimum(j + 0.5, centre + reach) - jnp.maximum(j - 0.5, centre - reach), 0)
    weights = jnp.select(
        [method == AREA, method == BILINEAR], [area, jnp.maximum(0, 1 - distance)], resize.cubic(distance)
    )
    weights = jnp.where(j < length, weights, 0)
    return weights / weights.sum(axis=1, keepdims=True)
