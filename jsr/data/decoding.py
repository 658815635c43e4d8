"""Photographs of a collection decoded, each with its low-resolution picture where it has one."""

import os
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from jsr import pictures
from jsr.data.collection import Collection
from jsr.data.patch_layout import Aligned
from jsr.data.photos import Photo
from jsr.errors import DataError, PictureError
from jsr.pictures import reading
from jsr.pictures.picture import rgb


class Decoded(NamedTuple):
    """The pixels of a photograph."""

    pixels: UInt8[np.ndarray, "h w 3"] | Aligned
    is_transparent: bool  # somewhere; the pixels are then laid over white

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        pixels = self.pixels.hr if isinstance(self.pixels, Aligned) else self.pixels
        return pixels.shape[0], pixels.shape[1]


def shape(found: Collection, photo: Photo) -> tuple[int, int] | None:
    """Returns a photograph's height and width, before it is turned, or None where it or its pair cannot be read.

    Raises:
      DataError: its low-resolution picture has a size that cannot be right, however both are turned.
    """
    size = _header_shape(photo)
    if found.lows is None or size is None:
        return size
    low = _header_shape(found.lows.photos[photo.name])
    if low is None:
        return None
    if sorted(size) != [found.lows.scale * length for length in sorted(low)]:
        raise _mismatch(found, photo, size, low)
    return size


def _header_shape(photo: Photo) -> tuple[int, int] | None:
    try:
        with photo.open() as file:
            return pictures.size(file)
    except (PictureError, OSError):
        return None


def decode(found: Collection, photo: Photo) -> Decoded | None:
    """Returns a photograph's pixels, or None where it or its pair cannot be read.

    Raises:
      DataError: its low-resolution picture has another size than it requires.
    """
    decoded = _decode_file(photo)
    if found.lows is None or decoded is None:
        return decoded
    low = _decode_file(found.lows.photos[photo.name])
    if low is None:
        return None
    if decoded.shape != tuple(found.lows.scale * length for length in low.shape):
        raise _mismatch(found, photo, decoded.shape, low.shape)
    return Decoded(Aligned(decoded.pixels, low.pixels), decoded.is_transparent or low.is_transparent)


def _mismatch(found: Collection, photo: Photo, shape: tuple[int, int], low: tuple[int, int]) -> DataError:
    assert found.lows
    name, original = (
        os.path.join(folder, name)
        for folder, name in ((found.lows.folder, found.lows.photos[photo.name].name), (found.name, photo.name))
    )
    (height, width), (low_height, low_width) = shape, low
    return DataError(
        f"{name}: expected a picture {found.lows.scale} times smaller than {original} of {width}x{height} pixels,"
        f" got {low_width}x{low_height}"
    )


def _decode_file(photo: Photo) -> Decoded | None:
    try:
        with photo.open() as file:
            picture = reading.decode(file.read())
    except (PictureError, OSError):
        return None
    # What alpha hides is often black, which a network would learn as edges and areas of photographs.
    is_transparent = picture.alpha is not None and bool((picture.alpha < np.iinfo(picture.alpha.dtype).max).any())
    return Decoded(rgb(pictures.flatten(picture)), is_transparent)
