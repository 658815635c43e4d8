"""The geometric self-ensemble: the mean over what a network makes of a picture in its eight flips and turns.

Timofte, Rothe, Van Gool: Seven ways to improve example-based single image super resolution. CVPR 2016, section 3.6.
"""

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


@dataclasses.dataclass(frozen=True)
class Ensemble:
    """A generator that asks another one eight times; its variables are those of the other."""

    module: Any
    passes = 8  # pictures in the memory for one that is enlarged

    @property
    def scale(self) -> int:
        return self.module.scale

    @property
    def halo(self) -> int:
        return self.module.halo

    @property
    def dtype(self) -> Any:
        return getattr(self.module, "dtype", jnp.float32)

    def apply(self, variables: Any, x: Float[Array | np.ndarray, "b h w 3"]) -> Float[Array, "b sh sw 3"]:
        """Returns the mean, of one batch of eight where pictures are square, else of two batches of four."""
        upright = jnp.stack([x, x[:, ::-1], x[:, :, ::-1], x[:, ::-1, ::-1]])
        turned = upright.swapaxes(2, 3)
        if x.shape[1] == x.shape[2]:
            large = self._enlarge(variables, jnp.concatenate([upright, turned]))
            upright, turned = large[:4], large[4:]
        else:
            upright, turned = self._enlarge(variables, upright), self._enlarge(variables, turned)
        y = upright + turned.swapaxes(2, 3)
        return (y[0] + y[1, :, ::-1] + y[2, :, :, ::-1] + y[3, :, ::-1, ::-1]) / self.passes

    def _enlarge(self, variables, x):
        y = self.module.apply(variables, x.reshape(-1, *x.shape[2:]))
        return y.reshape(*x.shape[:2], *y.shape[1:])
