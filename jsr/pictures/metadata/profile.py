"""ICC profiles: what colours a profile is for, and conversion to sRGB for formats that hold no profile."""

import imagecodecs
import numpy as np
from jaxtyping import Integer

MODELS = {b"RGB ": "RGB", b"GRAY": "grey", b"CMYK": "CMYK"}  # names in a profile's head (ICC.1, section 7.2.6)


def model(icc: bytes) -> str | None:
    """Returns the colour model of a profile, in words; None for a broken one."""
    return MODELS.get(icc[16:20], "other colours") if icc[36:40] == b"acsp" else None


def to_srgb(
    pixels: Integer[np.ndarray, "h w"] | Integer[np.ndarray, "h w 3"], icc: bytes
) -> Integer[np.ndarray, "h w"] | Integer[np.ndarray, "h w 3"]:
    """Converts 8 or 16 bits to sRGB.

    Raises:
      Exception: any, of LittleCMS, if the profile is broken.
    """
    space = "gray" if pixels.ndim == 2 else "rgb"
    srgb = imagecodecs.cms_profile("srgb")
    converted = imagecodecs.cms_transform(pixels, icc, srgb, colorspace=space, outcolorspace="rgb")
    return converted if pixels.ndim == 3 else np.ascontiguousarray(converted[..., 0])
