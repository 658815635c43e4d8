"""Resizing as MATLAB's `imresize` does it, which the benchmark sets were reduced by, as two matrix products.

Pictures are float `[..., h, w, c]` of any range. Bicubic is cubic convolution with a = -0.5 (Keys 1981). The
kernel is widened by the scale where a picture shrinks (antialiasing), samples are at pixel centres, edges mirrored.
"""

import functools
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

METHODS = ("bicubic", "lanczos", "bilinear", "nearest")


def cubic(x: Any) -> Any:
    """Returns the kernel at distances from its centre, in pixels: an array of NumPy, or a traced one of JAX.

    Keys 1981, "Cubic convolution interpolation for digital image processing", equation 15: a = -1/2.
    """
    x = abs(x)
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return (x <= 1) * near + ((x > 1) & (x <= 2)) * far


def _triangle(x: np.ndarray) -> np.ndarray:
    return np.maximum(0.0, 1 - np.abs(x))


def _lanczos(x: np.ndarray) -> np.ndarray:
    """The sinc, windowed by another one three times as wide (Duchon 1979, Lanczos filtering), as in Pillow."""
    return np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0.0)


def _box(x: np.ndarray) -> np.ndarray:
    return ((x >= -0.5) & (x < 0.5)).astype(float)


# Each kernel and the width of its support, in pixels.
_KERNELS = {"bicubic": (cubic, 4.0), "lanczos": (_lanczos, 6.0), "bilinear": (_triangle, 2.0), "nearest": (_box, 1.0)}


@functools.lru_cache(maxsize=64)
def matrix(n_in: int, n_out: int, *, method: str = "bicubic", shift: float = 0.0) -> np.ndarray:
    """Returns the float32 `[n_out, n_in]` matrix that resizes a row of pixels; its rows sum to 1.

    Args:
      shift: input pixels by which all samples lie to the right of their place.

    Raises:
      ValueError: a length below 1, or an unknown method.
    """
    start, block = part(n_in, n_out, first=0, last=n_out, method=method, shift=shift)
    result = np.zeros((n_out, n_in), np.float32)
    result[:, start : start + block.shape[1]] = block
    return result


def part(
    n_in: int, n_out: int, *, first: int, last: int, method: str = "bicubic", shift: float = 0.0
) -> tuple[int, np.ndarray]:
    """Returns a block of `matrix`, which is nearly all zeros and too large for long rows.

    Args:
      first, last: the rows of the block, as of a slice.
      method, shift: as `matrix` takes them.

    Returns:
      the first column of the block, and the block, beside which all columns are zero.

    Raises:
      ValueError: as `matrix` does.
    """
    if method not in _KERNELS:
        raise ValueError(f"method: expected one of {', '.join(METHODS)}, got {method}")
    if n_in < 1 or n_out < 1:
        raise ValueError(f"resize: expected lengths of at least 1, got {n_in} to {n_out}")
    kernel, width = _KERNELS[method]
    scale = n_out / n_in
    shrink = min(scale, 1.0) if method != "nearest" else 1.0
    centre = (np.arange(first, last) + 0.5) / scale - 0.5 + shift
    reach = width / shrink / 2
    taps = np.floor(centre - reach).astype(int)[:, None] + np.arange(int(np.ceil(2 * reach)) + 2)
    weights = kernel(shrink * (centre[:, None] - taps))
    weights /= weights.sum(axis=1, keepdims=True)
    # Mirrored edges: ... 1 0 | 0 1 2 ... n-1 | n-1 n-2 ...
    folded = np.mod(taps, 2 * n_in)
    folded = np.where(folded < n_in, folded, 2 * n_in - 1 - folded)
    start = int(folded.min())
    block = np.zeros((last - first, int(folded.max()) + 1 - start))
    np.add.at(block, (np.arange(last - first)[:, None], folded - start), weights)
    return start, block.astype(np.float32)


def resize(
    x: Float[Array | np.ndarray, "*b h w c"], height: int, width: int, *, method: str = "bicubic"
) -> Float[Array, "*b height width c"]:
    """Resizes pictures. Bicubic may overshoot the range by a few levels, because its kernel has negative lobes.

    Raises:
      ValueError: as `matrix` does.
    """
    rows = matrix(x.shape[-3], height, method=method)
    columns = matrix(x.shape[-2], width, method=method)
    return product(rows, x, columns)


def product(
    rows: Float[Array | np.ndarray, "m h"],
    x: Float[Array | np.ndarray, "*b h w c"],
    columns: Float[Array | np.ndarray, "n w"],
) -> Float[Array, "*b m n c"]:
    """Returns rows x columns^T, the two matrix products of a separable operation, for each channel."""
    highest = lax.Precision.HIGHEST  # accelerators would round the factors to fewer bits
    x = jnp.einsum("ih,...hwc->...iwc", rows, x, precision=highest)
    return jnp.einsum("jw,...iwc->...ijc", columns, x, precision=highest)


def downscale(
    x: Float[Array | np.ndarray, "*b h w 3"], scale: int, *, margin: int = 0
) -> Float[Array, "*b h_lr w_lr 3"]:
    """Reduces pictures in [0, 1] bicubically to low resolution: in [0, 1] too, rounded to whole levels of 1/255.

    Args:
      margin: low-resolution pixels cut off each side after the reduction. The widened kernel reaches 2 pixels, so with
        a margin of 2, a window of a picture gives exactly the window of the reduced picture.

    Raises:
      ValueError: a side is no multiple of the scale.
    """
    height, width = x.shape[-3:-1]
    if height % scale or width % scale:
        raise ValueError(f"downscale: expected multiples of {scale}, got {height}x{width}")
    x = resize(x, height // scale, width // scale)
    if margin:
        x = x[..., margin:-margin, margin:-margin, :]
    return jnp.clip(jnp.round(x * 255), 0, 255) / 255
