"""Upscaling of whole pictures, window by window, in bounded memory and without seams (`spans.py`)."""

import contextlib
import os
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from PIL import Image

from jsr.pictures import exif, png_rows, tiff, writing
from jsr.pictures.picture import MAX_PIXELS, Picture, assemble, check_size, explained, named
from jsr.pictures.png_rows import Writer


@runtime_checkable
class Rows(Protocol):
    """A picture whose rows `[y:y+n]` can be had, from top to bottom, and the last ones again: an array, or a file."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> np.dtype: ...
    def __getitem__(self, rows: slice, /) -> np.ndarray: ...


LARGE = 16_000_000  # pixels: enlarged four times, 0.8 GB of RGB
TARGETS = ("PNG", "TIFF")


class Large(NamedTuple):
    """A picture whose rows are read when they are asked for, or stand in an array."""

    rows: Rows  # RGB [h, w, 3] or grey [h, w]
    is_grey: bool  # in three equal channels
    icc: bytes | None
    exif: bytes | None
    notes: tuple[str, ...]


def holds(path: str | os.PathLike[str]) -> bool:
    """Says whether the format of a file's suffix is written by rows."""
    return writing.format_of(path) in TARGETS


def is_large(picture: Picture) -> bool:
    height, width = picture.pixels.shape[:2]
    return picture.alpha is None and height * width >= LARGE


def of(picture: Picture) -> Large:
    """Returns a picture that was read as a whole."""
    is_grey = picture.pixels.ndim == 3 and all(_are_grey(row) for row in picture.pixels)
    return Large(picture.pixels, is_grey, picture.icc, picture.exif, picture.notes)


def open(path: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS) -> Large | None:
    """Opens a large picture to be read by rows; returns None for what `images.read` is to read.

    Raises:
      PictureError: no such file, or a broken or too large one.
    """
    with named(path):
        with explained(), _opened(path) as image:
            if image is None:
                return None
            check_size(image.width, image.height, 1, max_pixels)
            if image.width * image.height < LARGE:
                return None
            layout = (png_rows.layout if image.format == "PNG" else tiff.layout)(path, image)
            is_turned = exif.orientation(image.getexif()) != exif.UPRIGHT
            if layout is None or is_turned or getattr(image, "n_frames", 1) > 1:
                return None
            shape, dtype, blocks = layout
            # An array of nothing, to find out what else there is to keep.
            about = assemble(
                np.zeros((1, 1, 1), dtype),
                image.info.get("icc_profile"),
                image.getexif,
                (),
                is_tiff=image.format == "TIFF",
            )
        is_grey = len(shape) == 3 and all(_are_grey(block) for block in _named(path, blocks()))
    return Large(_Read(shape, dtype, _named(path, blocks())), is_grey, *about[2:])


def _opened(path) -> Any:
    try:
        return Image.open(path, formats=TARGETS)
    except Exception:  # `images.read` says what is wrong with it
        return contextlib.nullcontext()


def write(path: str | os.PathLike[str], large: Large, bands: Iterable[np.ndarray], scale: int) -> tuple[str, ...]:
    """Writes rows as they come, whole or not at all; returns notes of what the format cannot hold.

    Args:
      bands: rows `[n, s w]` or `[n, s w, 3]`, from top to bottom.

    Raises:
      PictureError: a file that cannot be written.
    """
    kind = writing.format_of(path)
    height, width = (scale * n for n in large.rows.shape[:2])
    planes = 1 if len(large.rows.shape) == 2 else 3
    shape, dtype = (height, width, planes), np.dtype(large.rows.dtype)
    bands = (np.stack([b] * 3, axis=-1) if large.is_grey else b.reshape(len(b), width, -1) for b in bands)
    with writing.draft(path) as file:
        if kind == "PNG":
            writer = Writer(file, shape, dtype, icc=large.icc, exif=large.exif)
            for band in bands:
                writer.write(band)
            writer.close()
        else:
            tiff.write_rows(file, bands, shape, dtype, large.icc)
    return ("EXIF is not kept: not written to TIFF of this size",) if kind == "TIFF" and large.exif else ()


class _Read:
    """Rows of a file, of which those above the last but one that were asked for are forgotten."""

    def __init__(self, shape, dtype, blocks) -> None:
        self.shape, self.dtype, self.blocks = shape, np.dtype(dtype), blocks
        self.first, self.asked, self.kept = 0, 0, np.empty((0, *shape[1:]), dtype)

    def __getitem__(self, rows: slice) -> np.ndarray:
        keep, self.asked = min(self.asked, rows.start), rows.start
        missing = min(rows.stop, self.shape[0]) - self.first - len(self.kept)
        parts = [self.kept[keep - self.first :]]
        while missing > 0:
            parts.append(next(self.blocks))
            missing -= len(parts[-1])
        self.first, self.kept = keep, np.concatenate(parts)
        return self.kept[rows.start - keep : rows.stop - keep]


class Grey:
    """The first of three equal channels."""

    def __init__(self, rows: Rows) -> None:
        self.rows, self.shape, self.dtype = rows, rows.shape[:2], rows.dtype

    def __getitem__(self, rows: slice) -> np.ndarray:
        return np.ascontiguousarray(self.rows[rows][..., 0])


def _are_grey(rows):
    return bool((rows == rows[..., :1]).all())


def _named(path, blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Yields rows; what is broken in the file is said of it."""
    with named(path), explained():
        yield from blocks
