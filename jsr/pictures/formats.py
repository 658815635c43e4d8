"""The formats of picture files, in one table for reading, writing, listing folders, help texts and errors.

Files are read by their content; suffixes decide which files of a folder are pictures, and the format of a result.
"""

import os
from pathlib import Path
from typing import NamedTuple


class Format(NamedTuple):
    """A format of picture files. Its frames make an animation; several pictures in any other format are pages."""

    name: str  # Pillow's
    suffixes: tuple[str, ...]  # of files that are written and read; none for a format that is only read
    other_suffixes: tuple[str, ...] = ()  # of files that are only read
    has_frames: bool = False  # an animation is read as such
    animation: str = ""  # an animation, written in this format, in words; empty where it is not
    has_rows: bool = False  # read and written by rows, so that it may be larger than memory
    has_alpha: bool = True
    has_16_bits: bool = False
    has_icc: bool = True
    has_exif: bool = True
    max_side: int | None = None  # pixels


FORMATS = (
    Format(
        "PNG",
        (".png",),
        (".apng",),
        has_frames=True,
        animation="an animated PNG",
        has_rows=True,
        has_16_bits=True,
    ),
    Format("JPEG", (".jpg", ".jpeg"), (".jpe", ".jif", ".jfif"), has_alpha=False, max_side=65500),
    Format("WEBP", (".webp",), has_frames=True, animation="an animated WebP", max_side=16383),
    Format("TIFF", (".tif", ".tiff"), has_rows=True, has_16_bits=True),
    Format("BMP", (".bmp",), has_alpha=False, has_icc=False, has_exif=False),
    Format(
        "GIF",
        (".gif",),
        has_frames=True,
        animation="an animated GIF",
        has_icc=False,
        has_exif=False,
        max_side=65535,
    ),
    Format("AVIF", (), (".avif", ".avifs"), has_frames=True),
    Format("JPEG2000", (), (".jp2", ".j2k", ".jpc", ".jpf", ".jpx", ".j2c")),
    Format("PPM", (), (".ppm", ".pgm", ".pbm", ".pnm")),
)
NAMES = ", ".join(kind.name for kind in FORMATS)  # all of them are read
BY_NAME = {kind.name: kind for kind in FORMATS}
WRITTEN = {suffix: kind for kind in FORMATS for suffix in kind.suffixes}
READ = WRITTEN | {suffix: kind for kind in FORMATS for suffix in kind.other_suffixes}


def is_picture(path: str | os.PathLike[str]) -> bool:
    """Tells whether the suffix of a file is one of pictures that are read."""
    return Path(path).suffix.lower() in READ


def written_as(path: str | os.PathLike[str]) -> Format | None:
    """Returns the format that a file of this suffix is written in, or None if there is none."""
    return WRITTEN.get(Path(path).suffix.lower())
