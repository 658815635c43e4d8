"""Tests ../../jsr/pictures/raster.py; tests/upscaling/test_raster.py goes from file to file."""

import numpy as np
import pytest

from jsr.errors import PictureError
from jsr.pictures import Picture, Raster, open, raster, writing


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.int32, np.float16, np.float32, np.float64])
@pytest.mark.parametrize("bands, is_rgb", [(1, False), (2, False), (3, True), (7, True)])
@pytest.mark.parametrize("suffix", [".tif", ".npy"])
def test_write_keeps_every_value(tmp_path, rng, dtype, bands, is_rgb, suffix):
    samples = (200 * rng.random((9, 13, bands))).astype(dtype)
    raster.write(tmp_path / f"a{suffix}", Raster(samples, is_rgb))
    picture = open(tmp_path / f"a{suffix}")
    assert isinstance(picture, (Picture, Raster))
    stored = picture.samples if isinstance(picture, Raster) else np.atleast_3d(writing.samples(picture))
    np.testing.assert_array_equal(stored, samples)
    assert stored.dtype == dtype


def test_colours_are_those_of_8_or_16_bits(rng):
    samples = rng.integers(0, 256, (4, 5, 5), np.uint8)
    picture = raster.colours(Raster(samples, is_rgb=True))
    assert picture is not None and picture.metadata.notes[0].startswith("of 5 bands of uint8, only the colours")
    np.testing.assert_array_equal(picture.pixels, samples[..., :3])
    assert raster.colours(Raster(samples)) is None
    assert raster.colours(Raster(samples.astype(np.float32), is_rgb=True)) is None


def test_check_names_the_formats_that_hold_it(tmp_path):
    with pytest.raises(PictureError, match="expected a name that ends in one of .tif, .tiff, .npy, such as"):
        raster.check(tmp_path / "a.png", Raster(np.zeros((2, 2, 1), np.float32)))
