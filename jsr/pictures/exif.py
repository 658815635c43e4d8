"""What cameras write beside a picture: how to turn it, and what stays true once it is larger."""

import numpy as np
from PIL import Image

UPRIGHT = 1
ORIENTATION = 0x0112
DETAILS = 0x8769  # the tags of the exposure, in a directory of their own
SIZES = (0x0100, 0x0101), (0xA002, 0xA003)  # width and height, of the picture as it was
# In TIFF the picture's layout stands among its tags. These describe: title, make, model, software,
# date, artist, copyright, details and GPS.
DESCRIPTIVE = {0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x8298, DETAILS, 0x8825}

# EXIF orientation: how to turn the stored picture upright.
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
    """Returns how a picture is to be turned, `UPRIGHT` where nothing is said."""
    return exif.get(ORIENTATION, UPRIGHT)


def turned(samples: np.ndarray, orientation: int) -> np.ndarray:
    """Turns samples `[h, w, c]` upright; what no EXIF may say leaves them as they are."""
    return TURNS.get(orientation, lambda x: x)(samples)


def useful(exif: Image.Exif, *, is_tiff: bool) -> bytes | None:
    """Returns EXIF without what is no longer true of the result: orientation, sizes, thumbnail, in TIFF the layout."""
    details = exif.get_ifd(DETAILS)
    for tag in SIZES[1]:
        details.pop(tag, None)
    for tag in list(exif):
        if tag in (ORIENTATION, *SIZES[0]) or (is_tiff and tag not in DESCRIPTIVE):
            del exif[tag]
    return exif.tobytes() if len(exif) else None
