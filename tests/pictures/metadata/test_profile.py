"""Tests ../../../jsr/pictures/metadata/profile.py against Pillow's ImageCms, by formats that hold no profile."""

import io

import imagecodecs
import numpy as np
import pytest
from PIL import Image, ImageCms

from jsr import pictures
from jsr.pictures import Metadata, Picture
from jsr.pictures.metadata import profile
from tests import encoders
from tests.expected import stored

NOTE = "colours are turned into sRGB: no colour profile is written to {}"


def expected(pixels: np.ndarray) -> np.ndarray:
    """Returns colours of Display P3 in sRGB, as Pillow converts them."""
    source = io.BytesIO(encoders.display_p3())
    image = ImageCms.profileToProfile(Image.fromarray(pixels), source, ImageCms.createProfile("sRGB"))
    assert image is not None
    return np.asarray(image)


def test_bmp_and_jpeg_xl_have_the_colours_of_the_profile(tmp_path):
    picture = Picture(encoders.smooth(), metadata=Metadata(encoders.display_p3()))
    assert np.abs(expected(picture.pixels).astype(int) - picture.pixels).max() > 20
    assert pictures.write(tmp_path / "a.bmp", picture) == (NOTE.format("BMP"),)
    assert np.abs(stored(tmp_path / "a.bmp").astype(int) - expected(picture.pixels)).max() <= 1
    deep = picture._replace(pixels=picture.pixels.astype(np.uint16) * 257)
    assert pictures.write(tmp_path / "a.jxl", deep) == (NOTE.format("JXL"),)
    decoded = imagecodecs.jpegxl_decode((tmp_path / "a.jxl").read_bytes())
    assert np.abs(decoded / 257 - expected(picture.pixels)).max() < 8


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_grey_of_a_gamma_has_that_of_srgb(dtype):
    """By the two formulas: 2.2 of the profile, and the curve of IEC 61966-2-1."""
    top = np.iinfo(dtype).max
    grey = np.linspace(0, top, 24).round().astype(dtype).reshape(4, 6)
    light = (grey / top) ** (563 / 256)  # the gamma that the profile stores
    curve = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    assert np.abs(profile.to_srgb(grey, encoders.grey_profile()) / top - curve).max() < 0.006


@pytest.mark.parametrize(
    "icc, reason", [(encoders.SRGB, ""), (encoders.SRGB[:200], "not written to BMP"), (b"no profile", "it is broken")]
)
def test_srgb_is_no_loss_and_a_broken_profile_is_noted(tmp_path, icc, reason):
    notes = pictures.write(tmp_path / "a.bmp", Picture(encoders.smooth(), metadata=Metadata(icc)))
    assert notes == (f"the colour profile is not kept: {reason}",) * bool(reason)
    np.testing.assert_array_equal(stored(tmp_path / "a.bmp"), encoders.smooth())
