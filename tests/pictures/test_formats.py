"""Tests ../../jsr/pictures/formats.py."""

import io
import re

import numpy as np
import pytest
from PIL import Image

from jsr import infer, pictures
from jsr.pictures import formats
from jsr.pictures.codecs import pillow
from tests import encoders


def test_suffixes_are_those_that_pillow_gives_a_format():
    """A suffix stands in one format only, and Pillow takes it for the same one."""
    suffixes = [suffix for kind in formats.FORMATS for suffix in kind.suffixes + kind.other_suffixes]
    assert len(suffixes) == len(set(suffixes)) == len(formats.READ)
    registered = Image.registered_extensions()
    pillow.decoders()  # those of other packages are registered too
    known = [suffix for suffix in suffixes if suffix not in (".jif", ".npy", ".dcm", ".dicom")]
    assert {suffix: registered[suffix] for suffix in known} == {suffix: formats.READ[suffix].name for suffix in known}


def test_every_suffix_of_pillows_decoders_is_known():
    """A folder's files of a format that is read are not passed over because of a rarer suffix."""
    known = {suffix for suffix, name in Image.registered_extensions().items() if name in pillow.decoders()}
    assert known - set(formats.READ) == {".pfm"}, "whose samples are floats, which are refused"


@pytest.mark.parametrize("kind", encoders.formats())
def test_every_format_is_read(tmp_path, kind):
    """By each of its suffixes, and as the table says of its frames."""
    row = formats.BY_NAME[kind]
    Image.fromarray(encoders.smooth()).save(tmp_path / "a", format=kind)
    for suffix in row.suffixes + row.other_suffixes:
        assert formats.is_picture(f"folder.d/A{suffix.upper()}")
    assert pictures.read(tmp_path / "a").pixels.shape == (24, 32, 3)


@pytest.mark.parametrize("kind", encoders.formats())
def test_every_format_is_known_by_its_beginning(kind):
    """Grey, colour and one bit, as Pillow writes them; and each signature is that of one format only."""
    for image in (Image.fromarray(encoders.smooth()), Image.new("L", (3, 2)), Image.new("1", (3, 2))):
        file = io.BytesIO()
        image.convert("L" if image.mode == "1" and kind == "JPEG2000" else image.mode).save(file, format=kind)
        head = file.getvalue()[: formats.HEAD]
        matches = [row.name for row in formats.FORMATS if re.match(row.signature, head, re.DOTALL)]
        assert matches == [kind]
        assert formats.begins_as_picture("photo.jpg_large", head) == (kind not in formats.CONTAINERS)
        assert formats.begins_as_picture("photo", head)


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"BMW is a maker of cars, and of motorcycles too",
        b"P5 is a level",
        b"%PDF-1.7",
        b"RIFF\0\0\0\0AVI LIST",
        b"\0\0\0\x18ftypisom",
        b"MM\0\x2c",
    ],
)
def test_other_files_do_not_begin_as_pictures(head):
    assert not formats.begins_as_picture("a", head)


@pytest.mark.parametrize("suffix", formats.WRITTEN)
def test_written_formats_are_those_of_their_suffix(tmp_path, suffix):
    pictures.write(tmp_path / f"a{suffix}", pictures.Picture(encoders.smooth()))
    if suffix == ".npy":
        np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), encoders.smooth())
    else:
        with Image.open(tmp_path / f"a{suffix}") as image:
            assert image.format == formats.WRITTEN[suffix].name
    assert formats.written_as(f"b{suffix.upper()}") == formats.WRITTEN[suffix]


@pytest.mark.parametrize("name", ["notes.txt", "png", "a.png.part", "a.pdf", "a.eps", ".png"])
def test_is_picture_refuses_other_suffixes(name):
    assert not formats.is_picture(name) and formats.written_as(name) is None


def test_infer_names_every_format_in_its_help(capsys):
    with pytest.raises(SystemExit):
        infer.main(["--help"])
    text = capsys.readouterr().out
    assert all(kind.name in text for kind in formats.FORMATS)
