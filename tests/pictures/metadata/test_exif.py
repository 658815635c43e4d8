"""Tests ../../../jsr/pictures/metadata/exif.py, by files of each format that holds EXIF."""

import io
import struct
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps, TiffImagePlugin

from jsr import pictures
from jsr.pictures import Metadata, Picture, writing
from jsr.pictures.metadata import exif
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
        options: dict[str, Any] = {"dpi": (0, 0)} if suffix == "bmp" else {}  # else Pillow writes 96
        Image.fromarray(u8[..., :3]).save(tmp_path / f"a.{suffix}", **options)
        picture = pictures.read(tmp_path / f"a.{suffix}")
        assert picture[1:] == (None, Metadata())


def test_broken_exif_costs_only_the_exif(tmp_path, u8):
    Image.fromarray(u8).save(tmp_path / "a.png", exif=b"Exif\0\0no TIFF header")
    picture = pictures.read(tmp_path / "a.png")
    equal(picture, u8[..., :3], u8[..., 3])
    assert picture.metadata.exif is None and picture.metadata.notes == ("its EXIF is broken and not kept",)


MAKER_NOTE, BIAS, COMMENT = 0x927C, 0x9204, 0x9286


def camera_block(order: str, *, note_at: int = 200) -> bytes:
    """Returns EXIF as a camera writes it, with a thumbnail and a maker note that points into itself."""

    def directory(entries, following=0):
        table = b"".join(struct.pack(order + "HHI4s", *entry) for entry in entries)
        return struct.pack(order + "H", len(entries)) + table + struct.pack(order + "I", following)

    def number(n, code="I"):
        return struct.pack(order + code, n).ljust(4, b"\0")

    main = [(0x0112, 3, 1, number(6, "H")), (0x8769, 4, 1, number(60))]
    note = b"Maker" + struct.pack(order + "I", note_at + 9) + b"firmware 1.0"
    details = [
        (BIAS, 10, 1, number(140)),
        (MAKER_NOTE, 7, len(note), number(note_at)),
        (COMMENT, 7, 12, number(150)),
        (0xA002, 4, 1, number(4000)),
    ]
    block = (b"II*\0" if order == "<" else b"MM\0*") + number(8) + directory(main, 300)
    block = block.ljust(60, b"\0") + directory(details)
    block = block.ljust(140, b"\0") + struct.pack(order + "ii", -1, 3) + b"\0\0" + b"ASCII\0\0\0ann!"
    block = block.ljust(note_at, b"\0") + note
    thumbnail = [(0x0201, 4, 1, number(350)), (0x0202, 4, 1, number(500))]
    return b"Exif\0\0" + block.ljust(300, b"\0") + directory(thumbnail).ljust(50, b"\0") + b"t" * 500


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_types_and_the_place_of_the_maker_note_are_kept(tmp_path, order, suffix):
    """A maker note holds offsets from the head of the block, so it stays at its own; thumbnails go."""
    block = camera_block(order)
    note = block[6 + 200 : 6 + 221]
    Image.fromarray(encoders.smooth()).save(tmp_path / "a.jpg", exif=block)
    picture = pictures.read(tmp_path / "a.jpg")
    assert picture.pixels.shape == (32, 24, 3) and picture.metadata.notes == ()
    assert pictures.write(tmp_path / f"b.{suffix}", picture) == ()
    with Image.open(tmp_path / f"b.{suffix}") as image:
        content = b"Exif\0\0" + image.info["exif"].removeprefix(b"Exif\0\0")
    assert content[6 + 200 : 6 + 221] == note and b"tttt" not in content
    tags = loaded(content)
    details = tags.get_ifd(encoders.EXIF_IFD)
    assert set(tags) == {encoders.EXIF_IFD} and set(details) == {BIAS, MAKER_NOTE, COMMENT}
    assert details[BIAS] == -1 / 3 and details[COMMENT] == b"ASCII\0\0\0ann!" and details[MAKER_NOTE] == note
    ifd = TiffImagePlugin.ImageFileDirectory_v2(content[6:14])
    file = io.BytesIO(content[6:])
    file.seek(tags[encoders.EXIF_IFD] if isinstance(tags[encoders.EXIF_IFD], int) else 0)
    ifd.load(file)
    assert ifd.tagtype == {BIAS: 10, MAKER_NOTE: 7, COMMENT: 7}


def test_maker_notes_are_not_written_to_tiff(tmp_path):
    Image.fromarray(encoders.smooth()).save(tmp_path / "a.jpg", exif=camera_block(">"))
    notes = pictures.write(tmp_path / "b.tif", pictures.read(tmp_path / "a.jpg"))
    assert notes == ("the camera's maker note is not kept: its own offsets would be wrong in another place",)
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        page: Any = file.pages[0]
        assert page.tags[encoders.EXIF_IFD].value["ExposureBiasValue"] in ((-1, 3), -1 / 3)
        assert "MakerNote" not in page.tags[encoders.EXIF_IFD].value


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("note_at", [8, 9, 40, 2000])
def test_maker_notes_may_stand_anywhere(order, note_at):
    """Even where directories would stand."""
    note = exif.Value(7, bytes(range(50)))
    tags = exif.Tags(order, {0x010F: exif.Value(2, b"Camera\0"), 0x8769: {MAKER_NOTE: note}}, maker_note=note_at)
    content = exif.block(tags)
    assert content and content[6 + note_at :][:50] == note.data
    assert loaded(content)[0x010F] == "Camera" and loaded(content).get_ifd(0x8769)[MAKER_NOTE] == note.data
    assert exif.parse(io.BytesIO(content[6:])) == tags
