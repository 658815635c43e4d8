"""A light EDSR (Lim et al. 2017, "Enhanced deep residual networks ...", arXiv 1707.02921)."""

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jaxtyping import Array, Float

from jsr.models.layers import Conv, ResidualBlock
from jsr.models.upscaler import Network
from jsr.ops import padding
from jsr.ops.padding import Size
from jsr.ops.subpixel import depth_to_space, icnr


class EDSR(Network):
    """Low-resolution pictures `[b, h, w, 3]` in [0, 1] to `[b, s h, s w, 3]`, nominally in [-1, 1].

    Residual blocks without BatchNorm (section 3.1). Three things differ from the paper, so that all convolutions are at
    low resolution and there are few of them: one sub-pixel layer makes the result, so that only the product of
    `factors` matters; it is added to the nearest-neighbour enlargement; and PReLU has the place of ReLU.
    """

    features: int = 64
    blocks: int = 8

    @property
    def halo(self) -> int:
        """Low-resolution pixels that an output pixel depends on: the radii of all kernels, which are 3 x 3."""
        return 1 + 2 * self.blocks + 1 + 1

    @property
    def margin(self) -> int:
        return 0

    @nn.compact
    def __call__(
        self, x: Float[Array | np.ndarray, "b h w 3"], *, size: Size | None = None, train: bool = False
    ) -> Float[Array, "b sh sw 3"]:
        x = 2 * jnp.asarray(x, jnp.float32) - 1
        first = y = padding.cut(Conv(self.features, 3, dtype=self.dtype, name="head")(padding.cut(x, size)), size)
        for i in range(self.blocks):
            block = ResidualBlock(
                self.features, norm=False, channel_slopes=True, dtype=self.dtype, name=f"block{i + 1}"
            )
            y = block(y, size=size, train=train)
        y = first + Conv(self.features, 3, dtype=self.dtype, name="body")(y)
        subpixel = Conv(3 * self.scale**2, 3, dtype=self.dtype, kernel_init=icnr(self.scale), name="tail")
        y = depth_to_space(subpixel(padding.cut(y, size)), self.scale).astype(jnp.float32)
        return x.repeat(self.scale, axis=1).repeat(self.scale, axis=2) + y
