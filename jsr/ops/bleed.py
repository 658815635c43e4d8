"""Colours for transparent pixels."""

import numpy as np


def bleed(pixels: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Spreads the colours of visible pixels to fully transparent ones.

    The colour of a transparent pixel is arbitrary, often black, and upscaling would mix it into visible edges. So each
    gets the mean of the smallest surrounding block that has a visible pixel (the push-pull of Gortler et al. 1996,
    "The lumigraph").

    Args:
      pixels: whole levels, `[h, w]` or `[h, w, 3]`.
      alpha: `[h, w]`; 0 is fully transparent.

    Returns:
      an array like `pixels`; visible pixels keep their colours, and so do all where none is visible.
    """
    if alpha.all():
        return pixels
    colours = pixels.reshape(*alpha.shape, -1).astype(np.float32)
    filled = _fill(colours, (alpha > 0)[..., None].astype(np.float32))
    return np.round(filled).astype(pixels.dtype).reshape(pixels.shape)


def _fill(colours: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Fills the pixels of weight 0 from a picture of half the size, itself filled; `[h, w, c]` and `[h, w, 1]`."""
    height, width = weight.shape[:2]
    if weight.all() or not weight.any():
        return colours
    even = ((0, height % 2), (0, width % 2), (0, 0))
    blocks = (-(-height // 2), 2, -(-width // 2), 2, -1)
    total = np.pad(weight, even).reshape(blocks).sum(axis=(1, 3))
    sums = np.pad(colours * weight, even).reshape(blocks).sum(axis=(1, 3))
    coarse = _fill(sums / np.maximum(total, 1), np.minimum(total, 1))
    repeated = coarse.repeat(2, axis=0).repeat(2, axis=1)[:height, :width]
    return np.where(weight > 0, colours, repeated)
