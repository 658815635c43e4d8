"""Tests ../../../jsr/pictures/codecs/jxl_reader.py against the encoder of imagecodecs."""

import imagecodecs
import numpy as np
import pytest

from jsr import pictures
from jsr.errors import PictureError
from jsr.pictures import Raster
from tests import encoders

pytest.importorskip("pillow_jxl")


@pytest.mark.parametrize("bits", [8, 10, 16])
@pytest.mark.parametrize("planes", [1, 2, 3, 4])
def test_open_keeps_depth_and_transparency(tmp_path, rng, bits, planes):
    samples = rng.integers(0, 2**bits, (24, 32, planes)).astype(np.uint8 if bits == 8 else np.uint16)
    stored = samples[..., 0] if planes == 1 else samples
    content = imagecodecs.jpegxl_encode(stored, lossless=True, bitspersample=bits)
    (tmp_path / "a.jxl").write_bytes(content)
    picture = pictures.read(tmp_path / "a.jxl")
    top = np.iinfo(samples.dtype).max
    expected = np.round(samples * (top / (2**bits - 1))).astype(samples.dtype)
    np.testing.assert_array_equal(picture.pixels, expected[..., :3] if planes > 2 else expected[..., 0])
    if planes in (2, 4):
        np.testing.assert_array_equal(picture.alpha, expected[..., -1])
    assert (picture.alpha is None) == (planes in (1, 3))


def test_open_keeps_floats_as_a_raster(tmp_path, rng):
    samples = rng.random((24, 32, 3), np.float32)
    (tmp_path / "a.jxl").write_bytes(imagecodecs.jpegxl_encode(samples, lossless=True))
    raster = pictures.open(tmp_path / "a.jxl")
    assert isinstance(raster, Raster) and raster.is_rgb
    np.testing.assert_array_equal(raster.samples, samples)


def test_open_says_that_an_animation_stands_still(tmp_path):
    frames = np.stack([encoders.smooth(), encoders.smooth()[::-1]])
    (tmp_path / "a.jxl").write_bytes(imagecodecs.jpegxl_encode(frames, lossless=True))
    picture = pictures.read(tmp_path / "a.jxl")
    np.testing.assert_array_equal(picture.pixels, frames[0])
    assert picture.metadata.notes == ("only the first frame of its animation is taken",)


def test_open_checks_the_size_before_it_decodes(tmp_path):
    """A head of a few bytes claims 2^30 x 2^30 pixels; the plugin would decode while it opens."""
    size = 0 | 3 << 1 | (2**30 - 1) << 3  # not small; 30 bits
    (tmp_path / "a.jxl").write_bytes(b"\xff\x0a" + (size | 1 << 33 | 1 << 36).to_bytes(8, "little"))
    with pytest.raises(PictureError, match="1073741824x1073741824: more than"):
        pictures.open(tmp_path / "a.jxl")
