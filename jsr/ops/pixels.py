"""Pixel values: whole levels of uint8 or uint16 in files, float32 in computations.

Pictures are `[..., h, w, 3]`, RGB. Networks take low-resolution pictures in [0, 1] and return pictures in [-1, 1].
"""

import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike
from jaxtyping import Array, Float, UInt

# ITU-R BT.601, studio range, for R, G, B in [0, 1]: luma = 16 + 65.481 R + 128.553 G + 24.966 B.
LUMA_WEIGHTS = np.array([65.481, 128.553, 24.966])
GREY = np.array([0.299, 0.587, 0.114], np.float32)  # the same weights, for luma in the range of R, G, B
LUMA_OFFSET = 16.0


def to_unit(image: UInt[Array | np.ndarray, "*shape"]) -> Float[Array, "*shape"]:
    """Maps whole levels to [0, 1]."""
    levels = jnp.asarray(image)
    return levels.astype(jnp.float32) / jnp.iinfo(levels.dtype).max


def to_symmetric(image: UInt[Array | np.ndarray, "*shape"]) -> Float[Array, "*shape"]:
    """Maps whole levels to [-1, 1]."""
    return 2 * to_unit(image) - 1


def from_symmetric(x: Float[Array | np.ndarray, "*shape"], *, dtype: DTypeLike = jnp.uint8) -> UInt[Array, "*shape"]:
    """Maps [-1, 1] to the nearest whole levels of uint8 or uint16; values outside are clipped."""
    top = jnp.iinfo(dtype).max
    return jnp.clip(jnp.round((x + 1) * (top / 2)), 0, top).astype(dtype)


def luma(rgb: np.ndarray) -> np.ndarray:
    """Returns the BT.601 luma, float64 in [16, 235], of R, G, B in [0, 255]: `[..., h, w, 3]` to `[..., h, w]`."""
    return LUMA_OFFSET + np.asarray(rgb, np.float64) @ (LUMA_WEIGHTS / 255)


def shave(image: np.ndarray, border: int) -> np.ndarray:
    """Cuts `border` pixels off every side of `[h, w, ...]`."""
    return image[border:-border, border:-border] if border else image


def check(image: np.ndarray) -> None:
    """Checks that an array is a uint8 picture `[h, w, 3]`.

    Raises:
      ValueError: it is not; the message names its type and shape.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[-1] != 3:
        raise ValueError(f"expected a uint8 picture [h, w, 3], got {image.dtype} {image.shape}")
