"""The observation model of super-resolution: how a low-resolution picture comes from the high-resolution one.

    x = A y + n

A blurs by a Gaussian and reduces bicubically, and n is noise (Elad & Feuer 1997, "Restoration of a single
superresolution image from several blurred, noisy, and undersampled measured images"; their warp is `shift`
here). It is separable, A y = A_h y A_w^T, so that each axis is a matrix product. Pictures are `[..., h, w, c]` of any
range; edges are mirrored.
"""

import functools
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jsr.ops import resize

MAX_BLUR, MAX_NOISE = 8.0, 100.0  # of an Observation; beyond, nothing of the picture is left
REACH = 4  # standard deviations of the Gaussian that are kept


class Observation(NamedTuple):
    """What is known of A and n, beside the scale."""

    blur: float = 0.0  # standard deviation of the Gaussian, in high-resolution pixels
    noise: float = 0.0  # standard deviation of n, in levels of 255

    def __str__(self) -> str:
        """Returns it as the command line has it, "sigma=1.2,noise=5"."""
        return f"sigma={self.blur:g},noise={self.noise:g}"


@functools.lru_cache(maxsize=64)
def matrix(n: int, scale: int, *, blur: float = 0.0, shift: float = 0.0) -> np.ndarray:
    """Returns the float32 matrix `[n, scale n]` of A along an axis; its rows sum to 1.

    Args:
      n: low-resolution pixels along the axis.
      blur: standard deviation of the Gaussian, in high-resolution pixels.
      shift: low-resolution pixels by which the frame's pixels lie to the right of their place.
    """
    reduction = resize.matrix(scale * n, n, shift=scale * shift)
    if not blur:
        return reduction
    radius = int(np.ceil(REACH * blur))
    taps = np.arange(-radius, radius + 1)
    weights = np.exp(-0.5 * (taps / blur) ** 2)
    # Blurred in an array with mirrored edges around it, as far as the Gaussian reaches.
    indices = np.pad(np.arange(scale * n), radius, mode="symmetric")
    gaussian = np.zeros((scale * n, scale * n))
    for offset, weight in enumerate(weights / weights.sum()):
        np.add.at(gaussian, (np.arange(scale * n), indices[offset : offset + scale * n]), weight)
    return (reduction @ gaussian).astype(np.float32)


def observe(y: Float[Array | np.ndarray, "*b sh sw c"], scale: int, *, blur: float = 0.0) -> Float[Array, "*b h w c"]:
    """Returns A y, the low-resolution picture of a high-resolution one, without rounding it to grey levels."""
    rows, columns = (matrix(n // scale, scale, blur=blur) for n in y.shape[-3:-1])
    return resize.product(rows, y, columns)


def consistent(
    y: Float[Array | np.ndarray, "*b sh sw c"],
    x: Float[Array | np.ndarray, "*b h w c"],
    scale: int,
    *,
    blur: float = 0.0,
    ridge: float = 0.0,
) -> Float[Array, "*b sh sw c"]:
    """Returns the picture nearest to y that explains x: the minimum over z of |z - y|^2 + |A z - x|^2 / ridge.

    With a ridge of 0 it is the orthogonal projection onto {z: A z = x}. In closed form,
    z = y + A^T (A A^T + ridge)^-1 (x - A y). The cosines of the DCT-II are the eigenvectors of A_h A_h^T and A_w A_w^T,
    because A is symmetric and its edges are mirrored; between them, the inverse is a division.

    Args:
      ridge: above 0 where there is blur, because A A^T is then nearly singular.
    """
    (rows, row_values), (columns, column_values) = (_spectrum(n, scale, blur) for n in x.shape[-3:-1])
    inverse = (1 / (row_values[:, None] * column_values + ridge)).astype(np.float32)
    cosines = tuple(_cosines(n).astype(np.float32) for n in x.shape[-3:-1])
    residual = resize.product(cosines[0], x, cosines[1]) - resize.product(rows, y, columns)
    residual = jnp.einsum("hw,...hwc->...hwc", inverse, residual)
    return jnp.asarray(y) + resize.product(rows.T, residual, columns.T)


@functools.lru_cache(maxsize=64)
def _spectrum(n: int, scale: int, blur: float) -> tuple[np.ndarray, np.ndarray]:
    """Returns U^T A along an axis, float32 `[n, scale n]`, and the eigenvalues of A A^T, float64 `[n]`."""
    transformed = _cosines(n) @ matrix(n, scale, blur=blur)
    return transformed.astype(np.float32), (transformed**2).sum(axis=1)


@functools.lru_cache(maxsize=64)
def _cosines(n: int) -> np.ndarray:
    """Returns the orthonormal matrix of the DCT-II, float64 `[n, n]`, a frequency a row."""
    frequencies = np.arange(n)[:, None]
    cosines = np.sqrt(2 / n) * np.cos(np.pi * frequencies * (np.arange(n) + 0.5) / n)
    cosines[0] = np.sqrt(1 / n)
    return cosines
