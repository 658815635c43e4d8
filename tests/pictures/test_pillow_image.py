"""Tests ../../jsr/pictures/pillow_image.py."""

import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from jsr.errors import PictureError
from jsr.pictures import Picture, pillow_image
from jsr.pictures.picture import Metadata
from tests import encoders

SMOOTH = encoders.smooth(24, 32)  # [h, w, 3]


def _rgb():
    return Image.fromarray(SMOOTH)


@pytest.mark.parametrize(("mode", "tolerance"), [("YCbCr", 2), ("HSV", 4), ("LAB", 4), ("CMYK", 0), ("RGBX", 0)])
def test_other_colour_models_become_srgb(mode, tolerance):
    """Compared with the picture before the conversion; taking HSV for RGB would be off by a hundred levels."""
    if mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        image = ImageCms.profileToProfile(_rgb(), srgb, lab, outputMode="LAB")
        assert image is not None
    else:
        image = _rgb().convert(mode)
    picture = pillow_image.to_picture(image)
    assert picture.pixels.shape == SMOOTH.shape and picture.alpha is None
    assert np.abs(picture.pixels.astype(int) - SMOOTH).mean() <= tolerance


def test_cmyk_is_converted_by_its_profile_which_is_dropped():
    """An RGB profile is not valid for CMYK: then Pillow's own conversion is taken."""
    image = _rgb().convert("CMYK")
    image.info["icc_profile"] = encoders.SRGB
    picture = pillow_image.to_picture(image)
    assert picture.metadata.icc is None
    np.testing.assert_array_equal(picture.pixels, np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "La", "I;16", "I;16B"])
def test_grey_stays_grey(mode):
    grey = SMOOTH[..., 0]
    if mode.startswith("I"):
        deep = grey.astype(np.uint16) * 257
        image = Image.frombytes(mode, (32, 24), deep.astype(">u2" if mode.endswith("B") else "<u2").tobytes())
        expected = deep
    else:
        image = Image.fromarray(grey).convert("LA" if mode == "La" else mode).convert(mode)
        expected = np.where(np.asarray(image), 255, 0) if mode == "1" else grey
    picture = pillow_image.to_picture(image)
    np.testing.assert_array_equal(picture.pixels, expected)
    assert (picture.alpha is not None) == (mode in ("LA", "La"))


def test_transparency_of_a_channel_a_palette_or_one_colour_becomes_alpha():
    rgba = np.dstack([SMOOTH, np.where(SMOOTH[..., 0] > 128, 255, 0)]).astype(np.uint8)
    palette = Image.new("P", (4, 1))
    palette.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    palette.putdata([0, 1, 2, 1])
    palette.info["transparency"] = 1
    keyed = _rgb()
    keyed.info["transparency"] = tuple(SMOOTH[3, 4].tolist())
    assert (pillow_image.to_picture(Image.fromarray(rgba)).alpha == rgba[..., 3]).all()
    from_palette = pillow_image.to_picture(palette)
    assert from_palette.alpha is not None and from_palette.alpha.tolist() == [[255, 0, 255, 0]]
    assert from_palette.pixels[0, [0, 2]].tolist() == [[255, 0, 0], [0, 0, 255]]
    from_key = pillow_image.to_picture(keyed)
    assert from_key.alpha is not None and from_key.alpha[3, 4] == 0
    assert ((from_key.alpha == 0) == (SMOOTH == SMOOTH[3, 4]).all(axis=-1)).all()


@pytest.mark.parametrize("mode", ["I", "F"])
def test_modes_without_a_range_are_refused(mode):
    with pytest.raises(PictureError, match=f"got mode {mode}, whose range is unknown"):
        pillow_image.to_picture(Image.new(mode, (3, 3)))


def test_no_pixels_are_refused():
    with pytest.raises(PictureError, match="expected at least one pixel, got 0x4"):
        pillow_image.to_picture(Image.new("RGB", (0, 4)))


def test_a_broken_file_behind_an_image_is_refused():
    """Pillow reads pixels only when they are asked for."""
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)).save(buffer, "JPEG")
    image = Image.open(io.BytesIO(buffer.getvalue()[:1500]))
    with pytest.raises(PictureError, match="broken or not supported"):
        pillow_image.to_picture(image)


@pytest.mark.parametrize("channels", ["L", "LA", "RGB", "RGBA", "I;16"])
def test_from_picture_is_the_inverse(channels):
    deep = channels == "I;16"
    pixels = SMOOTH if channels.startswith("RGB") else SMOOTH[..., 0].copy()
    pixels = pixels.astype(np.uint16) * 257 if deep else pixels
    alpha = SMOOTH[..., 1].copy() if channels.endswith("A") else None
    picture = Picture(pixels, alpha, Metadata(icc=encoders.SRGB))
    image = pillow_image.from_picture(picture)
    assert image.mode == channels and image.info["icc_profile"] == encoders.SRGB
    again = pillow_image.to_picture(image)
    np.testing.assert_array_equal(again.pixels, pixels)
    assert alpha is None or again.alpha is not None and (again.alpha == alpha).all()
    assert again.metadata == picture.metadata


def test_is_image():
    assert pillow_image.is_image(_rgb()) and not pillow_image.is_image(SMOOTH)
