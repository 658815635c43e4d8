"""The grid that sub-pixel layers leave in upscaled pictures.

A sub-pixel layer computes each of the `scale` by `scale` places within a low-resolution pixel with other weights. Where
these do not agree, the same pattern shows over the whole picture, most visibly in flat areas. PSNR and SSIM hardly see
it, because it has a fraction of a grey level.
"""

import math

import numpy as np
from jaxtyping import Float, UInt8
from numpy.lib.stride_tricks import sliding_window_view


def strength(image: UInt8[np.ndarray, "h w 3"], *, scale: int) -> float:
    """Returns the root mean square of the grid in the mean of red, green and blue.

    Args:
      image: uint8 `[h, w, 3]`; its first pixel begins a low-resolution pixel.
      scale: the period of the grid in pixels, at least 2.

    Returns:
      grey levels: 0.1 cannot be seen, and 1 can in flat areas. NaN where the image has no whole period.
    """
    if min(image.shape[:2]) < 2 * scale:
        return math.nan
    return float(pattern(image.mean(axis=-1), scale=scale).std())


def mean_of_period(scale: int) -> Float[np.ndarray, " n"]:
    """Returns the weights of the mean over a period, centred on a pixel: an even one has half a pixel at either end."""
    return (np.ones(scale) if scale % 2 else np.r_[0.5, np.ones(scale - 1), 0.5]) / scale


def pattern(grey: Float[np.ndarray, "h w"], *, scale: int) -> Float[np.ndarray, "scale scale"]:
    """Returns how much brighter each place within a period is than the period around it.

    It is the median over all periods, so that edges and texture, which cross different places, do not count.
    """
    taps = mean_of_period(scale)
    windows = sliding_window_view(grey, (len(taps), len(taps)))
    mean = np.einsum("hwij,i,j->hw", windows, taps, taps)
    margin = scale // 2
    rows, columns = (n // scale * scale for n in mean.shape)
    difference = grey[margin : margin + rows, margin : margin + columns] - mean[:rows, :columns]
    periods = difference.reshape(rows // scale, scale, columns // scale, scale)
    return np.median(periods, axis=(0, 2))
