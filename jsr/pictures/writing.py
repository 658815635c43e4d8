"""Picture files, written in the format of their suffix, with all that it can hold."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import tifffile
from PIL import Image

from jsr.errors import PictureError
from jsr.files import atomic
from jsr.pictures.picture import Picture, flatten, to_8_bits
from jsr.pictures.png_rows import Writer

FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".bmp": "BMP",
}
LIMITS = {"JPEG": 65500, "WEBP": 16383}  # pixels a side
OPTIONS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"quality": 95},
}
MAX_EXIF = 65527  # bytes, in JPEG


def write(path: str | os.PathLike[str], picture: Picture) -> tuple[str, ...]:
    """Writes a picture in the format of the suffix, whole or not at all; replaces an earlier file.

    Returns:
      notes of what the format cannot hold.

    Raises:
      PictureError: an unknown suffix, a picture too large for the format, or a file that cannot be written.
    """
    kind = check(path, *picture.pixels.shape[:2])
    picture, notes = _fit(picture, kind)
    with draft(path) as file:
        _encode(file, picture, kind)
    return notes


@contextlib.contextmanager
def draft(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Opens a picture file to write, as `drafts.draft` does.

    Raises:
      PictureError: it cannot be written.
    """
    try:
        with atomic.replacing(path) as file:
            yield file
    except OSError as error:
        raise PictureError(f"{path}: cannot be written: {error.strerror or error}") from error


def format_of(path: str | os.PathLike[str]) -> str | None:
    """Returns the format that a file's suffix names, or None."""
    return FORMATS.get(Path(path).suffix.lower())


def samples(picture: Picture) -> np.ndarray:
    """Returns `[h, w]` or `[h, w, c]`, the last of 2 or 4 being alpha."""
    return picture.pixels if picture.alpha is None else np.dstack([picture.pixels, picture.alpha])


def check(path: str | os.PathLike[str], height: int, width: int) -> str:
    """Returns the format, and refuses what `write` would refuse, before there is a picture.

    Raises:
      PictureError: an unknown suffix, or a size that the format cannot hold.
    """
    kind = format_of(path)
    if kind is None:
        raise PictureError(f"{path}: expected a name that ends in one of {', '.join(FORMATS)}")
    limit = LIMITS.get(kind)
    if limit and max(height, width) > limit:
        raise PictureError(f"{path}: {kind} holds up to {limit} pixels a side, not {width}x{height}")
    return kind


def _fit(picture, kind):
    """Returns what the format can hold of a picture, and notes of the rest."""
    notes = []
    if picture.alpha is not None and kind in ("JPEG", "BMP"):
        picture = flatten(picture)
        notes.append(f"transparency is laid over white: {kind} has none")
    if picture.pixels.dtype == np.uint16 and kind not in ("PNG", "TIFF"):
        picture = to_8_bits(picture)
        notes.append(f"16 bits become 8: {kind} has no more")
    if picture.icc and kind == "BMP":
        picture = picture._replace(icc=None)
        notes.append("the colour profile is not kept: BMP has none")
    if picture.exif:
        reason = {
            "BMP": "BMP has none",
            "JPEG": "too long for JPEG" if len(picture.exif) > MAX_EXIF else None,
            "TIFF": "not written to TIFF of 16 bits" if picture.pixels.dtype == np.uint16 else None,
        }.get(kind)
        if reason:
            picture = picture._replace(exif=None)
            notes.append(f"EXIF is not kept: {reason}")
    return picture, tuple(notes)


def _encode(file, picture, kind):
    """Writes a picture that fits the format."""
    stored = samples(picture)
    if stored.dtype == np.uint8:
        kept = {"icc_profile": picture.icc, "exif": picture.exif}
        kept = {key: value for key, value in kept.items() if value}
        if kind == "TIFF" and not picture.exif:  # Pillow writes EXIF to plain TIFF only
            kept["compression"] = "tiff_deflate"
        Image.fromarray(stored).save(file, format=kind, **kept, **OPTIONS.get(kind, {}))
    elif kind == "TIFF":
        tifffile.imwrite(
            file,
            stored,
            iccprofile=picture.icc,
            compression="zlib",
            predictor=True,
            metadata=None,
            photometric="rgb" if picture.pixels.ndim == 3 else "minisblack",
            planarconfig="contig" if stored.ndim == 3 else None,
            extrasamples=None if picture.alpha is None else ["unassalpha"],
        )
    else:
        rows = stored if stored.ndim == 3 else stored[..., None]
        writer = Writer(file, rows.shape, rows.dtype, icc=picture.icc, exif=picture.exif)
        writer.write(rows)
        writer.close()
