"""The interpolations, as models like any other: what the networks must beat."""

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jaxtyping import Array, Float

from jsr.models import layers
from jsr.ops import resize


class Interpolation(nn.Module):
    """Low-resolution pictures `[b, h, w, 3]` in [0, 1] to `[b, s h, s w, 3]` in [-1, 1]; no parameters."""

    method: str = "bicubic"  # or bilinear, nearest
    factors: tuple[int, ...] = (2, 2)  # only their product counts

    @property
    def scale(self) -> int:
        return layers.scale_of(self.factors)

    @property
    def halo(self) -> int:
        """Low-resolution pixels that an output pixel depends on: the cubic reaches 2, off the centre."""
        return 3

    @nn.compact
    def __call__(self, x: Float[Array | np.ndarray, "b h w 3"], *, train: bool = False) -> Float[Array, "b sh sw 3"]:
        height, width = self.scale * x.shape[1], self.scale * x.shape[2]
        return jnp.clip(2 * resize.resize(x, height, width, method=self.method) - 1, -1, 1)
