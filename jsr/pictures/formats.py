"""The formats of picture files, in one table for reading, writing, listing folders, help texts and errors.

Files are read by their content. Of a folder, files with a suffix of the table are pictures, and others that begin like
one. The suffix decides the format of a result.
"""

import os
import re
from pathlib import Path
from typing import NamedTuple


class Format(NamedTuple):
    """A format of picture files. Its frames make an animation; several pictures in any other format are pages."""

    name: str  # Pillow's
    suffixes: tuple[str, ...]  # of files that are written and read; none for a format that is only read
    other_suffixes: tuple[str, ...] = ()  # of files that are only read
    has_frames: bool = False  # an animation is read as such
    animation: str = ""  # an animation, written in this format, in words; empty where it is not
    has_rows: bool = False  # written by rows, so that a result may be larger than memory
    has_alpha: bool = True
    has_16_bits: bool = False
    metadata: tuple[str, ...] = ()  # those that it holds, by their names in `Metadata`
    max_side: int | None = None  # pixels
    result: str = ".png"  # suffix of its results, unless another is asked for
    signature: bytes = rb"(?!)"  # a regular expression that the first `HEAD` bytes match; by default, none do


FORMATS = (
    Format(
        "PNG",
        (".png",),
        (".apng",),
        has_frames=True,
        animation="an animated PNG",
        has_rows=True,
        has_16_bits=True,
        metadata=("icc", "exif", "xmp", "iptc", "resolution", "comment", "colour", "text"),
        signature=rb"\x89PNG\r\n\x1a\n",
    ),
    Format(
        "JPEG",
        (".jpg", ".jpeg"),
        (".jpe", ".jif", ".jfif"),
        has_alpha=False,
        metadata=("icc", "exif", "xmp", "iptc", "resolution", "comment"),
        max_side=65500,
        signature=rb"\xff\xd8\xff",
    ),
    Format(
        "WEBP",
        (".webp",),
        has_frames=True,
        animation="an animated WebP",
        metadata=("icc", "exif", "xmp", "resolution"),
        max_side=16383,
        signature=rb"RIFF.{4}WEBP",
    ),
    Format(
        "TIFF",
        (".tif", ".tiff"),
        has_rows=True,
        has_16_bits=True,
        metadata=("icc", "exif", "xmp", "iptc", "resolution", "geography"),
        signature=rb"II[*+]\0|MM\0[*+]",
    ),
    Format(
        "BMP",
        (".bmp",),
        has_alpha=False,
        metadata=("resolution",),
        # Two letters alone would match texts; the sizes of all headers follow at byte 14.
        signature=rb"BM.{12}[\x0c\x10\x28\x34\x38\x40\x6c\x7c]\0\0\0",
    ),
    Format(
        "GIF",
        (".gif",),
        has_frames=True,
        animation="an animated GIF",
        max_side=65535,
        signature=rb"GIF8[79]a",
    ),
    Format(
        "AVIF",
        (".avif",),
        (".avifs",),
        has_frames=True,
        metadata=("icc", "exif", "xmp", "resolution"),
        signature=rb".{4}ftypavi[fs]",
    ),
    Format(
        "JXL",
        (".jxl",),
        has_16_bits=True,
        metadata=("exif", "xmp", "resolution"),
        signature=rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n",
    ),
    Format(
        "JPEG2000",
        (),
        (".jp2", ".j2k", ".jpc", ".jpf", ".jpx", ".j2c"),
        signature=rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51",
    ),
    Format(
        "HEIF",
        (),
        (".heic", ".heics", ".heif", ".heifs", ".hif"),
        signature=rb".{4}ftyp(hei[cxms]|hev[cxms]|mif1|msf1)",
    ),
    Format("DICOM", (), (".dcm", ".dicom"), result=".tif", signature=rb".{128}DICM"),
    Format("NPY", (".npy",), has_16_bits=True, result=".npy", signature=rb"\x93NUMPY"),
    Format("PPM", (), (".ppm", ".pgm", ".pbm", ".pnm"), signature=rb"P[1-6]\s+(#[^\n]*\n\s*)*\d+\s+\d+\s"),
)
HEAD = 132  # bytes
MISSING = 'needs a package that is not installed: pip install "jax-srgan[formats]"'  # after the name of a format
# Raw photographs (.nef, .dng, .arw) and slides of microscopes are TIFF too, whose first picture is a thumbnail. So a
# TIFF with a foreign suffix is not taken for a picture.
CONTAINERS = ("TIFF",)
NAMES = ", ".join(kind.name for kind in FORMATS)  # all of them are read
BY_NAME = {kind.name: kind for kind in FORMATS}
WRITTEN = {suffix: kind for kind in FORMATS for suffix in kind.suffixes}
READ = WRITTEN | {suffix: kind for kind in FORMATS for suffix in kind.other_suffixes}


def is_picture(path: str | os.PathLike[str]) -> bool:
    """Tells whether the suffix of a file is one of pictures that are read."""
    return Path(path).suffix.lower() in READ


def begins_as_picture(path: str | os.PathLike[str], head: bytes) -> bool:
    """Tells whether a file whose suffix is none of a picture begins like one.

    Args:
      head: its first `HEAD` bytes.
    """
    kind = beginning_as(head)
    return kind is not None and (not Path(path).suffix or kind.name not in CONTAINERS)


def beginning_as(head: bytes) -> Format | None:
    """Returns the format of a file by its first `HEAD` bytes, or None if no known one begins so."""
    return next((kind for kind in FORMATS if re.match(kind.signature, head, re.DOTALL)), None)


def written_as(path: str | os.PathLike[str]) -> Format | None:
    """Returns the format that a file of this suffix is written in, or None if there is none."""
    return WRITTEN.get(Path(path).suffix.lower())
