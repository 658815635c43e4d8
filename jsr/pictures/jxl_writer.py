"""JPEG XL, in its container of boxes with EXIF and XMP (ISO/IEC 18181-2); imagecodecs writes the pixels alone."""

import io
from typing import BinaryIO

import imagecodecs
import numpy as np
from jaxtyping import Integer

from jsr.pictures import exif
from jsr.pictures.metadata import Metadata

DISTANCE = 0.5  # of Butteraugli; 1 is what an attentive eye just sees


def write(
    file: BinaryIO | io.BytesIO, samples: Integer[np.ndarray, "h w"] | Integer[np.ndarray, "h w c"], metadata: Metadata
) -> None:
    """Writes a picture of 8 or 16 bits; the last of 2 or 4 channels is alpha."""
    file.write(_box(b"JXL ", b"\r\n\x87\n") + _box(b"ftyp", b"jxl \0\0\0\0jxl "))
    if metadata.exif:
        file.write(_box(b"Exif", bytes(4) + metadata.exif.removeprefix(exif.PREFIX)))  # its header is at offset 0
    if metadata.xmp:
        file.write(_box(b"xml ", metadata.xmp))
    stream = imagecodecs.jpegxl_encode(samples, distance=DISTANCE, usecontainer=False)
    file.write(_box(b"jxlc", bytes(stream)))


def _box(kind: bytes, data: bytes) -> bytes:
    return (8 + len(data)).to_bytes(4, "big") + kind + data
