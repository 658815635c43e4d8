"""Pictures in memory that are Pillow's images: what programs pass to `jsr.upscale`, and get back."""

from typing import Any

import numpy as np
from PIL import Image

from jsr.errors import PictureError
from jsr.pictures.codecs import pillow
from jsr.pictures.decoding import guarded
from jsr.pictures.metadata.exif import UPRIGHT
from jsr.pictures.picture import Metadata, Picture, assemble
from jsr.pictures.writing import samples

GREY = ("1", "L", "LA", "La", "I;16", "I;16L", "I;16B", "I;16N")
COLOUR = ("P", "PA", "RGB", "RGBA", "RGBa", "RGBX")
OTHER_MODELS = ("CMYK", "YCbCr", "HSV", "LAB")  # of colour: they become sRGB


def is_image(value: Any) -> bool:
    """Tells whether a value is one of Pillow's images."""
    return isinstance(value, Image.Image)


def to_picture(image: Image.Image) -> Picture:
    """Converts an image, whatever its mode, with its transparency and its colour profile. Its EXIF is not looked at.

    Raises:
      PictureError: a mode without a range (I, F), no pixels, or a broken file behind it.
    """
    modes = (*GREY, *COLOUR, *OTHER_MODELS)
    if image.mode not in modes:
        raise PictureError(
            f"image: expected a Pillow image of mode {', '.join(modes)}, got mode {image.mode}, whose range is unknown;"
            " convert it, or pass an array of uint16, or of floats in [0, 1]"
        )
    if not all(image.size):
        raise PictureError(f"image: expected at least one pixel, got {image.width}x{image.height}")
    metadata = Metadata(icc=image.info.get("icc_profile"))
    with guarded():
        if image.mode == "CMYK":
            array, metadata = pillow.from_cmyk(np.asarray(image), metadata)
        else:
            array = pillow.decode_frame(image)
    return assemble(array, metadata._replace(icc=None) if image.mode in OTHER_MODELS else metadata, UPRIGHT)


def from_picture(picture: Picture) -> Image.Image:
    """Converts a picture to an image of mode L, LA, RGB, RGBA or I;16, with its colour profile.

    It must not be of 16 bits and colour or transparent, for which Pillow has no mode.
    """
    image = Image.fromarray(np.ascontiguousarray(samples(picture)))
    if picture.metadata.icc:
        image.info["icc_profile"] = picture.metadata.icc
    return image
