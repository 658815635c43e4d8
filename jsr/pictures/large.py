"""Pictures whose results are larger than memory: written by rows as they are computed; TIFF is also read by rows.

Other formats are decoded as a whole, 3 bytes a pixel: a sixteenth of the result. Of PNG, rows could be decoded in
Python, but libpng decodes the whole in a tenth of that time.
"""

import os
from collections.abc import Iterable, Iterator
from typing import BinaryIO, NamedTuple, Protocol, runtime_checkable

import numpy as np

from jsr.pictures import decoding, writing
from jsr.pictures.codecs.png import png_writer
from jsr.pictures.codecs.tiff import tiff, tiff_writer
from jsr.pictures.metadata.record import Metadata
from jsr.pictures.picture import Picture, check_size, is_grey

LARGE = 16_000_000  # pixels; upscaled four times, these are 0.8 GB of RGB


@runtime_checkable
class Rows(Protocol):
    """Rows of a picture by slice `[y : y + n]`, requested from top to bottom: an array, or a file that is decoded.

    The rows of the previous request may be requested again.
    """

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> np.dtype: ...
    def __getitem__(self, rows: slice, /) -> np.ndarray: ...


class LargePicture(NamedTuple):
    """A picture whose rows are read when they are asked for, or are in an array."""

    rows: Rows  # RGB [h, w, 3] or grey [h, w]
    is_grey: bool  # grey in three equal channels
    metadata: Metadata


class Grey:
    """Rows of grey: the first of three equal channels."""

    def __init__(self, rows: Rows) -> None:
        self.rows, self.shape, self.dtype = rows, rows.shape[:2], rows.dtype

    def __getitem__(self, rows: slice) -> np.ndarray:
        return np.ascontiguousarray(self.rows[rows][..., 0])


class FileRows:
    """Rows of a file, kept in memory from the start of the previous request on."""

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype, blocks: Iterator[np.ndarray]) -> None:
        self.shape, self.dtype, self.blocks = shape, np.dtype(dtype), blocks
        self.first, self.previous, self.buffer = 0, 0, np.empty((0, *shape[1:]), dtype)

    def __getitem__(self, rows: slice) -> np.ndarray:
        first, self.previous = min(self.previous, rows.start), rows.start
        missing = min(rows.stop, self.shape[0]) - self.first - len(self.buffer)
        parts = [self.buffer[first - self.first :]]
        while missing > 0:
            parts.append(next(self.blocks))
            missing -= len(parts[-1])
        self.first, self.buffer = first, np.concatenate(parts)
        return self.buffer[rows.start - first : rows.stop - first]


def from_whole(picture: Picture) -> LargePicture | None:
    """Returns a decoded picture as a large one, or None if it is small or has alpha."""
    height, width = picture.pixels.shape[:2]
    if picture.alpha is not None or height * width < LARGE:
        return None
    has_grey = picture.pixels.ndim == 3 and all(is_grey(row[None]) for row in picture.pixels)
    return LargePicture(picture.pixels, has_grey, picture.metadata)


def from_tiff(path: str | os.PathLike[str], file: BinaryIO, *, max_pixels: int) -> LargePicture | None:
    """Returns the large picture of a TIFF, or None if it is small or is to be decoded as a whole.

    Args:
      path: of the file, which is opened once more for each pass over its rows.

    Raises:
      PictureError: more pixels than allowed, or rows that are broken.
      Exception: any, of tifffile, if it is broken.
    """
    layout = tiff.layout(file)
    if layout is None or layout.shape[0] * layout.shape[1] < LARGE:
        return None
    shape = layout.shape
    check_size(shape[1], shape[0], 1, max_pixels)
    has_grey = len(shape) == 3 and all(is_grey(block) for block in tiff.read_rows(path, shape))
    rows = decoding.guarded_rows(path, tiff.read_rows(path, shape))
    return LargePicture(FileRows(shape, layout.dtype, rows), has_grey, layout.metadata)


def write(
    path: str | os.PathLike[str], large: LargePicture, bands: Iterable[np.ndarray], *, height: int, width: int
) -> tuple[str, ...]:
    """Writes an upscaled large picture by rows, atomically.

    Args:
      large: the picture before it was upscaled.
      bands: rows `[n, width]` or `[n, width, 3]` of the result, from top to bottom; grey if `large` is.
      height, width: of the result.

    Returns:
      notes of all that the format cannot hold.

    Raises:
      PictureError: a file that cannot be written.
    """
    shape, dtype = (height, width, 3)[: len(large.rows.shape)], np.dtype(large.rows.dtype)
    bands = (np.stack([b] * 3, axis=-1) if large.is_grey else b.reshape(len(b), *shape[1:]) for b in bands)
    kind = writing.check(path, height, width)
    fitted, notes = writing.fit_metadata(large.metadata, kind, shape)
    with writing.atomic_file(path) as file:
        if kind.name == "TIFF":
            tiff_writer.write(file, bands, shape, dtype, fitted)
        else:
            writer = png_writer.Writer(file, shape, dtype, fitted)
            for band in bands:
                writer.write(band)
            writer.close()
    return notes
