"""Tests ../../jsr/pictures/tiff.py."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from jsr import pictures
from jsr.pictures import tiff
from tests import encoders
from tests.expected import equal


@pytest.mark.parametrize("options", [{}, {"compression": "zlib", "predictor": True}, {"byteorder": ">"}])
def test_16_bit_tiff_keeps_every_value(tmp_path, u16, options):
    for samples, kind in ((u16[..., 0], "minisblack"), (u16[..., :3], "rgb"), (u16, "rgb")):
        extra = ["unassalpha"] if samples.shape[-1] == 4 else None
        tifffile.imwrite(tmp_path / "a.tif", samples, photometric=kind, extrasamples=extra, **options)
        pixels = samples[..., :3] if samples.ndim == 3 else samples
        equal(pictures.read(tmp_path / "a.tif"), pixels, samples[..., 3] if extra else None)


def test_16_bit_tiff_of_any_layout_keeps_every_value(tmp_path, u16):
    planes = np.ascontiguousarray(np.moveaxis(u16[..., :3], -1, 0))
    tifffile.imwrite(tmp_path / "a.tif", planes, photometric="rgb", planarconfig="separate")
    equal(pictures.read(tmp_path / "a.tif"), u16[..., :3])
    tifffile.imwrite(
        tmp_path / "b.tif", u16[..., :2], photometric="minisblack", extrasamples=[2], planarconfig="contig"
    )
    equal(pictures.read(tmp_path / "b.tif"), u16[..., 0], u16[..., 1])
    assert pictures.read(tmp_path / "b.tif").metadata.notes == (), "Pillow cannot open it"
    tifffile.imwrite(tmp_path / "c.tif", u16[..., 0], photometric="miniswhite")
    equal(pictures.read(tmp_path / "c.tif"), 65535 - u16[..., 0])


def test_premultiplied_colours_are_divided_by_alpha(tmp_path, u16):
    """Both depths, and fully transparent pixels."""
    for samples in (u16, (u16 // 257).astype(np.uint8)):
        top = np.iinfo(samples.dtype).max
        samples = samples.copy()
        samples[..., 3] = np.where(samples[..., 3] < top // 4, 0, samples[..., 3])
        rgb, alpha = samples[..., :3].astype(float), samples[..., 3:]
        multiplied = np.concatenate([np.round(rgb * alpha / top), alpha], -1).astype(samples.dtype)
        tifffile.imwrite(tmp_path / "a.tif", multiplied, photometric="rgb", extrasamples=["assocalpha"])
        picture = pictures.read(tmp_path / "a.tif")
        np.testing.assert_array_equal(picture.alpha, samples[..., 3])
        error = np.abs(picture.pixels - rgb)[samples[..., 3] > 0]
        assert error.max() <= 4  # levels: what rounding at a quarter of the range costs


def test_colour_tiff_that_tifffile_cannot_decode_loses_depth_with_a_note(tmp_path, u16, monkeypatch):
    """Its LZW needs imagecodecs; Pillow's libtiff reads the upper 8 bits."""
    tifffile.imwrite(tmp_path / "a.tif", u16[..., :3], photometric="rgb")

    def needs_imagecodecs(page):
        raise ValueError("<COMPRESSION.LZW: 5> requires the\n'imagecodecs' package")

    monkeypatch.setattr(tiff, "decode_deep", needs_imagecodecs)
    picture = pictures.read(tmp_path / "a.tif")
    equal(picture, (u16[..., :3] >> 8).astype(np.uint8))
    assert picture.metadata.notes == ("16 bits are read as 8: <COMPRESSION.LZW: 5> requires the 'imagecodecs' package",)


def test_grey_tiff_that_tifffile_cannot_decode_keeps_its_depth(tmp_path, u16):
    image = Image.fromarray(u16[..., 0])
    image.save(tmp_path / "a.tif", compression="tiff_lzw")
    equal(pictures.read(tmp_path / "a.tif"), u16[..., 0])
    assert pictures.read(tmp_path / "a.tif").metadata.notes == ()


def test_read_of_several_pages_gives_the_first_and_a_note(tmp_path, u16):
    tifffile.imwrite(tmp_path / "a.tif", np.stack([u16[..., :3]] * 2), photometric="rgb")
    picture = pictures.read(tmp_path / "a.tif")
    equal(picture, u16[..., :3])
    assert picture.metadata.notes == ("only the first of 2 frames is taken; --frame N takes another",)


def test_16_bit_tiff_keeps_its_colour_profile(tmp_path, u16):
    tifffile.imwrite(tmp_path / "a.tif", u16[..., :3], photometric="rgb", iccprofile=encoders.SRGB)
    assert pictures.read(tmp_path / "a.tif").metadata.icc == encoders.SRGB
