"""Picture files, written in the format of their suffix, with all that it can hold."""

import contextlib
import os
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
import tifffile
from jaxtyping import Integer
from PIL import Image

from jsr.errors import PictureError
from jsr.files import atomic
from jsr.pictures import formats, gif_writer
from jsr.pictures.formats import Format
from jsr.pictures.picture import Metadata, Picture, flatten, to_8_bits
from jsr.pictures.png_writer import Writer

OPTIONS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"quality": 95},
}
MAX_EXIF = 65527  # bytes, in JPEG


def write(path: str | os.PathLike[str], picture: Picture) -> tuple[str, ...]:
    """Writes a picture in the format of the suffix, atomically; replaces an earlier file.

    Returns:
      notes of all that the format cannot hold.

    Raises:
      PictureError: an unknown suffix, a picture too large for the format, or a file that cannot be written.
    """
    kind = check(path, *picture.pixels.shape[:2])
    picture, notes = fit(picture, kind)
    with atomic_file(path) as file:
        if kind.name == "GIF":
            return notes + gif_writer.write(file, [picture])
        _encode(file, picture, kind)
    return notes


@contextlib.contextmanager
def atomic_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Opens a picture file to write; it appears under its name only if no exception is raised.

    Raises:
      PictureError: it cannot be written.
    """
    try:
        with atomic.replacing(path) as file:
            yield file
    except OSError as error:
        raise PictureError(f"{path}: cannot be written: {error.strerror or error}") from error


def samples(picture: Picture) -> Integer[np.ndarray, "h w"] | Integer[np.ndarray, "h w c"]:
    """Returns the samples of a picture; the last of 2 or 4 channels is alpha."""
    return picture.pixels if picture.alpha is None else np.dstack([picture.pixels, picture.alpha])


def check(path: str | os.PathLike[str], height: int, width: int) -> Format:
    """Returns the format of a file's suffix, or refuses the file that `write` would refuse, before there is a picture.

    Raises:
      PictureError: an unknown suffix, or a size that the format cannot hold.
    """
    kind = formats.written_as(path)
    if kind is None:
        raise PictureError(f"{path}: expected a name that ends in one of {', '.join(formats.WRITTEN)}")
    if kind.max_side and max(height, width) > kind.max_side:
        raise PictureError(f"{path}: {kind.name} holds up to {kind.max_side} pixels a side, not {width}x{height}")
    return kind


def pillow_options(name: str, metadata: Metadata) -> dict[str, Any]:
    """Returns the arguments with which Pillow writes a format: quality, and the metadata that there are."""
    given = {"icc_profile": metadata.icc, "exif": metadata.exif}
    return {key: value for key, value in given.items() if value} | OPTIONS.get(name, {})


def fit(picture: Picture, kind: Format) -> tuple[Picture, tuple[str, ...]]:
    """Returns as much of a picture as a format can hold, and notes of the rest."""
    notes = []
    if picture.alpha is not None and not kind.has_alpha:
        picture = flatten(picture)
        notes.append(f"transparency is laid over white: {kind.name} has none")
    if picture.pixels.dtype == np.uint16 and not kind.has_16_bits:
        picture = to_8_bits(picture)
        notes.append(f"16 bits become 8: {kind.name} has no more")
    metadata = picture.metadata
    if metadata.icc and not kind.has_icc:
        metadata = metadata._replace(icc=None)
        notes.append(f"the colour profile is not kept: {kind.name} has none")
    reason = _why_without_exif(picture, kind)
    if reason:
        metadata = metadata._replace(exif=None)
        notes.append(f"EXIF is not kept: {reason}")
    return picture._replace(metadata=metadata), tuple(notes)


def _why_without_exif(picture: Picture, kind: Format) -> str:
    """Returns the reason for which the EXIF of a picture cannot be written, or an empty text."""
    exif = picture.metadata.exif
    if not exif:
        return ""
    if not kind.has_exif:
        return f"{kind.name} has none"
    if kind.name == "JPEG" and len(exif) > MAX_EXIF:
        return "too long for JPEG"
    if kind.name == "TIFF" and picture.pixels.dtype == np.uint16:
        return "not written to TIFF of 16 bits"
    return ""


def _encode(file: BinaryIO, picture: Picture, kind: Format) -> None:
    """Writes a picture that fits the format."""
    stored, metadata = samples(picture), picture.metadata
    if stored.dtype == np.uint8:
        options = pillow_options(kind.name, metadata)
        if kind.name == "TIFF" and not metadata.exif:  # Pillow cannot write EXIF to a compressed TIFF
            options["compression"] = "tiff_deflate"
        Image.fromarray(stored).save(file, format=kind.name, **options)
    elif kind.name == "TIFF":
        tifffile.imwrite(
            file,
            stored,
            iccprofile=metadata.icc,
            compression="zlib",
            predictor=True,
            metadata=None,
            photometric="rgb" if picture.pixels.ndim == 3 else "minisblack",
            planarconfig="contig" if stored.ndim == 3 else None,
            extrasamples=None if picture.alpha is None else ["unassalpha"],
        )
    else:
        rows = stored if stored.ndim == 3 else stored[..., None]
        writer = Writer(file, rows.shape, rows.dtype, icc=metadata.icc, exif=metadata.exif)
        writer.write(rows)
        writer.close()
