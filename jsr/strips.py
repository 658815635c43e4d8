"""Pictures larger than the memory: PNG and TIFF read by rows and written as rows are done.

Whatever needs the whole picture at once is left to `images.py`: transparency, interlaced PNG, an orientation to turn,
compressions that only Pillow knows.
"""

import contextlib
import itertools
import os
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import tifffile
from PIL import Image

from jsr import encoding, exif, images, scanlines
from jsr.images import Picture
from jsr.tiles import Rows

LARGE = 16_000_000  # pixels: enlarged four times, 0.8 GB of RGB
TARGETS = ("PNG", "TIFF")
BLOCK = 64  # rows read or written at a time
MAX_TIFF = 4_000_000_000  # bytes; what is larger needs BigTIFF


class Large(NamedTuple):
    """A picture whose rows are read when they are asked for, or stand in an array."""

    rows: Rows  # RGB [h, w, 3] or grey [h, w]
    is_grey: bool  # in three equal channels
    icc: bytes | None
    exif: bytes | None
    notes: tuple[str, ...]


def holds(path: str | os.PathLike[str]) -> bool:
    """Says whether the format of a file's suffix is written by rows."""
    return encoding.format_of(path) in TARGETS


def is_large(picture: Picture) -> bool:
    height, width = picture.pixels.shape[:2]
    return picture.alpha is None and height * width >= LARGE


def of(picture: Picture) -> Large:
    """Returns a picture that was read as a whole."""
    is_grey = picture.pixels.ndim == 3 and all(_are_grey(row) for row in picture.pixels)
    return Large(picture.pixels, is_grey, picture.icc, picture.exif, picture.notes)


def open(path: str | os.PathLike[str], *, max_pixels: int = images.MAX_PIXELS) -> Large | None:
    """Opens a large picture to be read by rows; returns None for what `images.read` is to read.

    Raises:
      ImageError: no such file, or a broken or too large one.
    """
    with images.named(path):
        with images.explained(), _opened(path) as image:
            if image is None:
                return None
            images.check_size(image.width, image.height, 1, max_pixels)
            if image.width * image.height < LARGE:
                return None
            layout = (_png if image.format == "PNG" else _tiff)(path, image)
            is_turned = exif.orientation(image.getexif()) != exif.UPRIGHT
            if layout is None or is_turned or getattr(image, "n_frames", 1) > 1:
                return None
            shape, dtype, blocks = layout
            # An array of nothing, to find out what else there is to keep.
            about = images.assemble(
                np.zeros((1, 1, 1), dtype), image.info.get("icc_profile"), image.getexif, (),
                is_tiff=image.format == "TIFF",
            )  # fmt: skip
        is_grey = len(shape) == 3 and all(_are_grey(block) for block in _named(path, blocks()))
    return Large(_Read(shape, dtype, _named(path, blocks())), is_grey, *about[2:])


def _opened(path) -> Any:
    try:
        return Image.open(path, formats=TARGETS)
    except Exception:  # `images.read` says what is wrong with it
        return contextlib.nullcontext()


def write(
    path: str | os.PathLike[str], large: Large, bands: Iterable[np.ndarray], scale: int
) -> tuple[str, ...]:
    """Writes rows as they come, whole or not at all; returns notes of what the format cannot hold.

    Args:
      bands: rows `[n, s w]` or `[n, s w, 3]`, from top to bottom.

    Raises:
      ImageError: a file that cannot be written.
    """
    kind = encoding.format_of(path)
    height, width = (scale * n for n in large.rows.shape[:2])
    planes = 1 if len(large.rows.shape) == 2 else 3
    shape, dtype = (height, width, planes), np.dtype(large.rows.dtype)
    bands = (
        np.stack([b] * 3, axis=-1) if large.is_grey else b.reshape(len(b), width, -1) for b in bands
    )
    with encoding.draft(path) as file:
        if kind == "PNG":
            writer = scanlines.Writer(file, shape, dtype, icc=large.icc, exif=large.exif)
            for band in bands:
                writer.write(band)
            writer.close()
        else:
            _write_tiff(file, bands, shape, dtype, large.icc)
    return (
        ("EXIF is not kept: not written to TIFF of this size",)
        if kind == "TIFF" and large.exif
        else ()
    )


def _write_tiff(file, bands, shape, dtype, icc):
    def encoded():
        for rows in _blocks(bands):
            # Predictor 2: each value as its difference from the one on its left.
            rows[:, 1:] -= rows[:, :-1].copy()
            yield zlib.compress(rows.tobytes())

    tifffile.imwrite(
        file, encoded(), shape=shape if shape[2] == 3 else shape[:2], dtype=dtype, rowsperstrip=BLOCK,
        photometric="rgb" if shape[2] == 3 else "minisblack", compression="zlib", predictor=True,
        planarconfig="contig" if shape[2] == 3 else None, iccprofile=icc, metadata=None,
        bigtiff=np.prod(shape, dtype=np.int64) * dtype.itemsize > MAX_TIFF,
    )  # fmt: skip


def _blocks(bands):
    """Cuts bands into blocks of equally many rows, but for the last."""
    rest = None
    for band in bands:
        rest = band if rest is None else np.concatenate([rest, band])
        whole = len(rest) // BLOCK * BLOCK
        for y in range(0, whole, BLOCK):
            yield rest[y : y + BLOCK].copy()
        rest = rest[whole:]
    if rest is not None and len(rest):
        yield rest.copy()


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
    with images.named(path), images.explained():
        yield from blocks


def _png(path, image):
    """Returns shape, type and blocks of rows, or None."""
    header = scanlines.Header.of(path)
    if header is None or image.has_transparency_data:
        return None
    shape = (image.height, image.width, 3)[: 2 if header.planes == 1 else 3]
    return (
        shape,
        header.dtype,
        lambda: (rows.reshape(-1, *shape[1:]) for rows in scanlines.read(path, header, BLOCK)),
    )


def _tiff(path, image):
    with tifffile.TiffFile(path) as file:
        page: Any = file.pages[0]
        planes = page.samplesperpixel
        is_known = (
            page.dtype in (np.uint8, np.uint16) and page.bitspersample in (8, 16)
            and (planes, page.photometric) in ((1, 1), (3, 2)) and not page.extrasamples
            and page.axes in ("YX", "YXS") and page.compression in (1, 8, 32946, 32773)
        )  # fmt: skip
        if not is_known:
            return None
        shape, dtype = page.shape, page.dtype
    return shape, dtype, lambda: _tiff_blocks(path, shape)


def _tiff_blocks(path, shape):
    """Yields rows of strips, or of rows of tiles."""
    with tifffile.TiffFile(path) as file:
        page: Any = file.pages[0]
        across = -(-page.imagewidth // page.tilewidth) if page.is_tiled else 1
        segments = page.segments(maxworkers=1)
        done = 0
        while done < shape[0]:
            parts = []
            for data, _, size in itertools.islice(segments, across):
                if data is None:
                    raise ValueError("a part of the picture is missing")
                parts.append(data.reshape(data.shape[-3:])[: size[1], : size[2]])
            if not parts:
                raise ValueError(f"only {done} of {shape[0]} rows")
            rows = np.concatenate(parts, axis=1)[: shape[0] - done, : shape[1]]
            done += len(rows)
            yield rows.reshape(-1, *shape[1:])
