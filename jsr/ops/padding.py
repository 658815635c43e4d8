"""Pictures of any size within arrays of one size, so that a single compiled program serves all of them.

A picture lies in the upper left of a larger array `[b, h, w, c]`. Its size, which is not known when the program is
compiled, is an array of two numbers, height and width; the rest of the array is padding.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

Size = Int[Array, "2"]


def cut(x: Float[Array | np.ndarray, "b h w c"], size: Size | None) -> Float[Array, "b h w c"]:
    """Sets the padding to zero; without a size there is none."""
    if size is None:
        return jnp.asarray(x)
    rows, columns = (jnp.arange(length) < limit for length, limit in zip(x.shape[1:3], size, strict=True))
    return jnp.where((rows[:, None] & columns[None])[None, :, :, None], x, jnp.zeros((), x.dtype))


def mirror(x: Float[Array | np.ndarray, "b h w c"], size: Size) -> Float[Array, "b h w c"]:
    """Sets the padding to the mirror image of the picture: ... n-2 n-1 | n-1 n-2 ..."""
    for axis in (1, 2):
        x = jnp.take(jnp.asarray(x), _mirrored(jnp.arange(x.shape[axis]), size[axis - 1]), axis=axis)
    return jnp.asarray(x)


def flip(x: Float[Array | np.ndarray, "b h w c"], axis: int, length: int | Int[Array, ""]) -> Float[Array, "b h w c"]:
    """Flips the first `length` pixels of an axis, and sets the padding to the mirror image of the result."""
    return jnp.take(jnp.asarray(x), _mirrored(length - 1 - jnp.arange(x.shape[axis]), length), axis=axis)


def _mirrored(places: Int[Array, " n"], length: int | Int[Array, ""]) -> Int[Array, " n"]:
    """Returns the places within the length that places beyond it are the mirror images of."""
    places = jnp.mod(places, 2 * length)
    return jnp.minimum(places, 2 * length - 1 - places)
