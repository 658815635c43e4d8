"""Tests ../../jsr/pictures/reading.py: the choice of what a file is, and the errors of files that are no pictures."""

import builtins
import io
import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from jsr import pictures
from jsr.errors import PictureError
from jsr.pictures import Animation, LargePicture, Picture, large, writing
from tests import encoders


def _bomb(path):
    path.write_bytes(encoders.bare_png(zlib.compress(b"\0" * 1000), 20000, 20000))


def _short(path):
    """Four rows of forty; Pillow takes the rest for black."""
    raw = bytes(4 * (1 + 3 * 5))
    path.write_bytes(encoders.bare_png(zlib.compress(raw), 5, 40))


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
    ("spoil", "reason"),
    [
        (lambda path: None, "No such file"),
        (lambda path: path.mkdir(), "Is a directory"),
        (lambda path: path.write_bytes(b""), "the file is empty"),
        (lambda path: path.write_text("hello"), "not a picture"),
        (_bomb, "20000x20000: more than 200 million pixels"),
        (_short, "Not enough image data"),
        (_tiff_bomb, "60000x60000: more than 200 million pixels"),
        (_floats, "expected grey or RGB of 8 or 16 bits, got 1 band of float32"),
        (lambda path: path.write_bytes(b"II*\0hello"), "broken or not supported"),
        (lambda path: path.write_bytes(encoders.bare_png(b"junk", 4, 4)), "broken or not supported"),
    ],
)
def test_read_names_an_unreadable_file_in_one_line(tmp_path, spoil, reason):
    path = tmp_path / "a.png"
    spoil(path)
    with pytest.raises(PictureError) as error:
        pictures.read(path)
    message = str(error.value)
    assert message.startswith(f"{path}: ") and reason in message and "\n" not in message


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif", "bmp"])
def test_read_refuses_truncated_files(tmp_path, rng, suffix):
    """Noise, so that half of the file is far from the whole."""
    path = tmp_path / f"a.{suffix}"
    writing.write(path, Picture(rng.integers(0, 256, (64, 64, 3), np.uint8)))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(PictureError, match=f"a.{suffix}: "):
        pictures.read(path)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_read_refuses_truncated_files_of_16_bits(tmp_path, rng, suffix):
    path = tmp_path / f"a.{suffix}"
    pixels = rng.integers(0, 65536, (64, 64, 3), np.uint16)
    if suffix == "png":
        writing.write(path, Picture(pixels))
    else:
        tifffile.imwrite(path, pixels, photometric="rgb")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(PictureError, match=f"a.{suffix}: "):
        pictures.read(path)


def _saved(path, frames, **options):
    frames[0].save(path, save_all=True, append_images=frames[1:], **options)
    return path


def test_open_tells_animations_large_pictures_and_others_apart(tmp_path, monkeypatch):
    frames = [Image.new("RGB", (8, 6), colour) for colour in ("red", "blue")]
    moving, pages = _saved(tmp_path / "a.gif", frames), _saved(tmp_path / "b.tif", frames)
    frames[0].save(tmp_path / "c.png")
    frames[0].save(tmp_path / "d.jpg")
    for path in (moving, pages, tmp_path / "c.png", tmp_path / "d.jpg"):
        assert type(pictures.open(path)) is (Animation if path == moving else Picture)
        assert type(pictures.open(path, frame=0)) is type(pictures.open(path, can_animate=False)) is Picture
    monkeypatch.setattr(large, "LARGE", 48)
    assert isinstance(pictures.open(moving), Animation)
    assert isinstance(pictures.open(tmp_path / "c.png", can_stream=False), Picture)
    for path in (tmp_path / "c.png", tmp_path / "d.jpg"):  # by rows, and decoded as a whole
        opened = pictures.open(path)
        assert isinstance(opened, LargePicture)
        np.testing.assert_array_equal(opened.rows[0:6], pictures.read(path).pixels)


def test_open_reads_each_file_once(tmp_path, monkeypatch):
    """Whole pictures and animations; only rows are read when they are asked for."""
    frames = [Image.new("RGB", (8, 6), colour) for colour in ("red", "blue")]
    paths = [_saved(tmp_path / f"a.{suffix}", frames) for suffix in ("gif", "png", "tif")]
    frames[0].save(tmp_path / "a.jpg")
    opened, builtin = [], builtins.open

    def counted(path, *options, **named):
        opened.append(path)
        return builtin(path, *options, **named)

    monkeypatch.setattr(builtins, "open", counted)
    monkeypatch.setattr(io, "open", counted)
    for path in [*paths, tmp_path / "a.jpg"]:
        opened.clear()
        pictures.open(path)
        assert opened == [path]


def test_animation_large_picture_and_picture_carry_one_metadata(tmp_path, monkeypatch):
    exif = encoders.camera_exif().tobytes()
    frames = [Image.new("RGB", (8, 6), colour) for colour in ("red", "blue")]
    _saved(tmp_path / "a.png", frames, exif=exif, icc_profile=encoders.SRGB)
    frames[0].save(tmp_path / "b.png", exif=exif, icc_profile=encoders.SRGB)
    opened = [pictures.open(tmp_path / "a.png"), pictures.open(tmp_path / "b.png")]
    monkeypatch.setattr(large, "LARGE", 1)
    opened.append(pictures.open(tmp_path / "b.png"))
    assert [type(picture) for picture in opened] == [Animation, Picture, LargePicture]
    assert opened[0].metadata == opened[1].metadata == opened[2].metadata
    assert opened[0].metadata.icc == encoders.SRGB and opened[0].metadata.exif


@pytest.mark.parametrize("kind", encoders.formats())
def test_size_reads_the_head_alone(tmp_path, kind):
    """Height first, before EXIF turns it (Pillow turns TIFF by itself); from a path or an open file."""
    content = encoders.saved(Image.fromarray(encoders.smooth(40, 64)), kind, exif=encoders.camera_exif(6).tobytes())
    path = tmp_path / "a"
    path.write_bytes(content)
    expected = (64, 40) if kind == "TIFF" else (40, 64)
    assert pictures.size(path) == expected
    with path.open("rb") as file:
        assert pictures.size(file) == expected
    if kind in ("PNG", "JPEG", "BMP"):
        path.write_bytes(content[:-10])
        assert pictures.size(path) == (40, 64)


def test_size_refuses_files_that_are_no_pictures(tmp_path):
    (tmp_path / "a.png").write_text("hello")
    with pytest.raises(PictureError, match="a.png: not a picture"):
        pictures.size(tmp_path / "a.png")
    with pytest.raises(PictureError, match="^the file is empty"):
        pictures.size(io.BytesIO())
    with pytest.raises(PictureError, match="b.png: No such file"):
        pictures.size(tmp_path / "b.png")


def test_broken_exif_costs_a_large_picture_only_its_exif(tmp_path, monkeypatch):
    monkeypatch.setattr(large, "LARGE", 1)
    Image.new("RGB", (8, 6)).save(tmp_path / "a.png", exif=b"Exif\0\0no TIFF header")
    opened = pictures.open(tmp_path / "a.png")
    assert opened.metadata == pictures.read(tmp_path / "a.png").metadata
    assert opened.metadata.notes == ("its EXIF is broken and not kept",)
