"""Tests ../../../jsr/pictures/metadata/of_jxl.py against the encoders of imagecodecs and Pillow's plugin."""

from typing import Any

import imagecodecs
import numpy as np
import pytest

from jsr import pictures
from jsr.pictures import Metadata, Picture
from jsr.pictures.metadata import of_jxl
from jsr.pictures.metadata.of_jxl import Head
from tests import encoders
from tests.expected import loaded

SIZES = [(1, 1), (64, 64), (64, 128), (40, 30), (300, 200), (600, 900), (256, 264), (2, 9000), (90, 160), (513, 512)]


@pytest.mark.parametrize("has_boxes", [False, True])
def test_head_tells_what_was_encoded(rng, has_boxes):
    def head(samples: np.ndarray, **options: Any) -> Head:
        return of_jxl.head(bytes(imagecodecs.jpegxl_encode(samples, usecontainer=has_boxes, **options)))

    for height, width in SIZES:
        assert head(np.zeros((height, width, 3), np.uint8)) == Head(height, width)
    for bits in range(9, 17):
        assert head(rng.integers(0, 2**bits, (13, 17), np.uint16), bitspersample=bits) == Head(13, 17, bits)
    assert head(rng.random((13, 17), np.float32)) == Head(13, 17, 32, is_float=True)
    assert head(np.zeros((3, 13, 17, 3), np.uint8)) == Head(13, 17, is_animated=True)


@pytest.mark.parametrize("orientation", [1, 6])
def test_metadata_are_read_back(tmp_path, orientation):
    """The pixels are upright as the decoder gives them, whatever EXIF says."""
    given = Metadata(exif=encoders.camera_exif(orientation).tobytes(), xmp=b"<x/>")
    pictures.write(tmp_path / "a.jxl", Picture(encoders.smooth(), metadata=given))
    content = (tmp_path / "a.jxl").read_bytes()
    metadata, turn = of_jxl.read(content, icc=encoders.SRGB)
    assert turn == 1 and metadata.icc == encoders.SRGB and b"<x/>" in (metadata.xmp or b"") and metadata.notes == ()
    exif = loaded(metadata.exif)
    assert exif[encoders.MAKE] == "Camera" and encoders.ORIENTATION not in exif
    at = content.index(b"xml ") - 4
    compressed = content[:at] + (12).to_bytes(4, "big") + b"brobxml " + content[at + 12 :]
    assert of_jxl.read(compressed).metadata.notes == ("its compressed metadata are not kept",)
    for cut in range(0, len(content), 7):
        of_jxl.read(content[:cut])  # raises nothing
    assert of_jxl.read(content[content.index(b"jxlc") + 4 :]) == (Metadata(), 1)
