"""Results that agree with the picture that they were made of, in its colours and in its local range.

Networks shift colours a little; flat and saturated ones, which photographs hardly have, by up to 28 levels, and by far
more along the borders of a picture. A result is known to differ from its input in two ways only:

- Its low frequencies are those of the input. They are set to them by one step of back-projection (Irani and Peleg 1991,
  equation 4) behind a low-pass filter, which keeps noise and the blocks of JPEG from coming back; results of diffusion
  models are corrected so (Wang et al. 2024, "Exploiting diffusion prior for real-world image super-resolution", arXiv
  2305.07015, section 3.4).
- Its details exceed the values around them by no more than those differ among themselves.

Neither costs photographs any PSNR (experiments/LOG.md, "Consistency").
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from jsr.models.upscaler import Wrapper
from jsr.ops import padding
from jsr.ops.padding import Size

SIGMA = 2.0  # of the low-pass filter, in low-resolution pixels
REACH = 4  # low-resolution pixels on each side, two standard deviations, where the filter ends
TAPS = np.exp(-0.5 * (np.arange(-REACH, REACH + 1) / SIGMA) ** 2).astype(np.float32)
TAPS /= TAPS.sum()
SLACK = 2 / 255  # by which the local range is exceeded even where it is empty: one level, in [-1, 1]


@dataclasses.dataclass(frozen=True)
class Consistent(Wrapper):
    """An upscaler whose results agree with its inputs; its variables are those of another one."""

    @property
    def halo(self) -> int:
        return self.module.halo + REACH + 1  # bilinear interpolation reaches one pixel

    @property
    def margin(self) -> int:
        return max(self.module.margin, REACH + 1)

    def apply(
        self,
        variables: Mapping[str, Any],
        x: Float[Array | np.ndarray, "b h w 3"],
        /,
        *,
        size: Size | None = None,
    ) -> Float[Array, "b sh sw 3"]:
        """Returns the result of the module, corrected and bounded."""
        y, x = self.module.apply(variables, x, size=size), 2 * jnp.asarray(x) - 1
        return _bounded(_corrected(y, x, self.scale, size), x, self.scale)


def _corrected(
    y: Float[Array, "b sh sw c"], x: Float[Array, "b h w c"], scale: int, size: Size | None
) -> Float[Array, "b sh sw c"]:
    """Returns y + U G (x - D y), with a Gaussian G.

    D takes means over s x s pixels, U interpolates bilinearly. As all three keep the mean of a picture, the result has
    exactly the mean of x.
    """
    b, h, w, c = x.shape
    means = y.reshape(b, h, scale, w, scale, c).mean(axis=(2, 4))
    missing = x - means if size is None else padding.mirror(x - means, size)
    for axis in (1, 2):
        shifted = _shifts(missing, axis, REACH)
        missing = functools.reduce(jnp.add, map(jnp.multiply, TAPS, shifted))
    return y + _interpolated(missing, scale)


def _interpolated(x: Float[Array, "b h w c"], scale: int) -> Float[Array, "b sh sw c"]:
    """Enlarges bilinearly; as sums of shifted pictures, for which a program holds no matrix of its size."""
    offsets = (np.arange(scale) + 0.5) / scale - 0.5  # of the result's pixels from the one that they lie in
    for axis in (1, 2):
        before, _, after = _shifts(x, axis, 1)
        parts = [(1 - abs(d)) * x + abs(d) * (before if d < 0 else after) for d in offsets.tolist()]
        shape = (*x.shape[:axis], scale * x.shape[axis], *x.shape[axis + 1 :])
        x = jnp.stack(parts, axis=axis + 1).reshape(shape)
    return x


def _bounded(y: Float[Array, "b sh sw c"], x: Float[Array, "b h w c"], scale: int) -> Float[Array, "b sh sw c"]:
    """Clips a result to the range of the 3 x 3 pixels of x around it, widened by its own width on both sides."""

    def nearby(extreme: Callable[[Array, Array], Array]) -> Array:
        for_rows = functools.reduce(extreme, _shifts(x, 1, 1))
        return functools.reduce(extreme, _shifts(for_rows, 2, 1))

    low, high = nearby(jnp.minimum), nearby(jnp.maximum)
    margin = high - low + SLACK
    low, high = (z.repeat(scale, axis=1).repeat(scale, axis=2) for z in (low - margin, high + margin))
    return jnp.clip(y, low, high)


def _shifts(x: Float[Array, "b h w c"], axis: int, reach: int) -> list[Float[Array, "b h w c"]]:
    """Returns a picture shifted by -reach to reach pixels; its edges are mirrored, which keeps the mean of filters."""
    margin = [(0, 0)] * 4
    margin[axis] = (reach, reach)
    padded = jnp.pad(x, margin, mode="symmetric")
    return [lax.slice_in_dim(padded, i, i + x.shape[axis], axis=axis) for i in range(2 * reach + 1)]
