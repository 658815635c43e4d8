"""PNG, read by libpng."""

import io
import struct

import imagecodecs

from jsr.pictures.metadata import of_png
from jsr.pictures.picture import Picture, assemble, check_size


def decode(content: bytes, *, max_pixels: int) -> Picture:
    """Decodes a still PNG of any kind; libpng wants all rows and right checksums of the pixels.

    Raises:
      PictureError: more pixels than allowed.
      Exception: any, of imagecodecs, if it is broken.
    """
    width, height = struct.unpack(">II", content[16:24])
    check_size(width, height, 1, max_pixels)
    samples = imagecodecs.png_decode(content)
    described, orientation = of_png.read(io.BytesIO(content))
    return assemble(samples, described, orientation)
