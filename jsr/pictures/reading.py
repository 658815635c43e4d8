"""Picture files, read without losing depth, transparency, colour profile, EXIF or orientation; `encoding` writes them.

Pixels are uint8 or uint16, RGB `[h, w, 3]` or grey `[h, w]`, upright. What a file or format cannot give is said in
notes, of one line each. Resolution and comments are not carried. Files may be hostile: their size is checked before
memory is taken for it, and only decoders of the formats below are tried.
"""

import logging
import os
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from jsr.pictures import pillow, tiff
from jsr.pictures.picture import MAX_PIXELS, Picture, explained, named

# What they say of odd files, they also raise.
for library in ("tifffile", "PIL"):
    logging.getLogger(library).setLevel(logging.CRITICAL)

PNG_HEAD = b"\x89PNG\r\n\x1a\n"


def read(path: str | os.PathLike[str], *, frame: int | None = None, max_pixels: int = MAX_PIXELS) -> Picture:
    """Reads a picture file.

    Args:
      frame: of several frames or pages, which, from 0; None is the first, and a note says that there are others.
      max_pixels: what is larger is refused.

    Raises:
      PictureError: no such file or frame, no picture, a broken or too large one, or pixels of neither 8 nor 16 bits.
    """
    with named(path):
        return decode(Path(path).read_bytes(), frame=frame, max_pixels=max_pixels)


def decode(content: bytes, *, frame: int | None = None, max_pixels: int = MAX_PIXELS) -> Picture:
    """Reads the content of a picture file, as `read` does; its errors do not name the file."""
    with explained():
        read = tiff.read if content[:4] in tiff.TIFF_HEADS else pillow.read
        return read(content, frame, max_pixels)


def size(file: str | os.PathLike[str] | BinaryIO) -> tuple[int, int]:
    """Returns a picture's height and width, before it is turned, without decoding it.

    Raises:
      PictureError: it is no picture.
    """
    with explained(), Image.open(file) as image:
        return image.height, image.width
