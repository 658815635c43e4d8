"""ESPCN (Shi et al. 2016, "Real-time single image and video super-resolution ...", arXiv 1609.05158)."""

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jaxtyping import Array, Float

from jsr.models.layers import Conv
from jsr.models.upscaler import Network
from jsr.ops import padding
from jsr.ops.padding import Size
from jsr.ops.subpixel import depth_to_space, icnr


class ESPCN(Network):
    """Low-resolution pictures `[b, h, w, 3]` in [0, 1] to `[b, s h, s w, 3]` in [-1, 1] (section 3.2, tanh variant).

    There is one sub-pixel layer, so that only the product of `factors` matters.
    """

    features: tuple[int, int] = (64, 32)

    @property
    def halo(self) -> int:
        """Low-resolution pixels that an output pixel depends on: the radii of the kernels of 5, 3 and 3."""
        return 2 + 1 + 1

    @property
    def margin(self) -> int:
        return 0

    @nn.compact
    def __call__(
        self, x: Float[Array | np.ndarray, "b h w 3"], *, size: Size | None = None, train: bool = False
    ) -> Float[Array, "b sh sw 3"]:
        x = 2 * x - 1
        x = jnp.tanh(Conv(self.features[0], 5, dtype=self.dtype, name="conv1")(padding.cut(x, size)))
        x = jnp.tanh(Conv(self.features[1], 3, dtype=self.dtype, name="conv2")(padding.cut(x, size)))
        subpixel = Conv(
            3 * self.scale**2,
            3,
            dtype=self.dtype,
            kernel_init=icnr(self.scale),
            name="conv3",
        )
        return depth_to_space(subpixel(padding.cut(x, size)), self.scale).astype(jnp.float32)
