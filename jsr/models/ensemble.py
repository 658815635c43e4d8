"""The geometric self-ensemble: the mean of what a method makes of a picture in its eight flips and quarter turns.

Timofte, Rothe, Van Gool 2016, "Seven ways to improve example-based single image super resolution", section 3.6.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jsr.models.upscaler import Wrapper
from jsr.ops.padding import Size, flip

ORIENTATIONS = 8  # the symmetries of a square: 4 flips, each upright and transposed


@dataclasses.dataclass(frozen=True)
class Ensemble(Wrapper):
    """An upscaler that averages another one over all orientations; its variables are those of the other."""

    @property
    def passes(self) -> int:
        return ORIENTATIONS * self.module.passes

    def apply(
        self,
        variables: Mapping[str, Any],
        x: Float[Array | np.ndarray, "b h w 3"],
        /,
        *,
        size: Size | None = None,
    ) -> Float[Array, "b sh sw 3"]:
        """Returns the mean, in one batch of eight where pictures are square and not padded, else in two of four."""
        height, width = x.shape[1:3] if size is None else size
        upright = jnp.stack([x, flip(x, 1, height), flip(x, 2, width), flip(flip(x, 1, height), 2, width)])
        turned = upright.swapaxes(2, 3)
        if x.shape[1] == x.shape[2] and size is None:
            large = self._enlarge(variables, jnp.concatenate([upright, turned]))
            upright, turned = large[:4], large[4:]
        else:
            upright = self._enlarge(variables, upright, size)
            turned = self._enlarge(variables, turned, None if size is None else size[::-1])
        y = upright + turned.swapaxes(2, 3)
        height, width = self.scale * height, self.scale * width
        return (
            y[0] + flip(y[1], 1, height) + flip(y[2], 2, width) + flip(flip(y[3], 1, height), 2, width)
        ) / ORIENTATIONS

    def _enlarge(
        self, variables: Mapping[str, Any], x: Float[Array, "orientations b h w 3"], size: Size | None = None
    ) -> Float[Array, "orientations b sh sw 3"]:
        y = self.module.apply(variables, x.reshape(-1, *x.shape[2:]), size=size)
        return y.reshape(*x.shape[:2], *y.shape[1:])
