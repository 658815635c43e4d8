"""Gaussian windows, which SSIM and NIQE share."""

import numpy as np
from jaxtyping import Float


def weights(size: int, sigma: float) -> Float[np.ndarray, " size"]:
    """Returns a Gaussian of standard deviation `sigma` pixels at `size` pixels, an odd number; the sum is 1."""
    offsets = np.arange(size) - size // 2
    density = np.exp(-(offsets**2) / (2 * sigma**2))
    return density / density.sum()


def window_sums(image: Float[np.ndarray, "h w"], weights: Float[np.ndarray, " n"]) -> Float[np.ndarray, "rows columns"]:
    """Returns weighted sums over windows of `n` by `n` pixels, at each of the `h-n+1` by `w-n+1` places in the image.

    The weight of a pixel is the product of its row's and its column's.
    """
    height, width = (length - len(weights) + 1 for length in image.shape)
    image = np.sum([w * image[i : i + height] for i, w in enumerate(weights)], axis=0)
    return np.sum([w * image[:, i : i + width] for i, w in enumerate(weights)], axis=0)
