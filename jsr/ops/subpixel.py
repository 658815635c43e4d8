"""Pixels from channels (Shi et al. 2016). Layout `[b, h, w, c]`."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jaxtyping import Array, Float

lecun_normal = nn.initializers.lecun_normal()  # how flax starts convolutions


def depth_to_space(x: Float[Array | np.ndarray, "b h w c"], r: int) -> Float[Array, "b rh rw c_out"]:
    """Rearranges channels `(i, j, c)` into blocks of r x r pixels (Shi et al. 2016, equation 4).

    PyTorch's PixelShuffle orders them `(c, i, j)`.
    """
    b, h, w, c = x.shape
    x = jnp.asarray(x).reshape(b, h, w, r, r, c // r**2).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(b, h * r, w * r, c // r**2)


def space_to_depth(x: Float[Array | np.ndarray, "b rh rw c"], r: int) -> Float[Array, "b h w c_out"]:
    """Undoes `depth_to_space`."""
    b, h, w, c = x.shape
    x = jnp.asarray(x).reshape(b, h // r, r, w // r, r, c).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(b, h // r, w // r, c * r**2)


def icnr(r: int, *, init: Callable[..., Array] = lecun_normal):
    """Initialises a sub-pixel convolution so that it begins as nearest-neighbour enlargement, free of checkerboards.

    All r x r pixels of a block get the same kernel (Aitken et al. 2017, "Checkerboard artifact free sub-pixel
    convolution", section 3).
    """

    def initialise(key: Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> Array:
        kernel = init(key, (*shape[:-1], shape[-1] // r**2), dtype)
        return jnp.tile(kernel, (1,) * (len(shape) - 1) + (r**2,))

    return initialise
