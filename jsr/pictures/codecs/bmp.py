"""BMP whose channels are bit fields of 16 or 32 bits, of which Pillow knows a few layouts and drops some alpha."""

import struct

import numpy as np
from jaxtyping import UInt

from jsr.pictures.metadata.exif import UPRIGHT
from jsr.pictures.metadata.of_png import an_inch
from jsr.pictures.metadata.record import Metadata, resolution
from jsr.pictures.picture import Picture, assemble, check_size, choose_frame

# Of the file, up to the masks: where the pixels begin; the header's size; width, height, depth, compression; pixels a
# metre; masks of red, green, blue and alpha.
HEADER = struct.Struct("<10xI I ii 2x H I 4x ii 8x 4I")
BIT_FIELDS, ALPHA_BIT_FIELDS = 3, 6  # kinds of "compression"
HAS_ALPHA = 56  # bytes of the shortest header with a mask of alpha


def has_bit_fields(content: bytes) -> bool:
    """Tells whether content is a BMP with masks."""
    if not content.startswith(b"BM") or len(content) < HEADER.size:
        return False
    _, size, _, _, _, compression, *_ = HEADER.unpack_from(content)
    return size >= 40 and compression in (BIT_FIELDS, ALPHA_BIT_FIELDS)


def decode(content: bytes, frame: int | None, max_pixels: int) -> Picture:
    """Decodes a BMP with masks: to 16 bits if a channel has more than 8.

    Raises:
      PictureError: another frame, or more pixels than allowed.
      ValueError: masks that are no fields, or missing pixels.
    """
    start, size, width, height, depth, compression, x, y, *masks = HEADER.unpack_from(content)
    choose_frame(frame, 1)
    check_size(width, abs(height), 1, max_pixels)
    if depth not in (16, 32) or width < 1 or height == 0:
        raise ValueError(f"expected pixels of 16 or 32 bits, got {width}x{height} of {depth}")
    stride = -(-width * depth // 32) * 4  # bytes of a row
    rows = np.frombuffer(content, np.uint8, count=stride * abs(height), offset=start).reshape(abs(height), stride)
    pixels = rows.view(f"<u{depth // 8}")[:, :width]
    pixels = pixels if height < 0 else pixels[::-1]  # mostly, the lowest row is the first
    if not masks[3] or (size < HAS_ALPHA and compression == BIT_FIELDS) or not (pixels & masks[3]).any():
        masks = masks[:3]  # programs that know no alpha leave it at 0
    fields = [_field(pixels, mask) for mask in masks]
    dtype = np.dtype(np.uint16 if any(top > 255 for _, top in fields) else np.uint8)
    full = np.iinfo(dtype).max
    samples = np.stack([np.round(values * (full / max(top, 1))).astype(dtype) for values, top in fields], axis=-1)
    density = resolution(an_inch(x), an_inch(y), 1) if min(x, y) > 0 else None
    return assemble(samples, Metadata(resolution=density), UPRIGHT)


def _field(pixels: UInt[np.ndarray, "h w"], mask: int) -> tuple[UInt[np.ndarray, "h w"], int]:
    """Returns the values under a mask, and the highest possible one; without a mask, zeros and 0."""
    shift = max((mask & -mask).bit_length() - 1, 0)
    top = mask >> shift
    if top & (top + 1) or top > 65535:
        raise ValueError(f"expected masks of up to 16 neighbouring bits, got {mask:#x}")
    return (pixels >> shift) & top, top
