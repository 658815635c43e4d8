"""Which convolution and which sums a platform computes with. Layout `[b, h, w, c]`."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jsr.ops import convolution_cpu
from jsr.ops.convolution import broadcast, direct


def convolution(
    x: Float[Array | np.ndarray, "b h w i"], kernel: Float[Array | np.ndarray, "k k i o"], *, stride: int = 1
) -> Float[Array, "b h_out w_out o"]:
    """Convolves, with k // 2 zeros beyond each border, as PyTorch pads; k is odd, and 3 where the stride is 2."""
    compute = convolution_cpu.convolution if jax.default_backend() == "cpu" else direct
    return compute(x, kernel, stride)


def spread(values: Float[Array | np.ndarray, " c"], shape: tuple[int, ...]) -> Float[Array, "b h w c"]:
    """Gives every pixel the same values; its gradient is `total`."""
    return convolution_cpu.spread(values, shape) if jax.default_backend() == "cpu" else broadcast(values, shape)


def total(x: Float[Array | np.ndarray, "b h w c"]) -> Float[Array, " c"]:
    """Sums over all pixels; its gradient is `spread`."""
    return convolution_cpu.total(x) if jax.default_backend() == "cpu" else jnp.sum(x, axis=(0, 1, 2))
