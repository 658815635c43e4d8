"""The small network of Real-ESRGAN (Wang et al. 2021, arXiv 2107.10833): SRVGGNetCompact of its repository."""

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jaxtyping import Array, Float

from jsr.models.layers import Conv, PReLU
from jsr.models.upscaler import Network
from jsr.ops import padding
from jsr.ops.padding import Size
from jsr.ops.subpixel import depth_to_space


class Compact(Network):
    """Low-resolution pictures `[b, h, w, 3]` in [0, 1] to `[b, s h, s w, 3]`, nominally in [-1, 1].

    A row of convolutions at low resolution, with a slope for each channel between them, adds to the nearest-neighbour
    enlargement. There is one sub-pixel layer, so that only the product of `factors` matters.
    """

    features: int = 64
    convolutions: int = 16  # besides the first and the last

    @property
    def halo(self) -> int:
        """Low-resolution pixels that an output pixel depends on: the radii of all kernels, which are 3 x 3."""
        return self.convolutions + 2

    @property
    def margin(self) -> int:
        return 0

    @nn.compact
    def __call__(
        self, x: Float[Array | np.ndarray, "b h w 3"], *, size: Size | None = None, train: bool = False
    ) -> Float[Array, "b sh sw 3"]:
        y = jnp.asarray(x)
        for i in range(self.convolutions + 1):
            y = Conv(self.features, 3, dtype=self.dtype, name=f"conv{i + 1}")(padding.cut(y, size))
            y = PReLU(channel_slopes=True, name=f"prelu{i + 1}")(y)
        subpixel = Conv(3 * self.scale**2, 3, dtype=self.dtype, name=f"conv{self.convolutions + 2}")
        y = depth_to_space(subpixel(padding.cut(y, size)), self.scale).astype(jnp.float32)
        nearest = jnp.asarray(2 * x - 1, jnp.float32).repeat(self.scale, axis=1).repeat(self.scale, axis=2)
        return nearest + y
