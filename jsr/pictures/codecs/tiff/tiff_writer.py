"""TIFF written with all metadata, whole or by rows; Pillow writes no 16-bit colour, and no EXIF where it compresses."""

import io
import zlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO

import numpy as np
import tifffile
from jaxtyping import Integer, Shaped

from jsr.pictures.metadata import exif
from jsr.pictures.metadata.exif import Directory, Value
from jsr.pictures.metadata.of_tiff import IPTC, LAYOUT, XMP
from jsr.pictures.metadata.record import Metadata

BLOCK = 64  # rows written at a time
MAX_SIZE = 4_000_000_000  # bytes of samples; larger pictures need BigTIFF
BYTE, UNDEFINED = 1, 7  # types of tags


def write(
    file: BinaryIO | io.BytesIO,
    bands: Iterable[Integer[np.ndarray, "n w"] | Integer[np.ndarray, "n w c"]],
    shape: tuple[int, ...],
    dtype: np.dtype,
    metadata: Metadata,
) -> None:
    """Writes rows, from top to bottom, as they come.

    Args:
      file: open to write and read.
      shape: height, width, and 1 to 4 channels, if there are several; the last of 2 or 4 is alpha.
    """
    order = np.dtype(dtype).newbyteorder("<")
    channels = (*shape, 1)[2]

    def compressed() -> Iterator[bytes]:
        for rows in _blocks(bands):
            # Predictor 2: each value as its difference from the one on its left.
            rows[:, 1:] -= rows[:, :-1].copy()
            yield zlib.compress(rows.astype(order).tobytes())

    tifffile.imwrite(
        file,
        compressed(),
        shape=shape[:2] if channels == 1 else shape,
        dtype=order,
        rowsperstrip=BLOCK,
        photometric="rgb" if channels > 2 else "minisblack",
        compression="zlib",
        predictor=True,
        planarconfig=None if channels == 1 else "contig",
        extrasamples=["unassalpha"] if channels in (2, 4) else None,
        iccprofile=metadata.icc,
        metadata=None,
        software=False,
        byteorder="<",
        bigtiff=bool(np.prod(shape, dtype=np.int64) * order.itemsize > MAX_SIZE),
    )
    exif.add(file, _tags(metadata, *shape[:2]))


def write_bands(
    file: BinaryIO | io.BytesIO, samples: Shaped[np.ndarray, "h w bands"], metadata: Metadata, *, is_rgb: bool
) -> None:
    """Writes bands of any type of number.

    Args:
      file: open to write and read.
      is_rgb: whether the first three bands are colours; the others are just bands, none of them alpha.
    """
    count = samples.shape[2]
    tifffile.imwrite(
        file,
        samples if count > 1 else samples[..., 0],
        photometric="rgb" if is_rgb else "minisblack",
        compression="zlib",
        predictor=samples.dtype.itemsize <= 4,
        planarconfig="contig" if count > 1 else None,
        extrasamples=["unspecified"] * (count - (3 if is_rgb else 1)) if count > 1 else None,
        metadata=None,
        software=False,
        byteorder="<",
        bigtiff=samples.nbytes > MAX_SIZE,
    )
    exif.add(file, _tags(metadata, *samples.shape[:2]))


def _tags(metadata: Metadata, height: int, width: int) -> Directory:
    tags: Directory = {}
    if metadata.exif:
        described = exif.parse(io.BytesIO(metadata.exif.removeprefix(exif.PREFIX)))
        kept = {tag: value for tag, value in described.directory.items() if tag not in LAYOUT}
        tags |= exif.little_endian(described.order, kept)
    if metadata.resolution:
        tags |= exif.resolution("<", *metadata.resolution)
    if metadata.xmp:
        tags[XMP] = Value(BYTE, metadata.xmp)
    if metadata.iptc:
        tags[IPTC] = Value(UNDEFINED, metadata.iptc)
    if metadata.geography:
        tags |= metadata.geography.scaled(height, width)
    return tags


def _blocks(bands: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Cuts bands into blocks of equally many rows, except for the last."""
    rest = None
    for band in bands:
        rest = band if rest is None else np.concatenate([rest, band])
        complete = len(rest) // BLOCK * BLOCK
        for y in range(0, complete, BLOCK):
            yield rest[y : y + BLOCK].copy()
        rest = rest[complete:]
    if rest is not None and len(rest):
        yield rest.copy()
