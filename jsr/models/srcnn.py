"""SRCNN (Dong et al. 2014, "Image super-resolution using deep convolutional networks", arXiv 1501.00092)."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jaxtyping import Array, Float

from jsr.models.layers import Conv, scale_of
from jsr.ops import resize


class SRCNN(nn.Module):
    """Low-resolution pictures `[b, h, w, 3]` in [0, 1] to `[b, s h, s w, 3]` in [-1, 1].

    Bicubic enlargement, then the 9-5-5 network of section 4.3.2 on all three channels (section 4.5).
    """

    factors: tuple[int, ...] = (2, 2)  # only their product counts
    features: tuple[int, int] = (64, 32)
    kernels: tuple[int, int, int] = (9, 5, 5)
    dtype: Any = jnp.float32

    @property
    def scale(self) -> int:
        return scale_of(self.factors)

    @property
    def halo(self) -> int:
        """Low-resolution pixels that an output pixel depends on: the kernels' radius, and 3 for the cubic."""
        return 3 + -(-sum(k // 2 for k in self.kernels) // self.scale)

    @nn.compact
    def __call__(self, x: Float[Array | np.ndarray, "b h w 3"], *, train: bool = False) -> Float[Array, "b sh sw 3"]:
        layers = ("patches", "mapping", "reconstruction")
        patches, mapping, reconstruction = (
            Conv(n, k, dtype=self.dtype, name=name)
            for n, k, name in zip((*self.features, 3), self.kernels, layers, strict=True)
        )
        x = 2 * resize.resize(x, self.scale * x.shape[1], self.scale * x.shape[2]) - 1
        x = nn.relu(patches(x))
        x = nn.relu(mapping(x))
        return reconstruction(x).astype(jnp.float32)
