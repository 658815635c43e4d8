"""What `jsr.upscale` takes and gives back: files, Pillow's images, arrays, and several of them."""

import os
from typing import Any

import numpy as np

from jsr import pictures
from jsr.errors import PictureError
from jsr.models import Model
from jsr.pictures import Metadata, pillow_image
from jsr.pictures.metadata.exif import UPRIGHT
from jsr.pictures.picture import assemble
from jsr.pictures.writing import samples
from jsr.upscaling.picture import enlarge

SHAPES = "[h, w], [h, w, c] or [b, h, w, c] with 1 to 4 channels c"
FLOAT_LEVELS = 65535  # the levels that floats in [0, 1] are rounded to


def upscale(model: Model, image: Any, *, tile: int | None = None) -> Any:
    """Enlarges whatever `jsr.upscale` takes, as it says there.

    Raises:
      PictureError, ConfigError: as `jsr.upscale`.
    """
    if isinstance(image, list | tuple):
        return [_numbered(model, item, number, len(image), tile=tile) for number, item in enumerate(image, 1)]
    if isinstance(image, str | os.PathLike):
        return samples(enlarge(model, pictures.read(image), tile=tile))
    if pillow_image.is_image(image):
        return pillow_image.from_picture(enlarge(model, pillow_image.to_picture(image), tile=tile))
    if not hasattr(image, "__array__"):
        raise PictureError(f"image: expected a path, a Pillow image or an array, got {type(image).__name__}")
    array = np.asarray(image)
    levels = _to_levels(array)
    if array.ndim == 4:
        large = np.stack([_enlarge(model, picture, tile=tile) for picture in levels])
    else:
        large = _enlarge(model, levels, tile=tile)
    if array.dtype.kind == "f":
        return (large / np.float32(FLOAT_LEVELS)).astype(array.dtype)
    return large


def _numbered(model: Model, image: Any, number: int, count: int, *, tile: int | None) -> Any:
    """Enlarges one of several pictures, and says in its error which one it is."""
    try:
        return upscale(model, image, tile=tile)
    except PictureError as error:
        raise PictureError(f"picture {number} of {count}: {error}") from error


def _to_levels(array: np.ndarray) -> np.ndarray:
    """Checks an array and returns it as uint8 or uint16 in native byte order; floats as uint16.

    Raises:
      PictureError: another type or shape, no pixels, or floats outside [0, 1].
    """
    found = f"{array.dtype} {list(array.shape)}"
    if array.ndim not in (2, 3, 4) or (array.ndim > 2 and not 1 <= array.shape[-1] <= 4):
        hint = ""
        if array.ndim > 2 and array.shape[-3] <= 4:
            hint = f"; np.moveaxis(image, {array.ndim - 3}, -1) moves the channels last"
        raise PictureError(f"image: expected {SHAPES}, got {found}{hint}")
    if not array.size:
        raise PictureError(f"image: expected at least one pixel, got {found}")
    native = array.dtype.newbyteorder("=")
    if native in (np.uint8, np.uint16):
        return array.astype(native, copy=False)
    if native not in (np.float16, np.float32, np.float64):
        raise PictureError(f"image: expected uint8, uint16, or floats in [0, 1], got {found}")
    low, high = array.min(), array.max()
    if not (low >= 0 and high <= 1):  # NaN is neither
        raise PictureError(f"image: expected floats in [0, 1], got {low:g} to {high:g}")
    return np.round(array.astype(np.float64) * FLOAT_LEVELS).astype(np.uint16)


def _enlarge(model: Model, levels: np.ndarray, *, tile: int | None) -> np.ndarray:
    """Enlarges `[h, w]` or `[h, w, c]`, of which the last of 2 or 4 channels is alpha, and keeps the channels."""
    picture = assemble(levels, Metadata(), UPRIGHT)
    large = samples(enlarge(model, picture, tile=tile))
    return large if large.ndim == levels.ndim else large[..., None]
