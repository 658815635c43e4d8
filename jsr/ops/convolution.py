"""The plain convolution and sums over pixels, as XLA computes them. Layout `[b, h, w, c]`."""

from typing import Any

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

Shape = tuple[Any, ...]  # of whole numbers, or of sizes that are not known yet, as `jax.export` has them
LAYOUT = ("NHWC", "HWIO", "NHWC")  # of the input, the kernel and the output


def convolve(
    x: Float[Array, "b h w i"], kernel: Float[Array, "kh kw i o"], stride: int
) -> Float[Array, "b h_out w_out o"]:
    """Convolves with zeros beyond each border, as many as the kernel's radius; the sides of the kernel are odd."""
    padding = [(size // 2, size // 2) for size in kernel.shape[:2]]
    return lax.conv_general_dilated(x, kernel, (stride, stride), padding, dimension_numbers=LAYOUT)


def spread(values: Float[Array, " c"], shape: Shape) -> Float[Array, "b h w c"]:
    """Broadcasts one value a channel to all pixels of a shape `[b, h, w, c]`."""
    return jnp.broadcast_to(values.reshape(1, 1, 1, -1), shape)


def total(x: Float[Array, "b h w c"]) -> Float[Array, " c"]:
    """Sums each channel over all pixels."""
    return jnp.sum(x, axis=(0, 1, 2))
