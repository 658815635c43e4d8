"""Tests ../../jsr/pictures/writing.py."""

import io
import os
import stat
import tempfile
from typing import Any

import numpy as np
import png
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from jsr import pictures
from jsr.errors import PictureError
from jsr.pictures import Metadata, Picture, writing
from tests import encoders
from tests.expected import equal, loaded


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("is_grey", [False, True])
@pytest.mark.parametrize("is_transparent", [False, True])
def test_write_against_independent_readers(tmp_path, u8, u16, suffix, dtype, is_grey, is_transparent):
    source = u8 if dtype == "uint8" else u16
    pixels = source[..., 0] if is_grey else source[..., :3]
    icc = encoders.grey_profile() if is_grey else encoders.SRGB
    picture = Picture(pixels, source[..., 3] if is_transparent else None, Metadata(icc))
    path = tmp_path / f"a{suffix}"
    assert writing.write(path, picture) == ()
    expected = np.dstack([pixels, source[..., 3]]) if is_transparent else pixels
    if suffix == ".png":
        width, height, rows, info = png.Reader(bytes=path.read_bytes()).read()
        assert (width, height, info["bitdepth"]) == (5, 7, 8 * pixels.itemsize)
        read = np.array([list(row) for row in rows]).reshape(expected.shape)
        with Image.open(path) as image:
            image.load()
            assert image.info["icc_profile"] == icc
    else:
        with tifffile.TiffFile(path) as file:
            read = file.asarray()
            page: Any = file.pages[0]
            assert page.iccprofile == icc
            assert page.extrasamples == ((2,) if is_transparent else ())
    np.testing.assert_array_equal(read, expected)
    back = pictures.read(path)
    equal(back, pixels, picture.alpha)
    assert back.metadata == picture.metadata


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.data(),
    st.integers(1, 24),
    st.integers(1, 24),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["uint8", "uint16"]),
    st.sampled_from([".png", ".tif"]),
    st.booleans(),
)
def test_read_gives_what_write_was_given(data, height, width, is_grey, is_clear, dtype, suffix, has_icc):
    shape = (height, width) if is_grey else (height, width, 3)
    pixels = data.draw(arrays.arrays(dtype, shape))
    alpha = data.draw(arrays.arrays(dtype, (height, width))) if is_clear else None
    icc = (encoders.grey_profile() if is_grey else encoders.SRGB) if has_icc else None
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/a{suffix}"
        assert writing.write(path, Picture(pixels, alpha, Metadata(icc))) == ()
        picture = pictures.read(path)
    equal(picture, pixels, alpha)
    assert picture.metadata.icc == icc


@pytest.mark.parametrize("shape", [(1, 1), (1, 1, 3), (300, 2, 3)])
def test_write_16_bit_png_of_any_size(tmp_path, rng, shape):
    pixels = rng.integers(0, 65536, shape, np.uint16)
    writing.write(tmp_path / "a.png", Picture(pixels))
    equal(pictures.read(tmp_path / "a.png"), pixels)


