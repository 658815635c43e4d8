"""Tests ../../jsr/pictures/picture.py."""

import numpy as np
from PIL import Image

from jsr.pictures import Picture, flatten, rgb


def test_rgb_has_three_channels_of_8_bits(rng):
    """16 bits are scaled, which Pillow's own conversion clips; grey and transparency go."""
    grey = np.array([[0, 128, 129, 257, 32896, 65535]], np.uint16)
    expected = np.repeat(np.array([[0, 0, 1, 1, 128, 255]], np.uint8)[..., None], 3, -1)
    assert np.array_equal(rgb(Picture(grey)), expected)
    colour = rng.integers(0, 256, (5, 7, 3), np.uint8)
    assert np.array_equal(rgb(Picture(colour, colour[..., 0])), colour)


def test_flatten_composites_over_white():
    """Against Pillow's own composition."""
    rgba = np.random.default_rng(1).integers(0, 256, (9, 8, 4), np.uint8)
    white = Image.new("RGBA", (8, 9), "white")
    expected = np.asarray(Image.alpha_composite(white, Image.fromarray(rgba)))[..., :3].astype(int)
    flat = flatten(Picture(rgba[..., :3], rgba[..., 3]))
    assert np.abs(flat.pixels - expected).max() <= 1 and flat.alpha is None
    grey = flatten(Picture(rgba[..., 0], rgba[..., 3]))
    np.testing.assert_array_equal(grey.pixels, flat.pixels[..., 0])
