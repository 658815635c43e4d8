"""JPEG XL, in its container of boxes with EXIF and XMP (ISO/IEC 18181-2); imagecodecs writes the pixels alone."""

import io
from typing import BinaryIO

import imagecodecs
import numpy as np
from jaxtyping import Integer

from jsr.pictures.metadata import exif, of_jxl
from jsr.pictures.metadata.record import Metadata

DISTANCE = 0.5  # of Butteraugli; 1 is what an attentive eye just sees


def write(
    file: BinaryIO | io.BytesIO,
    samples: Integer[np.ndarray, "h w"] | Integer[np.ndarray, "h w c"],
    metadata: Metadata,
    *,
    quality: int | None = None,
    is_lossless: bool = False,
) -> None:
    """Writes a picture of 8 or 16 bits; the last of 2 or 4 channels is alpha.

    Args:
      quality: 1 to 100, on JPEG's scale; by default, that of `DISTANCE`.
    """
    # JxlEncoderDistanceFromQuality of libjxl, from 30 on.
    distance = DISTANCE if quality is None else 0.1 + 0.09 * (100 - max(quality, 30))
    content = bytes(imagecodecs.jpegxl_encode(samples, distance=distance, usecontainer=True, lossless=is_lossless))
    start = next(box.start for box in of_jxl.boxes(content) if box.kind in of_jxl.PIXELS)
    file.write(content[:start])
    if metadata.exif:
        file.write(_box(b"Exif", bytes(4) + metadata.exif.removeprefix(exif.PREFIX)))  # its header is at offset 0
    if metadata.xmp:
        file.write(_box(b"xml ", metadata.xmp))
    file.write(content[start:])


def _box(kind: bytes, data: bytes) -> bytes:
    return (8 + len(data)).to_bytes(4, "big") + kind + data