def test_write_keeps_exif_in_16_bit_png(tmp_path, u16):
    writing.write(
        tmp_path / "a.png",
        Picture(u16[..., :3], metadata=Metadata(encoders.SRGB, encoders.camera_exif().tobytes())),
    )
    with Image.open(tmp_path / "a.png") as image:
        assert image.getexif()[encoders.ARTIST] == "Ann"
    assert loaded(pictures.read(tmp_path / "a.png").metadata.exif)[encoders.ARTIST] == "Ann"


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tiff", ".JPEG"])
def test_write_keeps_metadata(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    metadata = Metadata(encoders.SRGB, encoders.camera_exif().tobytes())
    assert writing.write(path, Picture(encoders.smooth(), metadata=metadata)) == ()
    with Image.open(path) as image:
        image.load()
        assert image.info["icc_profile"] == encoders.SRGB
        assert image.getexif()[encoders.MAKE] == "Camera"
        assert image.getexif().get_ifd(encoders.EXIF_IFD)[encoders.EXPOSURE] == 0.25
        assert image.getexif().get_ifd(encoders.GPS_IFD)[1] == "N"
        assert np.abs(np.asarray(image).astype(int) - encoders.smooth()).max() < 8


def test_write_notes_each_loss(tmp_path):
    pixels = np.full((8, 8, 3), (65535, 0, 30000), np.uint16)
    alpha = np.zeros((8, 8), np.uint16)
    alpha[:, 4:] = 65535
    picture = Picture(pixels, alpha, Metadata(encoders.SRGB, encoders.camera_exif().tobytes()))
    assert writing.write(tmp_path / "a.bmp", picture) == (
        "transparency is laid over white: BMP has none",
        "16 bits become 8: BMP has no more",
        "EXIF is not kept: not written to BMP",
    )
    read = pictures.read(tmp_path / "a.bmp").pixels
    assert (read[:, :4] == 255).all() and (read[:, 4:] == (255, 0, 117)).all()
    assert writing.write(tmp_path / "a.jpg", picture) == (
        "transparency is laid over white: JPEG has none",
        "16 bits become 8: JPEG has no more",
    )
    assert writing.write(tmp_path / "a.webp", picture) == ("16 bits become 8: WEBP has no more",)
    _, alpha, (icc, exif, *_) = pictures.read(tmp_path / "a.webp")
    assert alpha is not None
    assert (alpha[:, :4] == 0).all() and (alpha[:, 4:] == 255).all() and icc == encoders.SRGB and exif
    assert writing.write(tmp_path / "a.tif", picture) == ()


def test_write_notes_exif_too_long_for_jpeg(tmp_path):
    exif = encoders.camera_exif()
    exif[0x010E] = "x" * 70000
    picture = Picture(encoders.smooth(), metadata=Metadata(exif=exif.tobytes()))
    assert writing.write(tmp_path / "a.jpg", picture) == ("EXIF is not kept: too long for JPEG",)
    limit = writing.LIMITS["JPEG"]["exif"]
    for length in (limit, limit + 1):  # the bound is Pillow's
        content = b"Exif\0\0" + b"\0" * (length - 6)
        notes = writing.write(tmp_path / "a.jpg", Picture(encoders.smooth(), metadata=Metadata(exif=content)))
        assert bool(notes) == (length > limit)


def test_write_lists_the_known_suffixes_for_an_unknown_one(tmp_path):
    for name in ("a.jp2", "a", "a.png.part"):
        with pytest.raises(PictureError, match=".png, .jpg, .jpeg, .webp, .tif, .tiff, .bmp, .gif, .avif, .jxl"):
            writing.write(tmp_path / name, Picture(encoders.smooth()))


def test_write_refuses_sizes_that_a_format_cannot_hold(tmp_path):
    for suffix, side in ((".webp", 16383), (".jpg", 65500), (".gif", 65535)):
        writing.write(tmp_path / f"a{suffix}", Picture(np.zeros((1, side), np.uint8)))
        with pytest.raises(PictureError, match=f"up to {side} pixels a side, not {side + 1}x1"):
            writing.write(tmp_path / f"b{suffix}", Picture(np.zeros((1, side + 1), np.uint8)))


def test_write_names_an_encoder_that_is_not_installed(tmp_path, monkeypatch):
    monkeypatch.setattr("PIL.features.check", lambda name: False)
    monkeypatch.setattr("imagecodecs.JPEGXL", type("JPEGXL", (), {"available": False}))
    for suffix, command in (("avif", "pip install --upgrade pillow"), ("jxl", "pip install --upgrade imagecodecs")):
        with pytest.raises(PictureError, match=command):
            writing.write(tmp_path / f"a.{suffix}", Picture(encoders.smooth()))
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("is_grey", [False, True])
@pytest.mark.parametrize("is_transparent", [False, True])
def test_write_of_avif(tmp_path, is_grey, is_transparent):
    """The colours of single pixels are kept: no subsampling. A grey profile is false, because grey is stored as RGB."""
    pixels = encoders.grey(40, 48) if is_grey else encoders.smooth(40, 48)
    if not is_grey:
        pixels[::2, ::2] = (180, 60, 60)
    alpha = encoders.opacity(40, 48) if is_transparent else None
    metadata = Metadata(encoders.grey_profile() if is_grey else encoders.SRGB, encoders.camera_exif().tobytes())
    lost = ("the colour profile is not kept: it is for grey, the result is RGB",) * is_grey
    assert writing.write(tmp_path / "a.avif", Picture(pixels, alpha, metadata)) == lost
    with Image.open(tmp_path / "a.avif") as image:
        assert image.getexif()[encoders.MAKE] == "Camera"
        assert image.info.get("icc_profile") == (None if is_grey else metadata.icc)
        stored = np.asarray(image.convert("RGBA")).astype(int)
    colours = stored[..., 1] if is_grey else stored[..., :3]
    visible = np.ones((40, 48), bool) if alpha is None else alpha > 100
    assert np.abs(colours - pixels)[visible].mean() < 4
    assert alpha is None or np.abs(stored[..., 3] - alpha).max() < 8


def test_write_is_atomic(tmp_path, monkeypatch):
    """An encoder that fails half-way leaves the earlier file, and nothing beside it."""
    path = tmp_path / "a.png"
    writing.write(path, Picture(encoders.smooth()))
    before = path.read_bytes()

    def fails(file, *_):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writing, "_encode", fails)
    with pytest.raises(PictureError, match="a.png: cannot be written: No space left on device"):
        writing.write(path, Picture(encoders.smooth()))
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["a.png"]


def test_write_names_files_that_cannot_be_written(tmp_path):
    with pytest.raises(PictureError, match="a.png: cannot be written: No such file"):
        writing.write(tmp_path / "missing" / "a.png", Picture(encoders.smooth()))
    (tmp_path / "b.png").mkdir()
    with pytest.raises(PictureError, match="b.png: cannot be written: Is a directory"):
        writing.write(tmp_path / "b.png", Picture(encoders.smooth()))
    assert os.listdir(tmp_path) == ["b.png"]


def test_write_replaces_links_and_leaves_results_readable(tmp_path):
    writing.write(tmp_path / "a.png", Picture(encoders.smooth()))
    (tmp_path / "link.png").symlink_to("a.png")
    before = (tmp_path / "a.png").read_bytes()
    writing.write(tmp_path / "link.png", Picture(255 - encoders.smooth()))
    assert (tmp_path / "a.png").read_bytes() == before and not (tmp_path / "link.png").is_symlink()
    assert stat.S_IMODE((tmp_path / "link.png").stat().st_mode) == 0o644


def test_write_takes_long_names(tmp_path):
    writing.write(tmp_path / ("n" * 251 + ".png"), Picture(encoders.smooth()))


def test_write_gives_equal_bytes_for_equal_pictures(tmp_path, u16):
    for name in ("a.png", "b.png"):
        writing.write(tmp_path / name, Picture(u16[..., :3], u16[..., 3], Metadata(encoders.SRGB)))
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    Image.open(io.BytesIO((tmp_path / "a.png").read_bytes())).verify()  # raises at a wrong checksum
