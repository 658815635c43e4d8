"""Tests ../../../jsr/pictures/codecs/jxl_writer.py against imagecodecs, and Pillow's parser of EXIF."""

import imagecodecs
import numpy as np
import pytest

from jsr import pictures
from jsr.pictures import Metadata, Picture
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
        assert errors[alpha > 0].max() < 12 and not errors[..., -1].any()
        assert pictures.read(tmp_path / "a.jxl").alpha is not None


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
