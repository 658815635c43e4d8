"""Upscales a whole picture: greyscale stays greyscale, and the hidden colour of transparent pixels does not bleed."""

from collections.abc import Callable

import numpy as np

from jsr.models import Model
from jsr.models.classical.interpolation import Interpolation
from jsr.ops.bleed import bleed
from jsr.pictures import Picture
from jsr.pictures.picture import is_grey
from jsr.upscaling import tiles


def enlarge(
    model: Model,
    picture: Picture,
    *,
    tile: int | None = None,
    report: Callable[[int, int], None] | None = None,
    shrunk: Callable[[int], None] | None = None,
) -> Picture:
    """Enlarges a picture by the model's scale; its alpha channel bicubically, by any model.

    Grey stays exactly grey, also in three channels, although a network might tint it.

    Args:
      tile, report, shrunk: as `tiles.upscale` takes them.
    """
    pixels, alpha = picture.pixels, picture.alpha
    if pixels.ndim == 3 and is_grey(pixels):
        grey = picture._replace(pixels=np.ascontiguousarray(pixels[..., 0]))
        result = enlarge(model, grey, tile=tile, report=report, shrunk=shrunk)
        return result._replace(pixels=np.stack([result.pixels] * 3, axis=-1))
    if alpha is not None:
        bicubic = Model(Interpolation(factors=(model.scale,)), {}, {})
        pixels = bleed(pixels, alpha)
        alpha = tiles.upscale(bicubic, alpha, tile=tile, shrunk=shrunk)
    pixels = tiles.upscale(model, pixels, tile=tile, report=report, shrunk=shrunk)
    return picture._replace(pixels=pixels, alpha=alpha)
