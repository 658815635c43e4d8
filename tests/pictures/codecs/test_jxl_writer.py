"""Tests ../../jsr/pictures/codecs/jxl_writer.py against imagecodecs, and Pillow's parser of EXIF."""

import io

import imagecodecs
import numpy as np
import pytest

from jsr import pictures
from jsr.pictures import Metadata, Picture
from jsr.pictures.metadata.of_image import read_jxl
from jsr.pictures.metadata.record import Resolution
from tests import encoders
from tests.expected import loaded


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("is_grey", [False, True])
@pytest.mark.parametrize("is_transparent", [False, True])
def test_pixels_are_kept_within_a_few_levels(tmp_path, dtype, is_grey, is_transparent):
    scale = 257 if dtype == "uint16" else 1
    pixels = encoders.smooth(40, 48).astype(dtype) * np.dtype(dtype).type(scale)
    pixels = pixels[..., 1] if is_grey else pixels
    alpha = encoders.opacity(40, 48).astype(dtype) * np.dtype(dtype).type(scale) if is_transparent else None
    assert pictures.write(tmp_path / "a.jxl", Picture(pixels, alpha)) == ()
    decoded = imagecodecs.jpegxl_decode((tmp_path / "a.jxl").read_bytes())
    expected = pixels if alpha is None else np.dstack([pixels, alpha])
    assert decoded.dtype == dtype and decoded.shape == expected.shape
    errors = np.abs(decoded.astype(int) - expected) / scale
    if alpha is None:
        assert errors.max() < 8
    else:  # what is hidden has no right value
        assert errors[alpha > 0].max() < 12 and errors[..., -1].max() < 6


def test_metadata_stand_in_boxes(tmp_path):
    metadata = Metadata(exif=encoders.camera_exif().tobytes(), xmp=b"<x/>", resolution=Resolution(204, 98), iptc=b"i")
    notes = pictures.write(tmp_path / "a.jxl", Picture(encoders.smooth(), metadata=metadata))
    assert notes == ("IPTC is not kept: not written to JXL",)
    content, boxes, at = (tmp_path / "a.jxl").read_bytes(), {}, 0
    while at < len(content):
        size = int.from_bytes(content[at : at + 4], "big") or len(content) - at  # 0: the last box
        boxes[content[at + 4 : at + 8]] = content[at + 8 : at + size]
        at += size
    assert list(boxes) == [b"JXL ", b"ftyp", b"Exif", b"xml ", b"jxlc"]
    assert boxes[b"xml "] == b"<x/>" and boxes[b"Exif"][:4] == bytes(4)
    exif = loaded(boxes[b"Exif"][4:])
    assert exif[encoders.MAKE] == "Camera" and (exif[282], exif[283]) == (204, 98)


@pytest.mark.parametrize("orientation", [1, 6])
def test_metadata_are_read_back(tmp_path, orientation):
    """The pixels are upright as the decoder gives them, whatever EXIF says."""
    given = Metadata(exif=encoders.camera_exif(orientation).tobytes(), xmp=b"<x/>")
    pictures.write(tmp_path / "a.jxl", Picture(encoders.smooth(), metadata=given))
    content = (tmp_path / "a.jxl").read_bytes()
    metadata, turn = read_jxl(io.BytesIO(content), icc=encoders.SRGB)
    assert turn == 1 and metadata.icc == encoders.SRGB and b"<x/>" in (metadata.xmp or b"") and metadata.notes == ()
    exif = loaded(metadata.exif)
    assert exif[encoders.MAKE] == "Camera" and encoders.ORIENTATION not in exif
    at = content.index(b"xml ") - 4
    compressed = content[:at] + (12).to_bytes(4, "big") + b"brobxml " + content[at + 12 :]
    assert read_jxl(io.BytesIO(compressed)).metadata.notes == ("its compressed metadata are not kept",)
    for cut in range(0, len(content), 7):
        read_jxl(io.BytesIO(content[:cut]))  # raises nothing
    assert read_jxl(io.BytesIO(content[content.index(b"jxlc") + 4 :])) == (Metadata(), 1)
