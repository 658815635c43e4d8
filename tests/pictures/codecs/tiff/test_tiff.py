"""Tests ../../../../jsr/pictures/codecs/tiff/tiff.py."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from jsr import pictures
from jsr.errors import PictureError
from jsr.pictures import Picture, Raster
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


@pytest.mark.parametrize("compression", ["lzw", "zstd", "lzma", "deflate", "packbits", None])
@pytest.mark.parametrize("photometric", ["rgb", "minisblack", "miniswhite"])
def test_every_compression_keeps_16_bits(tmp_path, u16, compression, photometric):
    samples = u16[..., :3] if photometric == "rgb" else u16[..., 0]
    tifffile.imwrite(tmp_path / "a.tif", samples, photometric=photometric, compression=compression)
    equal(pictures.read(tmp_path / "a.tif"), 65535 - samples if photometric == "miniswhite" else samples)


@pytest.mark.parametrize("bits", [1, 2, 4, 10, 12, 14])
def test_every_depth_fills_its_range(tmp_path, bits):
    samples = (np.arange(24 * 32).reshape(24, 32) % 2**bits).astype(np.uint8 if bits < 9 else np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", samples, bitspersample=bits)
    top = 255 if bits < 9 else 65535
    equal(pictures.read(tmp_path / "a.tif"), np.round(samples * (top / (2**bits - 1))).astype(samples.dtype))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("extra, is_alpha", [("unassalpha", True), ("unspecified", False)])
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_only_what_a_file_calls_alpha_is_alpha(tmp_path, rng, dtype, extra, is_alpha, planar):
    """The fourth band of a satellite is near infrared, whose zeros are water and not holes."""
    samples = rng.integers(0, np.iinfo(dtype).max, (24, 32, 4)).astype(dtype)
    samples[:, 20:, 3] = 0
    stored = samples if planar == "contig" else np.moveaxis(samples, -1, 0)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", planarconfig=planar, extrasamples=[extra])
    picture = pictures.open(tmp_path / "a.tif")
    if is_alpha:
        assert isinstance(picture, Picture) and picture.alpha is not None
        np.testing.assert_array_equal(np.dstack([picture.pixels, picture.alpha]), samples)
    else:
        assert isinstance(picture, Raster) and picture.is_rgb
        np.testing.assert_array_equal(picture.samples, samples)
        assert "only the colours are kept" in pictures.read(tmp_path / "a.tif").metadata.notes[-1]
        equal(pictures.read(tmp_path / "a.tif"), samples[..., :3])


@pytest.mark.parametrize("compression", [None, "packbits"])
def test_planar_grey_keeps_its_alpha(tmp_path, rng, compression):
    samples = rng.integers(0, 256, (2, 24, 32), np.uint8)
    tifffile.imwrite(
        tmp_path / "a.tif",
        samples,
        photometric="minisblack",
        planarconfig="separate",
        extrasamples=["unassalpha"],
        compression=compression,
    )
    picture = pictures.read(tmp_path / "a.tif")
    assert picture.alpha is not None
    np.testing.assert_array_equal([picture.pixels, picture.alpha], samples)


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_cmyk_of_any_layout_becomes_rgb(tmp_path, rng, planar, dtype):
    """Against Pillow's formula without a profile: 255 - min(255, ink + black)."""
    inks = rng.integers(0, 256, (24, 32, 4), np.uint8)
    stored = inks.astype(dtype) * (257 if dtype == np.uint16 else 1)
    stored = stored if planar == "contig" else np.moveaxis(stored, -1, 0)
    tifffile.imwrite(tmp_path / "a.tif", stored.astype(dtype), photometric="separated", planarconfig=planar)
    expected = Image.fromarray(inks, mode="CMYK").convert("RGB")
    equal(pictures.read(tmp_path / "a.tif"), np.asarray(expected))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.int16, np.uint32])
@pytest.mark.parametrize("bands", [1, 2, 5])
def test_other_numbers_are_rasters(tmp_path, rng, dtype, bands):
    samples = (100 * rng.random((24, 32, bands))).astype(dtype)
    stored = samples if bands > 1 else samples[..., 0]
    layout = {"planarconfig": "contig", "extrasamples": ["unspecified"] * (bands - 1)} if bands > 1 else {}
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="minisblack", **layout)
    picture = pictures.open(tmp_path / "a.tif")
    assert isinstance(picture, Raster) and picture.samples.dtype == dtype
    np.testing.assert_array_equal(picture.samples, samples)


def test_sizes_of_a_wrong_type_are_refused(tmp_path, u16):
    """tifffile gives the bytes of such a tag, and bytes times a height are long."""
    tifffile.imwrite(tmp_path / "a.tif", u16[..., 0], byteorder="<", software=False, metadata=None)
    content = bytearray((tmp_path / "a.tif").read_bytes())
    at = content.index((256).to_bytes(2, "little"), 8)  # the entry of ImageWidth: tag, type, count, value
    content[at + 2 : at + 8] = (7).to_bytes(2, "little") + (4).to_bytes(4, "little")
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(PictureError, match="its size is no number"):
        pictures.read(tmp_path / "a.tif")


def test_bands_count_towards_the_limit(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((10, 10, 40), np.float32), planarconfig="contig")
    pictures.open(tmp_path / "a.tif", max_pixels=2000)
    with pytest.raises(PictureError, match="10x10 with 40 bands: more than 0.0001 million pixels of 8 bytes"):
        pictures.open(tmp_path / "a.tif", max_pixels=100)


def test_grey_tiff_of_pillow_keeps_its_depth(tmp_path, u16):
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
