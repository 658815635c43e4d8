"""Whole pictures enlarged: grey stays grey, and what is transparent lends no colour to its edges."""

from collections.abc import Callable

import numpy as np

from jsr.models import Model
from jsr.models.interpolation import Interpolation
from jsr.ops.bleed import bleed
from jsr.pictures import Picture
from jsr.upscaling import tiles


def enlarge(
    model: Model,
    picture: Picture,
    *,
    tile: int | None = None,
    report: Callable[[int, int], None] | None = None,
    shrunk: Callable[[int], None] | None = None,
) -> Picture:
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
