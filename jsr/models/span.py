"""SPAN (Wan et al. 2024, "Swift parameter-free attention network for efficient super-resolution", arXiv 2311.12770)."""

import functools

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from jsr.models.layers import Conv
from jsr.models.upscaler import Network
from jsr.ops import padding
from jsr.ops.padding import Size
from jsr.ops.subpixel import depth_to_space, icnr


class SPAN(Network):
    """Low-resolution pictures `[b, h, w, 3]` in [0, 1] to `[b, s h, s w, 3]`, nominally in [-1, 1].

    All convolutions are at low resolution (Figure 2). There is one sub-pixel layer, so that only the product of
    `factors` matters. Two things differ from the paper: the result is added to the nearest-neighbour enlargement, and
    the convolutions have no further branches in training.
    """

    features: int = 48
    blocks: int = 6

    @property
    def halo(self) -> int:
        """Low-resolution pixels that an output pixel depends on: the radii of all kernels, which are 3 x 3."""
        return 1 + 3 * self.blocks + 1 + 1

    @property
    def margin(self) -> int:
        return 0

    @nn.compact
    def __call__(
        self, x: Float[Array | np.ndarray, "b h w 3"], *, size: Size | None = None, train: bool = False
    ) -> Float[Array, "b sh sw 3"]:
        x = 2 * jnp.asarray(x, jnp.float32) - 1
        first = y = Conv(self.features, 3, dtype=self.dtype, name="head")(padding.cut(x, size))
        results, inner = [], first
        for i in range(self.blocks):
            y, inner = Block(self.features, self.dtype, name=f"block{i + 1}")(y, size=size)
            results.append(y)
        last = Conv(self.features, 3, dtype=self.dtype, name="body")(padding.cut(y, size))
        y = jnp.concatenate([first, last, results[0], inner], axis=-1)
        y = Conv(self.features, 1, dtype=self.dtype, name="fusion")(y)
        subpixel = Conv(3 * self.scale**2, 3, dtype=self.dtype, kernel_init=icnr(self.scale), name="tail")
        y = depth_to_space(subpixel(padding.cut(y, size)), self.scale).astype(jnp.float32)
        return x.repeat(self.scale, axis=1).repeat(self.scale, axis=2) + y


class Block(nn.Module):
    """Three convolutions, whose result is both added to the input and an attention on the sum (equations 1 to 4).

    The attention, sigma(z) - 1/2 = tanh(z / 2) / 2, is odd and has no parameters. The difference would leave bfloat16
    few digits where z is small.
    """

    features: int
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, x: Float[Array, "b h w c"], *, size: Size | None = None
    ) -> tuple[Float[Array, "b h w c"], Float[Array, "b h w c"]]:
        """Returns the result, and what the first convolution found."""
        conv = functools.partial(Conv, self.features, 3, dtype=self.dtype)
        inner = nn.silu(conv(name="conv1")(padding.cut(x, size)))
        z = nn.silu(conv(name="conv2")(padding.cut(inner, size)))
        z = conv(name="conv3")(padding.cut(z, size))
        return (x + z) * (0.5 * jnp.tanh(0.5 * z)), inner
