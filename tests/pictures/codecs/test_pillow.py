"""Tests ../../../jsr/pictures/codecs/pillow.py."""

from typing import Any

import numpy as np
import pytest
from PIL import Image
from skimage import io as skimage_io

from jsr import pictures
from jsr.pictures import Metadata
from tests import encoders
from tests.expected import equal


@pytest.mark.parametrize("suffix", ["png", "webp", "tif", "bmp"])
def test_read_of_8_bits_keeps_every_value(tmp_path, u8, suffix):
    options: dict[str, Any] = {"lossless": True, "exact": True} if suffix == "webp" else {}
    Image.fromarray(u8[..., :3]).save(tmp_path / f"a.{suffix}", **options)
    equal(pictures.read(tmp_path / f"a.{suffix}"), u8[..., :3])
    if suffix != "bmp":
        Image.fromarray(u8).save(tmp_path / f"b.{suffix}", **options)
        equal(pictures.read(tmp_path / f"b.{suffix}"), u8[..., :3], u8[..., 3])


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_read_of_grey_gives_one_channel(tmp_path, u8, suffix):
    Image.fromarray(u8[..., 0]).save(tmp_path / f"a.{suffix}")
    equal(pictures.read(tmp_path / f"a.{suffix}"), u8[..., 0])
    Image.fromarray(u8[..., :2]).save(tmp_path / f"b.{suffix}")
    equal(pictures.read(tmp_path / f"b.{suffix}"), u8[..., 0], u8[..., 1])
    Image.fromarray(u8[..., 0] > 99).save(tmp_path / f"c.{suffix}")
    equal(pictures.read(tmp_path / f"c.{suffix}"), np.where(u8[..., 0] > 99, 255, 0).astype("u1"))


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_grey_of_few_levels_fills_the_range(tmp_path, rng, depth):
    levels = rng.integers(0, 2**depth, (6, 5))
    (tmp_path / "a.png").write_bytes(encoders.png_of(levels, bitdepth=depth))
    equal(pictures.read(tmp_path / "a.png"), (levels * 255 // (2**depth - 1)).astype(np.uint8))


def test_jpeg_is_what_skimage_reads(tmp_path):
    Image.fromarray(encoders.smooth()).save(tmp_path / "a.jpg")
    equal(pictures.read(tmp_path / "a.jpg"), skimage_io.imread(tmp_path / "a.jpg"))
    Image.fromarray(encoders.smooth()[..., 0]).save(tmp_path / "b.jpg")
    equal(pictures.read(tmp_path / "b.jpg"), skimage_io.imread(tmp_path / "b.jpg"))


def test_palettes_become_colours_and_alpha(tmp_path, rng):
    """Plain, with an alpha for each entry, and with one transparent entry."""
    palette, indices = rng.integers(0, 256, (9, 3), np.uint8), rng.integers(0, 9, (6, 5), np.uint8)
    image = Image.fromarray(indices).convert("P")
    image.putdata(indices.ravel())
    image.putpalette(palette.tobytes())
    image.save(tmp_path / "a.png")
    equal(pictures.read(tmp_path / "a.png"), palette[indices])
    alpha = rng.integers(0, 256, 9, np.uint8)
    image.save(tmp_path / "b.png", transparency=alpha.tobytes())
    equal(pictures.read(tmp_path / "b.png"), palette[indices], alpha[indices])
    image.save(tmp_path / "c.png", transparency=3)
    opaque = np.where(indices == 3, 0, 255).astype(np.uint8)
    equal(pictures.read(tmp_path / "c.png"), palette[indices], opaque)


def test_a_transparent_colour_becomes_alpha(tmp_path, rng):
    levels = rng.integers(0, 4, (6, 5), np.uint8) * 60
    opaque = np.where(levels == 120, 0, 255).astype(np.uint8)
    Image.fromarray(levels).save(tmp_path / "a.png", transparency=120)
    equal(pictures.read(tmp_path / "a.png"), levels, opaque)
    colours = np.dstack([levels, levels // 2, levels])
    Image.fromarray(colours).save(tmp_path / "b.png", transparency=(120, 60, 120))
    equal(pictures.read(tmp_path / "b.png"), colours, opaque)


@pytest.mark.parametrize("interlace", [False, True])
def test_16_bit_png_keeps_every_value(tmp_path, u16, interlace):
    for planes in (1, 2, 3, 4):
        samples = u16[..., :planes]
        (tmp_path / "a.png").write_bytes(encoders.png_of(samples, interlace=interlace, bitdepth=16))
        colours = 3 if planes > 2 else 1
        pixels = samples[..., :3] if colours == 3 else samples[..., 0]
        alpha = samples[..., -1] if planes in (2, 4) else None
        equal(pictures.read(tmp_path / "a.png"), pixels, alpha)


def test_transparent_colour_of_16_bit_png_becomes_alpha(tmp_path, u16):
    rgb = u16[..., :3].copy()
    rgb[1, 2] = rgb[4, 4] = (1, 2, 3)
    rgb[2, 2] = (1, 2, 4)
    opaque = np.full((7, 5), 65535, np.uint16)
    opaque[1, 2] = opaque[4, 4] = 0
    (tmp_path / "a.png").write_bytes(encoders.png_of(rgb, transparent=(1, 2, 3), bitdepth=16))
    equal(pictures.read(tmp_path / "a.png"), rgb, opaque)


def test_cmyk_is_converted_to_srgb_with_a_note(tmp_path):
    cmyk = Image.fromarray(encoders.smooth()).convert("CMYK")
    cmyk.save(tmp_path / "a.jpg", quality=98)
    picture = pictures.read(tmp_path / "a.jpg")
    assert np.abs(picture.pixels.astype(int) - encoders.smooth()).max() < 12
    assert picture.metadata.notes == ("CMYK is turned into sRGB",)
    cmyk.save(tmp_path / "b.jpg", quality=98, icc_profile=encoders.SRGB)  # a profile that does not fit
    picture = pictures.read(tmp_path / "b.jpg")
    assert picture.metadata == Metadata(notes=("CMYK is turned into sRGB, without its colour profile",))
    assert np.abs(picture.pixels.astype(int) - encoders.smooth()).max() < 12


@pytest.mark.parametrize("suffix", ["gif", "png", "webp", "tif"])
def test_read_of_several_frames_gives_the_first_and_a_note(tmp_path, suffix):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("#ff0000", "#00ff00", "#0000ff")]
    options: dict[str, Any] = {"lossless": True} if suffix == "webp" else {}
    frames[0].save(tmp_path / f"a.{suffix}", save_all=True, append_images=frames[1:], **options)
    picture = pictures.read(tmp_path / f"a.{suffix}")
    assert (picture.pixels == [255, 0, 0]).all() and picture.pixels.shape == (8, 8, 3)
    assert picture.metadata.notes == ("only the first of 3 frames is taken; --frame N takes another",)
