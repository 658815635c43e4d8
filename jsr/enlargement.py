"""Whole pictures enlarged: grey stays grey, and what is transparent lends no colour to its edges."""

from collections.abc import Callable

import numpy as np

from jsr import images, tiles
from jsr.models import Interpolation, Model


def enlarge(
    model: Model,
    picture: images.Picture,
    *,
    tile: int | None = None,
    report: Callable[[int, int], None] | None = None,
    shrunk: Callable[[int], None] | None = None,
) -> images.Picture:
    """Enlarges a picture by the model's scale; transparency bicubically, whatever the model.

    What is grey stays so, in three channels too, which a network may tint.
    """
    pixels, alpha = picture.pixels, picture.alpha
    if pixels.ndim == 3 and (pixels == pixels[..., :1]).all():
        grey = picture._replace(pixels=np.ascontiguousarray(pixels[..., 0]))
        large = enlarge(model, grey, tile=tile, report=report, shrunk=shrunk)
        return large._replace(pixels=np.stack([large.pixels] * 3, axis=-1))
    if alpha is not None:
        bicubic = Model(Interpolation(factors=(model.module.scale,)), {}, {})
        pixels = bleed(pixels, alpha)
        alpha = tiles.upscale(bicubic, alpha, tile=tile, shrunk=shrunk)
    large = tiles.upscale(model, pixels, tile=tile, report=report, shrunk=shrunk)
    return picture._replace(pixels=large, alpha=alpha)


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
