"""What tests of picture files expect of what was read."""

import numpy as np
from PIL import Image


def loaded(exif):
    loaded = Image.Exif()
    loaded.load(exif)
    return loaded


def equal(picture, pixels, alpha=None):
    assert picture.pixels.dtype == pixels.dtype and picture.pixels.flags.c_contiguous
    np.testing.assert_array_equal(picture.pixels, pixels)
    if alpha is None:
        assert picture.alpha is None
    else:
        assert picture.alpha.dtype == pixels.dtype
        np.testing.assert_array_equal(picture.alpha, alpha)
