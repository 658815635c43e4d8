"""Comparisons that tests of picture files share."""

from pathlib import Path

import numpy as np
from PIL import Image

from jsr.pictures import Picture


def stored(path: str | Path) -> np.ndarray:
    """Returns the samples of a file as Pillow reads them."""
    with Image.open(path) as image:
        return np.asarray(image)


def loaded(content: bytes | None) -> Image.Exif:
    """Parses EXIF."""
    assert content is not None
    exif = Image.Exif()
    exif.load(content)
    return exif


def equal(picture: Picture, pixels: np.ndarray, alpha: np.ndarray | None = None) -> None:
    """Asserts values, types and memory order of a picture."""
    assert picture.pixels.dtype == pixels.dtype and picture.pixels.flags.c_contiguous
    np.testing.assert_array_equal(picture.pixels, pixels)
    if alpha is None:
        assert picture.alpha is None
    else:
        assert picture.alpha is not None and picture.alpha.dtype == pixels.dtype
        np.testing.assert_array_equal(picture.alpha, alpha)
