"""Tests ../../jsr/pictures/exif.py, by files of each format that holds EXIF."""

from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from jsr import pictures
from jsr.pictures import Metadata, Picture, writing
from tests import encoders
from tests.expected import equal, loaded


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif"])
def test_orientation_is_applied_as_pillow_does(tmp_path, orientation, suffix):
    path = tmp_path / f"a.{suffix}"
    options: dict[str, Any] = {"lossless": True} if suffix == "webp" else {}
    Image.fromarray(encoders.smooth()).save(path, exif=encoders.camera_exif(orientation).tobytes(), **options)
    with Image.open(path) as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
    picture = pictures.read(path)
    equal(picture, expected)
    exif = loaded(picture.metadata.exif)
    assert encoders.ORIENTATION not in exif and exif[encoders.MAKE] == "Camera"


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_orientation_turns_16_bit_pictures_with_their_alpha(tmp_path, u16, orientation):
    """The alpha turns with the colours."""
    turns = {1: 0, 3: 2, 6: 3, 8: 1}[orientation]
    expected = np.rot90(u16, turns)
    writing.write(
        tmp_path / "a.png",
        Picture(u16[..., :3], u16[..., 3], Metadata(exif=encoders.camera_exif(orientation).tobytes())),
    )
    equal(pictures.read(tmp_path / "a.png"), expected[..., :3], expected[..., 3])
    tag = (encoders.ORIENTATION, "H", 1, orientation, True)
    tifffile.imwrite(tmp_path / "a.tif", u16[..., :3], photometric="rgb", extratags=[tag])
    equal(pictures.read(tmp_path / "a.tif"), expected[..., :3])


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif"])
def test_exif_and_profile_are_read(tmp_path, suffix):
    Image.fromarray(encoders.smooth()).save(
        tmp_path / f"a.{suffix}", exif=encoders.camera_exif().tobytes(), icc_profile=encoders.SRGB
    )
    picture = pictures.read(tmp_path / f"a.{suffix}")
    assert picture.metadata.icc == encoders.SRGB and picture.metadata.notes == ()
    exif = loaded(picture.metadata.exif)
    assert set(exif) == {encoders.MAKE, encoders.ARTIST, encoders.EXIF_IFD, encoders.GPS_IFD}, (
        "in TIFF, no strips and sizes"
    )
    assert exif.get_ifd(encoders.EXIF_IFD)[encoders.EXPOSURE] == 0.25
    assert encoders.PIXEL_WIDTH not in exif.get_ifd(encoders.EXIF_IFD), "the result is larger"
    assert exif.get_ifd(encoders.GPS_IFD)[2] == (48.0, 8.0, 1.0)


def test_plain_files_have_no_metadata(tmp_path, u8):
    for suffix in ("png", "jpg", "webp", "tif", "bmp"):
        Image.fromarray(u8[..., :3]).save(tmp_path / f"a.{suffix}", **({"dpi": (0, 0)} if suffix == "bmp" else {}))
        picture = pictures.read(tmp_path / f"a.{suffix}")
        assert picture[1:] == (None, Metadata())


def test_broken_exif_costs_only_the_exif(tmp_path, u8):
    Image.fromarray(u8).save(tmp_path / "a.png", exif=b"Exif\0\0no TIFF header")
    picture = pictures.read(tmp_path / "a.png")
    equal(picture, u8[..., :3], u8[..., 3])
    assert picture.metadata.exif is None and picture.metadata.notes == ("its EXIF is broken and not kept",)
