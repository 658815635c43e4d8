"""Tests ../jsr/images.py."""

import struct
import zlib

import numpy as np
import png
import pytest
import tifffile
from PIL import Image, ImageOps
from skimage import io as skimage_io

from jsr.errors import PictureError
from jsr.pictures import Picture, reading, tiff, writing
from jsr.pictures.picture import flatten, rgb
from tests import corpus
from tests.expected import equal, loaded


def _write_png16(path, samples, *, interlace=False, transparent=None):
    planes = samples.shape[2] if samples.ndim == 3 else 1
    writer = png.Writer(
        samples.shape[1],
        samples.shape[0],
        bitdepth=16,
        greyscale=planes < 3,
        alpha=planes in (2, 4),
        interlace=interlace,
        transparent=transparent,
    )
    with open(path, "wb") as file:
        writer.write(file, samples.reshape(len(samples), -1).tolist())


# Reading


@pytest.mark.parametrize("suffix", ["png", "webp", "tif", "bmp"])
def test_8_bits(tmp_path, u8, suffix):
    options = {"lossless": True, "exact": True} if suffix == "webp" else {}
    Image.fromarray(u8[..., :3]).save(tmp_path / f"a.{suffix}", **options)
    equal(reading.read(tmp_path / f"a.{suffix}"), u8[..., :3])
    if suffix != "bmp":
        Image.fromarray(u8).save(tmp_path / f"b.{suffix}", **options)
        equal(reading.read(tmp_path / f"b.{suffix}"), u8[..., :3], u8[..., 3])


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_grey(tmp_path, u8, suffix):
    Image.fromarray(u8[..., 0]).save(tmp_path / f"a.{suffix}")
    equal(reading.read(tmp_path / f"a.{suffix}"), u8[..., 0])
    Image.fromarray(u8[..., :2]).save(tmp_path / f"b.{suffix}")
    equal(reading.read(tmp_path / f"b.{suffix}"), u8[..., 0], u8[..., 1])
    Image.fromarray(u8[..., 0] > 99).save(tmp_path / f"c.{suffix}")
    equal(reading.read(tmp_path / f"c.{suffix}"), np.where(u8[..., 0] > 99, 255, 0).astype("u1"))


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_few_levels_of_grey_fill_the_range(tmp_path, rng, depth):
    levels = rng.integers(0, 2**depth, (6, 5))
    with open(tmp_path / "a.png", "wb") as file:
        png.Writer(5, 6, greyscale=True, bitdepth=depth).write(file, levels.tolist())
    equal(reading.read(tmp_path / "a.png"), (levels * 255 // (2**depth - 1)).astype(np.uint8))


def test_jpeg_is_what_skimage_reads(tmp_path):
    Image.fromarray(corpus.smooth()).save(tmp_path / "a.jpg")
    equal(reading.read(tmp_path / "a.jpg"), skimage_io.imread(tmp_path / "a.jpg"))
    Image.fromarray(corpus.smooth()[..., 0]).save(tmp_path / "b.jpg")
    equal(reading.read(tmp_path / "b.jpg"), skimage_io.imread(tmp_path / "b.jpg"))


def test_palettes(tmp_path, rng):
    """Plain, with an alpha for each entry, and with one transparent entry."""
    palette, indices = rng.integers(0, 256, (9, 3), np.uint8), rng.integers(0, 9, (6, 5), np.uint8)
    image = Image.fromarray(indices).convert("P")
    image.putdata(indices.ravel())
    image.putpalette(palette.tobytes())
    image.save(tmp_path / "a.png")
    equal(reading.read(tmp_path / "a.png"), palette[indices])
    alpha = rng.integers(0, 256, 9, np.uint8)
    image.save(tmp_path / "b.png", transparency=alpha.tobytes())
    equal(reading.read(tmp_path / "b.png"), palette[indices], alpha[indices])
    image.save(tmp_path / "c.png", transparency=3)
    opaque = np.where(indices == 3, 0, 255).astype(np.uint8)
    equal(reading.read(tmp_path / "c.png"), palette[indices], opaque)


def test_one_colour_is_transparent(tmp_path, rng):
    levels = rng.integers(0, 4, (6, 5), np.uint8) * 60
    opaque = np.where(levels == 120, 0, 255).astype(np.uint8)
    Image.fromarray(levels).save(tmp_path / "a.png", transparency=120)
    equal(reading.read(tmp_path / "a.png"), levels, opaque)
    colours = np.dstack([levels, levels // 2, levels])
    Image.fromarray(colours).save(tmp_path / "b.png", transparency=(120, 60, 120))
    equal(reading.read(tmp_path / "b.png"), colours, opaque)


@pytest.mark.parametrize("interlace", [False, True])
def test_png_of_16_bits(tmp_path, u16, interlace):
    for planes in (1, 2, 3, 4):
        samples = u16[..., :planes]
        _write_png16(tmp_path / "a.png", samples, interlace=interlace)
        colours = 3 if planes > 2 else 1
        pixels = samples[..., :3] if colours == 3 else samples[..., 0]
        alpha = samples[..., -1] if planes in (2, 4) else None
        equal(reading.read(tmp_path / "a.png"), pixels, alpha)


def test_png_of_16_bits_with_a_transparent_colour(tmp_path, u16):
    rgb = u16[..., :3].copy()
    rgb[1, 2] = rgb[4, 4] = (1, 2, 3)
    rgb[2, 2] = (1, 2, 4)
    opaque = np.full((7, 5), 65535, np.uint16)
    opaque[1, 2] = opaque[4, 4] = 0
    _write_png16(tmp_path / "a.png", rgb, transparent=(1, 2, 3))
    equal(reading.read(tmp_path / "a.png"), rgb, opaque)


@pytest.mark.parametrize("options", [{}, {"compression": "zlib", "predictor": True}, {"byteorder": ">"}])
def test_tiff_of_16_bits(tmp_path, u16, options):
    for samples, kind in ((u16[..., 0], "minisblack"), (u16[..., :3], "rgb"), (u16, "rgb")):
        extra = ["unassalpha"] if samples.shape[-1] == 4 else None
        tifffile.imwrite(tmp_path / "a.tif", samples, photometric=kind, extrasamples=extra, **options)
        pixels = samples[..., :3] if samples.ndim == 3 else samples
        equal(reading.read(tmp_path / "a.tif"), pixels, samples[..., 3] if extra else None)


def test_tiff_of_16_bits_laid_out_otherwise(tmp_path, u16):
    planes = np.ascontiguousarray(np.moveaxis(u16[..., :3], -1, 0))
    tifffile.imwrite(tmp_path / "a.tif", planes, photometric="rgb", planarconfig="separate")
    equal(reading.read(tmp_path / "a.tif"), u16[..., :3])
    tifffile.imwrite(
        tmp_path / "b.tif", u16[..., :2], photometric="minisblack", extrasamples=[2], planarconfig="contig"
    )
    equal(reading.read(tmp_path / "b.tif"), u16[..., 0], u16[..., 1])
    assert reading.read(tmp_path / "b.tif").notes == (), "Pillow cannot open it"
    tifffile.imwrite(tmp_path / "c.tif", u16[..., 0], photometric="miniswhite")
    equal(reading.read(tmp_path / "c.tif"), 65535 - u16[..., 0])


def test_tiff_with_premultiplied_colours(tmp_path, u16):
    """Both depths, and fully transparent pixels."""
    for samples in (u16, (u16 // 257).astype(np.uint8)):
        top = np.iinfo(samples.dtype).max
        samples = samples.copy()
        samples[..., 3] = np.where(samples[..., 3] < top // 4, 0, samples[..., 3])
        rgb, alpha = samples[..., :3].astype(float), samples[..., 3:]
        multiplied = np.concatenate([np.round(rgb * alpha / top), alpha], -1).astype(samples.dtype)
        tifffile.imwrite(tmp_path / "a.tif", multiplied, photometric="rgb", extrasamples=["assocalpha"])
        picture = reading.read(tmp_path / "a.tif")
        np.testing.assert_array_equal(picture.alpha, samples[..., 3])
        error = np.abs(picture.pixels - rgb)[samples[..., 3] > 0]
        assert error.max() <= 4  # levels: what rounding at a quarter of the range costs


def test_tiff_that_tifffile_cannot_decode_loses_depth_and_says_so(tmp_path, u16, monkeypatch):
    """Its LZW needs imagecodecs; Pillow's libtiff reads the upper 8 bits."""
    tifffile.imwrite(tmp_path / "a.tif", u16[..., :3], photometric="rgb")

    def needs_imagecodecs(page):
        raise ValueError("<COMPRESSION.LZW: 5> requires the\n'imagecodecs' package")

    monkeypatch.setattr(tiff, "_decode_tiff", needs_imagecodecs)
    picture = reading.read(tmp_path / "a.tif")
    equal(picture, (u16[..., :3] >> 8).astype(np.uint8))
    assert picture.notes == ("16 bits are read as 8: <COMPRESSION.LZW: 5> requires the 'imagecodecs' package",)


def test_grey_tiff_that_tifffile_cannot_decode_keeps_its_depth(tmp_path, u16):
    image = Image.fromarray(u16[..., 0])
    image.save(tmp_path / "a.tif", compression="tiff_lzw")
    equal(reading.read(tmp_path / "a.tif"), u16[..., 0])
    assert reading.read(tmp_path / "a.tif").notes == ()


def test_cmyk_is_converted_and_said(tmp_path):
    cmyk = Image.fromarray(corpus.smooth()).convert("CMYK")
    cmyk.save(tmp_path / "a.jpg", quality=98)
    picture = reading.read(tmp_path / "a.jpg")
    assert np.abs(picture.pixels.astype(int) - corpus.smooth()).max() < 12
    assert picture.notes == ("CMYK is turned into sRGB",)
    cmyk.save(tmp_path / "b.jpg", quality=98, icc_profile=corpus.SRGB)  # a profile that does not fit
    picture = reading.read(tmp_path / "b.jpg")
    assert picture.icc is None and picture.notes == ("CMYK is turned into sRGB, without its colour profile",)
    assert np.abs(picture.pixels.astype(int) - corpus.smooth()).max() < 12


@pytest.mark.parametrize("suffix", ["gif", "png", "webp", "tif"])
def test_first_frame_is_taken_and_said(tmp_path, suffix):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("#ff0000", "#00ff00", "#0000ff")]
    options = {"lossless": True} if suffix == "webp" else {}
    frames[0].save(tmp_path / f"a.{suffix}", save_all=True, append_images=frames[1:], **options)
    picture = reading.read(tmp_path / f"a.{suffix}")
    assert (picture.pixels == [255, 0, 0]).all() and picture.pixels.shape == (8, 8, 3)
    assert picture.notes == ("only the first of 3 frames is taken; --frame N takes another",)


def test_first_page_of_16_bits(tmp_path, u16):
    tifffile.imwrite(tmp_path / "a.tif", np.stack([u16[..., :3]] * 2), photometric="rgb")
    picture = reading.read(tmp_path / "a.tif")
    equal(picture, u16[..., :3])
    assert picture.notes == ("only the first of 2 frames is taken; --frame N takes another",)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif"])
def test_orientation_is_applied_as_pillow_does(tmp_path, orientation, suffix):
    path = tmp_path / f"a.{suffix}"
    options = {"lossless": True} if suffix == "webp" else {}
    Image.fromarray(corpus.smooth()).save(path, exif=corpus.camera_exif(orientation).tobytes(), **options)
    with Image.open(path) as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
    picture = reading.read(path)
    equal(picture, expected)
    kept = loaded(picture.exif)
    assert corpus.ORIENTATION not in kept and kept[corpus.MAKE] == "Camera"


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_orientation_of_16_bits(tmp_path, u16, orientation):
    """The alpha turns with the colours."""
    turns = {1: 0, 3: 2, 6: 3, 8: 1}[orientation]
    expected = np.rot90(u16, turns)
    writing.write(
        tmp_path / "a.png",
        Picture(u16[..., :3], u16[..., 3], exif=corpus.camera_exif(orientation).tobytes()),
    )
    equal(reading.read(tmp_path / "a.png"), expected[..., :3], expected[..., 3])
    tag = (corpus.ORIENTATION, "H", 1, orientation, True)
    tifffile.imwrite(tmp_path / "a.tif", u16[..., :3], photometric="rgb", extratags=[tag])
    equal(reading.read(tmp_path / "a.tif"), expected[..., :3])


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif"])
def test_exif_and_profile_are_read(tmp_path, suffix):
    Image.fromarray(corpus.smooth()).save(
        tmp_path / f"a.{suffix}", exif=corpus.camera_exif().tobytes(), icc_profile=corpus.SRGB
    )
    picture = reading.read(tmp_path / f"a.{suffix}")
    assert picture.icc == corpus.SRGB and picture.notes == ()
    exif = loaded(picture.exif)
    assert set(exif) == {corpus.MAKE, corpus.ARTIST, corpus.EXIF_IFD, corpus.GPS_IFD}, "in TIFF, no strips and sizes"
    assert exif.get_ifd(corpus.EXIF_IFD)[corpus.EXPOSURE] == 0.25
    assert corpus.PIXEL_WIDTH not in exif.get_ifd(corpus.EXIF_IFD), "the result is larger"
    assert exif.get_ifd(corpus.GPS_IFD)[2] == (48.0, 8.0, 1.0)


def test_profile_of_16_bit_tiff(tmp_path, u16):
    tifffile.imwrite(tmp_path / "a.tif", u16[..., :3], photometric="rgb", iccprofile=corpus.SRGB)
    assert reading.read(tmp_path / "a.tif").icc == corpus.SRGB


def test_plain_files_have_no_metadata(tmp_path, u8):
    for suffix in ("png", "jpg", "webp", "tif", "bmp"):
        Image.fromarray(u8[..., :3]).save(tmp_path / f"a.{suffix}")
        picture = reading.read(tmp_path / f"a.{suffix}")
        assert picture[1:] == (None, None, None, ())


def test_broken_exif_costs_only_the_exif(tmp_path, u8):
    Image.fromarray(u8).save(tmp_path / "a.png", exif=b"Exif\0\0no TIFF header")
    picture = reading.read(tmp_path / "a.png")
    equal(picture, u8[..., :3], u8[..., 3])
    assert picture.exif is None and picture.notes == ("its EXIF is broken and not kept",)


# Reading what is no picture


def _bomb(path):
    path.write_bytes(corpus.bare_png(zlib.compress(b"\0" * 1000), 20000, 20000))


def _short(path):
    """Four rows of forty; Pillow takes the rest for black."""
    raw = bytes(4 * (1 + 3 * 5))
    path.write_bytes(corpus.bare_png(zlib.compress(raw), 5, 40))


def _zlib_bomb(path):
    """16 bits, where nothing would stop what its little data become."""
    content = corpus.png_of(np.zeros((4, 4, 3), np.uint16), bitdepth=16)
    bomb = corpus.chunk(b"IDAT", zlib.compress(bytes(1 << 25)))
    path.write_bytes(content[:33] + bomb + corpus.chunk(b"IEND", b""))


def _tiff_bomb(path):
    tifffile.imwrite(path, np.zeros((4, 4, 3), np.uint16), photometric="rgb")
    content = path.read_bytes()
    for tag in (256, 257):  # width and height, here short numbers of one value
        entry = struct.pack("<HHI", tag, 3, 1)
        if entry not in content:
            entry = struct.pack("<HHI", tag, 4, 1)
        at = content.index(entry)
        content = content[:at] + struct.pack("<HHII", tag, 4, 1, 60000) + content[at + 12 :]
    path.write_bytes(content)


def _floats(path):
    tifffile.imwrite(path, np.zeros((4, 4), np.float32))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda path: None, "No such file"),
        (lambda path: path.mkdir(), "Is a directory"),
        (lambda path: path.write_bytes(b""), "the file is empty"),
        (lambda path: path.write_text("hello"), "not a picture"),
        (_bomb, "20000x20000: more than 200 million pixels"),
        (_short, "its pixels have 64 bytes or more, expected 640"),
        (_zlib_bomb, "bytes or more, expected 100"),
        (_tiff_bomb, "60000x60000: more than 200 million pixels"),
        (_floats, "expected 8 or 16 bits a channel, got 32"),
        (lambda path: path.write_bytes(b"II*\0hello"), "broken or not supported"),
        (lambda path: path.write_bytes(corpus.bare_png(b"junk", 4, 4)), "broken or not supported"),
    ],
)
def test_unreadable_files_are_named_in_one_line(tmp_path, spoil, said):
    path = tmp_path / "a.png"
    spoil(path)
    with pytest.raises(PictureError) as error:
        reading.read(path)
    message = str(error.value)
    assert message.startswith(f"{path}: ") and said in message and "\n" not in message


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif", "bmp"])
def test_truncated_files(tmp_path, rng, suffix):
    """Noise, so that half of the file is far from the whole."""
    path = tmp_path / f"a.{suffix}"
    writing.write(path, Picture(rng.integers(0, 256, (64, 64, 3), np.uint8)))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(PictureError, match=f"a.{suffix}: "):
        reading.read(path)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_truncated_files_of_16_bits(tmp_path, rng, suffix):
    path = tmp_path / f"a.{suffix}"
    pixels = rng.integers(0, 65536, (64, 64, 3), np.uint16)
    if suffix == "png":
        writing.write(path, Picture(pixels))
    else:
        tifffile.imwrite(path, pixels, photometric="rgb")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(PictureError, match=f"a.{suffix}: "):
        reading.read(path)


def test_rgb_is_what_metrics_and_networks_take(rng):
    """16 bits are scaled, which Pillow's own conversion clips; grey and transparency go."""
    grey = np.array([[0, 128, 129, 257, 32896, 65535]], np.uint16)
    expected = np.repeat(np.array([[0, 0, 1, 1, 128, 255]], np.uint8)[..., None], 3, -1)
    assert np.array_equal(rgb(Picture(grey)), expected)
    colour = rng.integers(0, 256, (5, 7, 3), np.uint8)
    assert np.array_equal(rgb(Picture(colour, colour[..., 0])), colour)


def test_flatten_lies_over_white():
    """Against Pillow's own composition."""
    rgba = np.random.default_rng(1).integers(0, 256, (9, 8, 4), np.uint8)
    white = Image.new("RGBA", (8, 9), "white")
    expected = np.asarray(Image.alpha_composite(white, Image.fromarray(rgba)))[..., :3].astype(int)
    flat = flatten(Picture(rgba[..., :3], rgba[..., 3]))
    assert np.abs(flat.pixels - expected).max() <= 1 and flat.alpha is None
    grey = flatten(Picture(rgba[..., 0], rgba[..., 3]))
    np.testing.assert_array_equal(grey.pixels, flat.pixels[..., 0])
