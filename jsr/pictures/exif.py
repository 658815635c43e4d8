"""EXIF: the orientation, and the tags that are still true after upscaling."""

import numpy as np
from jaxtyping import Shaped
from PIL import Image

UPRIGHT = 1
ORIENTATION = 0x0112
DETAILS = 0x8769  # a directory of its own, with the tags of the exposure
SIZES = (0x0100, 0x0101)  # width and height of the original picture
SIZES_IN_DETAILS = (0xA002, 0xA003)
# The tags of a TIFF also hold its layout. These describe the picture: title, make, model, software,
# date, artist, copyright, details and GPS.
DESCRIPTIVE = {0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x8298, DETAILS, 0x8825}

# From an EXIF orientation to the turn that makes the stored picture upright.
TURNS = {
    2: lambda x: x[:, ::-1],
    3: lambda x: x[::-1, ::-1],
    4: lambda x: x[::-1],
    5: lambda x: x.swapaxes(0, 1),
    6: lambda x: np.rot90(x, -1),
    7: lambda x: x[::-1, ::-1].swapaxes(0, 1),
    8: lambda x: np.rot90(x),
}


def orientation(exif: Image.Exif) -> int:
    """Returns the EXIF orientation, `UPRIGHT` if there is none."""
    return exif.get(ORIENTATION, UPRIGHT)


def upright(samples: Shaped[np.ndarray, "h w c"], orientation: int) -> Shaped[np.ndarray, "rows columns c"]:
    """Turns samples upright; an orientation that EXIF does not define changes nothing."""
    return TURNS.get(orientation, lambda x: x)(samples)


def still_true(exif: Image.Exif, *, is_tiff: bool) -> bytes | None:
    """Returns EXIF without the tags that are false after upscaling: orientation, sizes, thumbnail, layout of TIFF."""
    details = exif.get_ifd(DETAILS)
    for tag in SIZES_IN_DETAILS:
        details.pop(tag, None)
    for tag in list(exif):
        if tag in (ORIENTATION, *SIZES) or (is_tiff and tag not in DESCRIPTIVE):
            del exif[tag]
    return exif.tobytes() if len(exif) else None
