"""Tests ../../../../jsr/pictures/codecs/tiff/tiff_writer.py against tifffile and libtiff (Pillow)."""

import io
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from jsr.pictures import Metadata
from jsr.pictures.codecs.tiff import tiff_writer
from jsr.pictures.metadata.record import Resolution
from tests import encoders


@pytest.mark.parametrize("is_big", [False, True])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_rows_and_metadata_are_written_as_they_come(monkeypatch, rng, is_big, channels, dtype):
    monkeypatch.setattr(tiff_writer, "BLOCK", 8)
    monkeypatch.setattr(tiff_writer, "MAX_SIZE", 0 if is_big else 10**9)
    shape = (37, 29) if channels == 1 else (37, 29, channels)
    samples = rng.integers(0, np.iinfo(dtype).max + 1, shape).astype(dtype)
    icc = encoders.SRGB if channels > 2 else encoders.grey_profile()
    metadata = Metadata(icc, encoders.camera_exif().tobytes(), xmp=b"<x/>", resolution=Resolution(204, 98))
    file = io.BytesIO()
    tiff_writer.write(file, iter(np.array_split(samples, 5)), shape, np.dtype(dtype), metadata)
    file.seek(0)
    with tifffile.TiffFile(file) as opened:
        (page,) = opened.pages
        assert isinstance(page, tifffile.TiffPage)
        assert opened.is_bigtiff == is_big and page.dtype == dtype and page.rowsperstrip == 8
        np.testing.assert_array_equal(page.asarray(), samples)
        assert page.iccprofile == icc and page.extrasamples == ((2,) if channels in (2, 4) else ())
        tags: dict[int, Any] = {tag.code: tag.value for tag in page.tags}
        assert list(tags) == sorted(tags), "TIFF demands their order"
        assert (tags[282], tags[283], tags[700]) == ((204, 1), (98, 1), b"<x/>")
        assert tags[encoders.MAKE] == "Camera" and tags[encoders.GPS_IFD]["GPSLatitude"] == (48, 1, 8, 1, 1, 1)
    if dtype == "uint8":
        file.seek(0)
        with Image.open(file) as image:
            np.testing.assert_array_equal(np.asarray(image), samples)
            assert image.getexif()[encoders.ARTIST] == "Ann" and image.info["dpi"] == (204, 98)
