"""The interpolations, as models like the networks, which must beat them."""

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jaxtyping import Array, Float

from jsr.devices.compilation import Precision
from jsr.models.upscaler import Network
from jsr.ops import resize
from jsr.ops.padding import Size


class Interpolation(Network):
    """Low-resolution pictures `[b, h, w, 3]` in [0, 1] to `[b, s h, s w, 3]` in [-1, 1]; it has no parameters."""

    method: str = "bicubic"  # one of resize.METHODS

    @property
    def halo(self) -> int:
        """Low-resolution pixels that an output pixel depends on: kernels reach 2 or 3, from a point off the centre."""
        return 4 if self.method == "lanczos" else 3

    @nn.nowrap
    def with_precision(self, precision: Precision) -> "Interpolation":
        """Returns itself: interpolation takes so little time that it always computes in float32."""
        return self

    @nn.nowrap
    def with_scale(self, scale: int) -> "Interpolation":
        """Returns the same interpolation with any scale."""
        return self.clone(factors=(scale,))

    @nn.compact
    def __call__(
        self, x: Float[Array | np.ndarray, "b h w 3"], *, size: Size | None = None, train: bool = False
    ) -> Float[Array, "b sh sw 3"]:
        height, width = self.scale * x.shape[1], self.scale * x.shape[2]
        return jnp.clip(2 * resize.resize(x, height, width, method=self.method) - 1, -1, 1)
