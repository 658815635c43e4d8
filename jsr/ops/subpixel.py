"""Sub-pixel convolution: pixels from channels (Shi et al. 2016, arXiv 1609.05158). Layout `[b, h, w, c]`."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jaxtyping import Array, Float

lecun_normal = nn.initializers.lecun_normal()  # Flax's default for convolutions


def depth_to_space(x: Float[Array | np.ndarray, "b h w c"], r: int) -> Float[Array, "b rh rw c_out"]:
    """Rearranges channels `(i, j, c_out)` into blocks of r x r pixels (Shi et al. 2016, equation 4).

    PyTorch's PixelShuffle orders the channels `(c_out, i, j)`.
    """
    b, h, w, c = x.shape
    x = jnp.asarray(x).reshape(b, h, w, r, r, c // r**2).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(b, h * r, w * r, c // r**2)


def icnr(r: int, *, init: Callable[..., Array] = lecun_normal) -> Callable[..., Array]:
    """Makes an initialiser with which a sub-pixel convolution starts as nearest-neighbour enlargement.

    All r x r pixels of a block get the same kernel, so that training starts without a checkerboard pattern (Aitken et
    al. 2017, "Checkerboard artifact free sub-pixel convolution", arXiv 1707.02937, section 3).
    """

    def initialise(key: Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> Array:
        kernel = init(key, (*shape[:-1], shape[-1] // r**2), dtype)
        return jnp.tile(kernel, (1,) * (len(shape) - 1) + (r**2,))

    return initialise
