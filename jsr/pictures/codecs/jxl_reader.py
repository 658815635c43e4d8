"""JPEG XL, read by imagecodecs and by Pillow's plugin, which alone tells the colour profile."""

import io

import imagecodecs
import numpy as np

from jsr.pictures.codecs import deep, pillow
from jsr.pictures.metadata import of_jxl
from jsr.pictures.picture import Picture, assemble, check_size, choose_frame
from jsr.pictures.raster import Raster


def decode(content: bytes, frame: int | None, max_pixels: int) -> Picture | Raster:
    """Decodes a JPEG XL, of an animation the first frame: a picture, or of floats a raster.

    Raises:
      PictureError: another frame, more pixels than allowed, or a missing package.
      Exception: any, of the decoders, if it is broken.
    """
    head = of_jxl.head(content)
    check_size(head.width, head.height, 1, max_pixels)  # before the plugin opens it, which decodes it
    choose_frame(frame, 1)
    with pillow.opened(io.BytesIO(content)) as image:
        described, orientation = of_jxl.read(content, icc=image.info.get("icc_profile"))
        described = described.noted(*("only the first frame of its animation is taken",) * head.is_animated)
        if head.bits <= 8 and not head.is_animated:
            return assemble(pillow.decode_frame(image), described, orientation)
    samples = imagecodecs.jpegxl_decode(content, index=0)  # the plugin cuts it to 8 bits, or takes the last frame
    if head.is_float:
        return Raster(np.atleast_3d(samples), is_rgb=samples.ndim == 3, metadata=described)
    return assemble(deep.from_bits(samples, head.bits), described, orientation)
