"""Colour for transparent pixels."""

import numpy as np


def bleed(pixels: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Spreads colours to where a picture is fully transparent.

    What stands there, often black, is arbitrary, and enlarged it would darken the edges. Each pixel gets the mean of
    the smallest block that has any colour (the push-pull of Gortler et al. 1996, "The lumigraph").

    Args:
      pixels: `[h, w]` or `[h, w, 3]`.
      alpha: `[h, w]`.
    """
    if alpha.all():
        return pixels
    colours = pixels.reshape(*alpha.shape, -1).astype(np.float32)
    filled = _fill(colours, (alpha > 0)[..., None].astype(np.float32))
    return np.round(filled).astype(pixels.dtype).reshape(pixels.shape)


def _fill(colours, weight):
    """Fills the pixels `[h, w, c]` of weight 0; `weight` is `[h, w, 1]`."""
    height, width = weight.shape[:2]
    if weight.all() or not weight.any():
        return colours
    even = ((0, height % 2), (0, width % 2), (0, 0))
    blocks = (-(-height // 2), 2, -(-width // 2), 2, -1)
    total = np.pad(weight, even).reshape(blocks).sum(axis=(1, 3))
    sums = np.pad(colours * weight, even).reshape(blocks).sum(axis=(1, 3))
    coarse = _fill(sums / np.maximum(total, 1), np.minimum(total, 1))
    spread = coarse.repeat(2, axis=0).repeat(2, axis=1)[:height, :width]
    return np.where(weight > 0, colours, spread)
