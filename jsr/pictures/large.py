"""Pictures larger than memory: read by rows as they are asked for, and written by rows as they are computed.

Alpha, interlaced PNG, an orientation to apply, frames, and compressions that only Pillow decodes need a whole picture.
"""

import io
import os
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO, NamedTuple, Protocol, runtime_checkable

import numpy as np
from PIL import Image

from jsr.pictures import decoding, formats, writing
from jsr.pictures.codecs import pillow, png_reader, png_writer, tiff, tiff_writer
from jsr.pictures.metadata import exif, of_image
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


def from_file(path: str | os.PathLike[str], file: BinaryIO | io.BytesIO, *, max_pixels: int) -> LargePicture | None:
    """Returns the large picture of an open file, or None for a file that is to be decoded as a whole.

    Raises:
      PictureError: more pixels than allowed, or rows that are broken.
    """
    try:
        image = pillow.opened(file)
    except Exception:  # decoding it as a whole will report this
        return None
    kind = formats.BY_NAME.get(image.format or "")
    if kind is None or not kind.has_rows:
        return None
    check_size(*image.size, 1, max_pixels)
    if image.width * image.height < LARGE or pillow.count_frames(image) > 1:
        return None
    described, orientation = of_image.read(image, file)
    if orientation != exif.UPRIGHT:
        return None
    layout = (_png_layout if image.format == "PNG" else _tiff_layout)(path, image)
    if layout is None:
        return None
    shape, dtype, blocks = layout
    has_grey = len(shape) == 3 and all(is_grey(block) for block in blocks())
    return LargePicture(FileRows(shape, dtype, decoding.guarded_rows(path, blocks())), has_grey, described)


Layout = tuple[tuple[int, ...], np.dtype, Callable[[], Iterator[np.ndarray]]]  # shape, type, blocks of rows


def _png_layout(path: str | os.PathLike[str], image: Image.Image) -> Layout | None:
    header = png_reader.Header.of(path)
    if header is None or image.has_transparency_data:
        return None
    shape = (image.height, image.width, 3)[: 2 if header.planes == 1 else 3]

    def blocks() -> Iterator[np.ndarray]:
        for rows in png_reader.read(path, header, png_reader.BLOCK):
            yield rows.reshape(-1, *shape[1:])

    return shape, header.dtype, blocks


def _tiff_layout(path: str | os.PathLike[str], image: Image.Image) -> Layout | None:
    layout = tiff.layout(path)
    if layout is None:
        return None
    shape, dtype = layout
    return shape, dtype, lambda: tiff.read_rows(path, shape)


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
