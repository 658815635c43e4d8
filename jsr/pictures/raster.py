"""Rasters: measurements in any number of bands and of any type, such as satellites, microscopes and scanners give."""

import os
from typing import NamedTuple

import numpy as np
from jaxtyping import Shaped

from jsr.errors import PictureError
from jsr.pictures import formats, writing
from jsr.pictures.codecs.tiff import tiff_writer
from jsr.pictures.metadata.record import Metadata
from jsr.pictures.picture import Picture

FORMATS = ("TIFF", "NPY")  # that hold them


class Raster(NamedTuple):
    """A whole raster in memory, upright."""

    samples: Shaped[np.ndarray, "h w bands"]  # whole numbers or floats
    is_rgb: bool = False  # the first three bands are colours
    missing: float | None = None  # the value that stands for none, besides NaN
    metadata: Metadata = Metadata()

    def noted(self, *notes: str) -> "Raster":
        """Returns the raster with further notes in its metadata."""
        return self._replace(metadata=self.metadata.noted(*notes))


def chosen(raster: Raster, bands: tuple[int, ...]) -> Raster:
    """Returns three bands of a raster as its colours.

    Raises:
      PictureError: no such band.
    """
    count = raster.samples.shape[2]
    if not all(0 <= band < count for band in bands):
        raise PictureError(f"--bands: expected 0 to {count - 1}, got {' '.join(map(str, bands))}")
    return raster._replace(samples=raster.samples[..., list(bands)], is_rgb=True)


def colours(raster: Raster) -> Picture | None:
    """Returns the colours of a raster that has some of 8 or 16 bits, with a note of its other bands; else None."""
    samples = raster.samples
    if not raster.is_rgb or samples.dtype not in (np.uint8, np.uint16):
        return None
    picture = Picture(np.ascontiguousarray(samples[..., :3]), None, raster.metadata)
    if samples.shape[2] == 3:
        return picture
    return picture.noted(f"of {describe(raster)}, only the colours are kept; TIFF holds all, such as -o NAME.tif")


def describe(raster: Raster) -> str:
    """Says what a raster holds."""
    count = raster.samples.shape[2]
    return f"{count} band{'s' * (count != 1)} of {raster.samples.dtype}"


def is_held(path: str | os.PathLike[str]) -> bool:
    """Tells whether a file of this suffix holds rasters."""
    kind = formats.written_as(path)
    return kind is not None and kind.name in FORMATS


def check(path: str | os.PathLike[str], raster: Raster) -> None:
    """Refuses a file that cannot hold a raster, before minutes are spent on it.

    Raises:
      PictureError: a suffix of another format.
    """
    if not is_held(path):
        suffixes = ", ".join(suffix for name in FORMATS for suffix in formats.BY_NAME[name].suffixes)
        raise PictureError(
            f"{path}: expected a name that ends in one of {suffixes}, such as -o NAME.tif or --format tiff, for"
            f" {describe(raster)}"
        )


def write(path: str | os.PathLike[str], raster: Raster) -> tuple[str, ...]:
    """Writes a raster of the same type as TIFF or NumPy's file, atomically; replaces an earlier file.

    Returns:
      notes of all that the format cannot hold.

    Raises:
      PictureError: another suffix, or a file that cannot be written.
    """
    check(path, raster)
    samples = raster.samples
    kind = writing.check(path, *samples.shape[:2])
    metadata, notes = writing.fit_metadata(raster.metadata, kind, samples.shape[: 2 + raster.is_rgb])
    with writing.atomic_file(path) as file:
        if kind.name == "NPY":
            np.save(file, samples if samples.shape[2] > 1 else samples[..., 0])
        else:
            tiff_writer.write_bands(file, samples, metadata, is_rgb=raster.is_rgb)
    return notes
