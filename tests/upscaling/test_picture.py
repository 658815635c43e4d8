"""Tests ../../jsr/upscaling/picture.py."""

import numpy as np
import pytest

from jsr.models import Model
from jsr.models.classical.interpolation import Interpolation
from jsr.pictures import Metadata, Picture
from jsr.upscaling import tiles
from jsr.upscaling.picture import enlarge
from tests import encoders

BICUBIC = Model(Interpolation(), {}, {})


def test_enlarge_leaves_no_dark_edge_beside_transparent_pixels():
    """A red disc on transparent black: every visible pixel of the result is red, as in no plain enlargement."""
    y, x = np.mgrid[:24, :24] - 11.5
    inside = y**2 + x**2 < 64
    rgba = np.where(inside[..., None], (200, 0, 0, 255), 0).astype(np.uint8)
    picture = Picture(rgba[..., :3], rgba[..., 3])
    large = enlarge(BICUBIC, picture)
    assert large.alpha is not None
    assert (large.pixels[large.alpha > 0] == (200, 0, 0)).all()
    plain = tiles.upscale(BICUBIC, picture.pixels)
    assert plain[large.alpha > 0][:, 0].min() < 100


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_enlarge_keeps_grey_in_three_channels_equal(rng, dtype):
    """The three channels of the result are that of the grey picture, to the last bit."""
    grey = rng.integers(0, np.iinfo(dtype).max + 1, (9, 7)).astype(dtype)
    result = enlarge(BICUBIC, Picture(np.stack([grey] * 3, axis=-1))).pixels
    expected = enlarge(BICUBIC, Picture(grey)).pixels
    np.testing.assert_array_equal(result, np.stack([expected] * 3, axis=-1))
    assert result.dtype == dtype


def test_enlarge_keeps_metadata():
    metadata = Metadata(encoders.SRGB, b"exif", ("a note",))
    assert enlarge(BICUBIC, Picture(encoders.smooth(5, 4), metadata=metadata)).metadata == metadata


def test_enlarge_reports_each_tile():
    calls = []
    enlarge(BICUBIC, Picture(encoders.smooth(40, 20)), tile=20, report=lambda *counts: calls.append(counts))
    assert calls and calls[-1] == (len(calls), len(calls))
