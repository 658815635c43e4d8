"""Fidelity of one picture to another: PSNR and SSIM as the super-resolution literature reports them.

Pictures are uint8 RGB `[h, w, 3]` on the host, and each function returns one Python float. Channel "y" is the BT.601
luma, in studio range [16, 235] and not rounded unless a function says so; "rgb" is red, green and blue. `shave` pixels
are cut from each border first. The peak is 255 for luma too, by the convention of the literature, so that values can be
compared.
"""

import math
from typing import Literal

import numpy as np
from jaxtyping import Float

from jsr.errors import DataError
from jsr.metrics import gaussian
from jsr.ops import pixels

Channel = Literal["y", "rgb"]

PEAK = 255.0
WINDOW = 11  # pixels of a side, Wang et al. 2004
SIGMA = 1.5  # pixels, of the Gaussian in that window
C1 = (0.01 * PEAK) ** 2  # K1 = 0.01; keeps the ratio of means finite where both are black
C2 = (0.03 * PEAK) ** 2  # K2 = 0.03; keeps the ratio of variances finite where both are flat


def psnr(a: np.ndarray, b: np.ndarray, *, shave: int = 4, channel: Channel = "y") -> float:
    """Computes the peak signal-to-noise ratio, 10 log10(255^2 / MSE).

    Args:
      a: uint8 `[h, w, 3]`.
      b: uint8 `[h, w, 3]`.
      shave: pixels cut from each border first; by custom the scale, 4.
      channel: "y" for luma; "rgb" for the mean squared error over the three colours together.

    Returns:
      decibels, infinite where both are equal in the channel.

    Raises:
      DataError: nothing is left after shaving.
      ValueError: not two uint8 pictures of one size, or a negative `shave`.
    """
    x, y = _planes(a, b, shave=shave, smallest=1, channel=channel)
    error = np.mean((x - y) ** 2)
    return float("inf") if error == 0 else float(10 * np.log10(PEAK**2 / error))


def ssim(a: np.ndarray, b: np.ndarray, *, shave: int = 4, channel: Channel = "y") -> float:
    """Computes the structural similarity as its authors define it (often called Wang's SSIM).

    The window is an 11x11 Gaussian of sigma 1.5, at each position where it lies within the picture; covariances are
    those of the population. Equals scikit-image with `gaussian_weights=True, sigma=1.5, use_sample_covariance=False`;
    the default of scikit-image, a uniform 7x7 window, gives other values.

    References:
      Wang, Bovik, Sheikh, Simoncelli: Image quality assessment: from error visibility to structural similarity. IEEE
      Transactions on Image Processing 13(4), 600-612, 2004, equation 13.

    Args:
      a: uint8 `[h, w, 3]`.
      b: uint8 `[h, w, 3]`.
      shave: pixels cut from each border first; by custom the scale, 4.
      channel: "y" for luma; "rgb" for the mean over the three colours, each by itself.

    Returns:
      at most 1, the value of equal pictures.

    Raises:
      DataError: less than one window is left after shaving.
      ValueError: not two uint8 pictures of one size, or a negative `shave`.
    """
    planes = _planes(a, b, shave=shave, smallest=WINDOW, channel=channel)
    return float(np.mean([_similarity(x, y) for x, y in zip(*planes, strict=True)]))


def _similarity(x: Float[np.ndarray, "h w"], y: Float[np.ndarray, "h w"]) -> float:
    """Computes the SSIM of one channel."""
    mean_x, mean_y = _blur(x), _blur(y)
    var_x = _blur(x * x) - mean_x**2
    var_y = _blur(y * y) - mean_y**2
    covariance = _blur(x * y) - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + C1) / (mean_x**2 + mean_y**2 + C1)
    contrast_structure = (2 * covariance + C2) / (var_x + var_y + C2)
    return float(np.mean(luminance * contrast_structure))


def ssim_daala(a: np.ndarray, b: np.ndarray, *, shave: int = 4) -> float:
    """Computes the structural similarity of luma as the daala package does, which Ledig et al. (2017) report.

    The window is a Gaussian whose sigma is 1.5 / 256 of the picture's height, with weights in steps of 1/256. At the
    borders it is cut off, and the position has less weight in the mean. Luma is rounded to whole levels. Values cannot
    be compared with those of `ssim`: they are higher for tall pictures.

    References:
      Daala video codec, https://gitlab.xiph.org/xiph/daala, tools/dump_ssim.c.

    Args, Returns, Raises:
      as `ssim`, except that the channel is luma and that one pixel is enough.
    """
    x, y = (np.round(z[0]) for z in _planes(a, b, shave=shave, smallest=1, channel="y"))
    kernel = _daala_kernel(1.5 / 256 * x.shape[0], longest=max(x.shape))
    weight, mean_x, mean_y, xx, yy, xy = (
        gaussian.window_sums(np.pad(z, len(kernel) // 2), kernel)  # the padding has weight 0
        for z in (np.ones_like(x), x, y, x * x, y * y, x * y)
    )
    c1, c2 = C1 * weight**2, C2 * weight**2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    covariance = 2 * (xy * weight - mean_x * mean_y)
    variances = xx * weight - mean_x**2 + yy * weight - mean_y**2
    structure = (covariance + c2) / (variances + c2)
    return float(np.sum(weight * luminance * structure) / np.sum(weight))


def _daala_kernel(sigma: float, *, longest: int) -> Float[np.ndarray, " n"]:
    """Returns whole weights that sum to 256, as far from the centre as they round to 1 or more."""
    cut = math.sqrt(0.5 * math.pi) * sigma / 256
    reach = 1 if cut >= 1 else int(sigma * math.sqrt(-2 * math.log(cut)))
    reach = min(reach, longest - 1)
    offsets = np.arange(1, reach + 1)
    scale = 256 / (math.sqrt(2 * math.pi) * sigma)
    side = np.floor(scale * np.exp(-(offsets**2) / (2 * sigma**2)) + 0.5)
    return np.concatenate([side[::-1], [256 - 2 * side.sum()], side])


def _planes(
    a: np.ndarray, b: np.ndarray, *, shave: int, smallest: int, channel: Channel
) -> list[Float[np.ndarray, "c h w"]]:
    """Checks two pictures and returns the channels of each, shaved: one of luma, or three."""
    a, b = np.asarray(a), np.asarray(b)
    for image in (a, b):
        pixels.check(image)
    if a.shape != b.shape:
        raise ValueError(f"expected two pictures of one size, got {a.shape} and {b.shape}")
    if shave < 0:
        raise ValueError(f"shave: expected 0 or more pixels, got {shave}")
    if min(a.shape[:2]) < 2 * shave + smallest:
        raise DataError(
            f"expected at least {2 * shave + smallest} pixels on each side, "
            f"{smallest} after shaving {shave}, got {a.shape[0]}x{a.shape[1]}"
        )
    shaved = (pixels.shave(image, shave) for image in (a, b))
    if channel == "y":
        return [pixels.luma(image)[None] for image in shaved]
    return [image.astype(np.float64).transpose(2, 0, 1) for image in shaved]


def _blur(image: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h-10 w-10"]:
    """Returns the Gaussian mean of each whole window."""
    return gaussian.window_sums(image, gaussian.weights(WINDOW, SIGMA))
