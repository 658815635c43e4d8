"""SRCNN (Dong et al. 2014, "Image super-resolution using deep convolutional networks", arXiv 1501.00092)."""

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jaxtyping import Array, Float

from jsr.models.layers import Conv
from jsr.models.upscaler import Network
from jsr.ops import padding, resize
from jsr.ops.padding import Size


class SRCNN(Network):
    """Low-resolution pictures `[b, h, w, 3]` in [0, 1] to `[b, s h, s w, 3]` in [-1, 1].

    Bicubic enlargement, then the 9-5-5 network of section 4.3.2 on all three channels (section 4.5).
    Only the product of `factors` matters.
    """

    features: tuple[int, int] = (64, 32)
    kernels: tuple[int, int, int] = (9, 5, 5)

    @property
    def halo(self) -> int:
        """Low-resolution pixels that an output pixel depends on: the radii of the kernels, and 3 for the cubic."""
        return 3 + -(-sum(k // 2 for k in self.kernels) // self.scale)

    @property
    def margin(self) -> int:
        """The 3 pixels that the cubic depends on."""
        return 3

    @nn.compact
    def __call__(
        self, x: Float[Array | np.ndarray, "b h w 3"], *, size: Size | None = None, train: bool = False
    ) -> Float[Array, "b sh sw 3"]:
        layers = ("patches", "mapping", "reconstruction")
        patches, mapping, reconstruction = (
            Conv(n, k, dtype=self.dtype, name=name)
            for n, k, name in zip((*self.features, 3), self.kernels, layers, strict=True)
        )
        size = None if size is None else self.scale * size
        x = 2 * resize.resize(x, self.scale * x.shape[1], self.scale * x.shape[2]) - 1
        x = nn.relu(patches(padding.cut(x, size)))
        x = nn.relu(mapping(padding.cut(x, size)))
        return reconstruction(padding.cut(x, size)).astype(jnp.float32)
