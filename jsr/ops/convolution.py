"""The plain convolution and sums over pixels, as XLA has them. Layout `[b, h, w, c]`."""

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

NUMBERS = ("NHWC", "HWIO", "NHWC")


def direct(
    x: Float[Array | np.ndarray, "b h w i"], kernel: Float[Array | np.ndarray, "kh kw i o"], stride: int
) -> Float[Array, "b h_out w_out o"]:
    """The same by XLA's own convolution."""
    padding = [(size // 2, size // 2) for size in kernel.shape[:2]]
    return lax.conv_general_dilated(x, kernel, (stride,) * 2, padding, dimension_numbers=NUMBERS)


def broadcast(values, shape):
    return jnp.broadcast_to(values.reshape(1, 1, 1, -1), shape)
