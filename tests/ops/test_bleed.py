"""Tests ../../jsr/ops/bleed.py."""

import numpy as np

from jsr.ops.bleed import bleed


def test_bleed_keeps_every_visible_pixel(rng):
    pixels = rng.integers(0, 65536, (13, 9, 3), np.uint16)
    alpha = rng.integers(0, 3, (13, 9), np.uint16)
    filled = bleed(pixels, alpha)
    assert filled.dtype == np.uint16 and (filled != pixels).any()
    np.testing.assert_array_equal(filled[alpha > 0], pixels[alpha > 0])
    np.testing.assert_array_equal(bleed(pixels[..., 0], alpha), filled[..., 0])


def test_bleed_leaves_pictures_that_are_all_visible_or_all_transparent(rng):
    pixels = rng.integers(0, 256, (13, 9, 3), np.uint8)
    for constant in (0, 1):
        np.testing.assert_array_equal(bleed(pixels, np.full((13, 9), constant)), pixels)


def test_bleed_takes_the_colour_of_a_single_visible_pixel(rng):
    pixels = rng.integers(0, 256, (13, 9, 3), np.uint8)
    alone = np.zeros((13, 9), np.uint8)
    alone[12, 0] = 1
    assert (bleed(pixels, alone) == pixels[12, 0]).all()


def test_bleed_takes_the_mean_of_the_smallest_block_with_a_visible_pixel():
    pixels = np.array([[10, 0, 0, 0], [30, 0, 0, 90]], np.uint8)
    alpha = np.array([[1, 0, 0, 0], [1, 0, 0, 1]], np.uint8)
    np.testing.assert_array_equal(bleed(pixels, alpha), [[10, 20, 90, 90], [30, 20, 90, 90]])
