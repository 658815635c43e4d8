"""Gaussian windows, which SSIM and NIQE share."""

import numpy as np


def gaussian(size: int, sigma: float) -> np.ndarray:
    """Returns the weights of a Gaussian at `size` pixels, an odd number, around its middle; their sum is 1."""
    offsets = np.arange(size) - size // 2
    weights = np.exp(-(offsets**2) / (2 * sigma**2))
    return weights / weights.sum()


def window_sums(image: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Sums `[h, w]` by weights of rows and of columns, at every position where that window fits whole."""
    height, width = (n - len(weights) + 1 for n in image.shape)
    image = np.sum([w * image[i : i + height] for i, w in enumerate(weights)], axis=0)
    return np.sum([w * image[:, i : i + width] for i, w in enumerate(weights)], axis=0)
