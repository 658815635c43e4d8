"""PNG read whole, or row by row where pictures are larger than memory."""

import collections
import io
import os
import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple, NoReturn

import imagecodecs
import numpy as np
import png
from jaxtyping import Integer, UInt8

from jsr.pictures.metadata import of_png
from jsr.pictures.picture import Picture, assemble, check_size

BLOCK = 64  # rows decoded at a time
PIECE = 1 << 20  # bytes read, or decompressed, at a time
CHANNELS = {0: 1, 2: 3}  # by colour type: grey, RGB
NONE, SUB, UP, AVERAGE, PAETH = range(5)  # filters


class Header(NamedTuple):
    """The header of a PNG that can be read row by row: grey or RGB of 8 or 16 bits, not interlaced."""

    height: int
    width: int
    planes: int  # 1 or 3
    dtype: np.dtype

    @classmethod
    def of(cls, path: str | os.PathLike[str]) -> "Header | None":
        """Returns the header of a file, or None for another kind of PNG."""
        with open(path, "rb") as file:
            width, height, depth, colour_type, *methods = struct.unpack(">II5B", file.read(29)[16:])
        if depth not in (8, 16) or colour_type not in (0, 2) or methods != [0, 0, 0]:
            return None
        dtype = np.dtype(np.uint8 if depth == 8 else np.uint16)
        return cls(height, width, CHANNELS[colour_type], dtype)


def read(path: str | os.PathLike[str], header: Header, block: int) -> Iterator[Integer[np.ndarray, "n w c"]]:
    """Yields the rows of a PNG, `block` at a time, and keeps no more of them in memory.

    Raises:
      ValueError: rows that are missing or broken.
    """
    pixel = header.planes * header.dtype.itemsize
    size = 1 + header.width * pixel
    above, rows, raw = np.zeros(size - 1, np.uint8), [], bytearray()
    data = _decompressed(path, size * block)
    for y in range(header.height):
        while len(raw) < size:
            raw += next(data, b"") or _refuse_missing_rows(header)
        above = _unfiltered(raw[0], raw[1:size], above, pixel)
        del raw[:size]
        rows.append(above)
        is_last = y + 1 == header.height
        if is_last:
            collections.deque(data, maxlen=0)  # verifies the checksums of all further chunks
        if len(rows) == block or is_last:
            samples = np.stack(rows).view(header.dtype.newbyteorder(">")).astype(header.dtype)
            yield samples.reshape(len(rows), header.width, header.planes)
            rows = []


def decode(content: bytes, *, max_pixels: int) -> Picture:
    """Decodes a still PNG of any kind whole, by libpng, which wants all rows and right checksums of the pixels.

    Raises:
      PictureError: more pixels than allowed.
      Exception: any, of imagecodecs, if it is broken.
    """
    height, width = size(content)
    check_size(width, height, 1, max_pixels)
    samples = imagecodecs.png_decode(content)
    described, orientation = of_png.read(io.BytesIO(content))
    return assemble(samples, described, orientation)


def size(content: bytes) -> tuple[int, int]:
    """Returns height and width by the header."""
    width, height = struct.unpack(">II", content[16:24])
    return height, width


def _refuse_missing_rows(header: Header) -> NoReturn:
    raise ValueError(f"it holds less than its {header.height} rows")


def _decompressed(path: str | os.PathLike[str], limit: int) -> Iterator[bytes]:
    """Yields the decompressed pixels, at most `limit` bytes at a time; verifies the checksums of all chunks."""
    decompressor, tag = zlib.decompressobj(), b""
    with open(path, "rb") as file:
        file.seek(8)
        while tag != b"IEND":
            head = file.read(8)
            if len(head) < 8:
                raise ValueError("it ends without its last chunk, IEND")
            length, tag = struct.unpack(">I4s", head)
            checksum = zlib.crc32(tag)
            while length:
                piece = file.read(min(length, PIECE))
                if not piece:
                    raise ValueError("it ends within a chunk")
                length -= len(piece)
                checksum = zlib.crc32(piece, checksum)
                while tag == b"IDAT" and piece:
                    yield decompressor.decompress(piece, limit)
                    piece = decompressor.unconsumed_tail
            if file.read(4) != checksum.to_bytes(4, "big"):
                raise ValueError(f"the checksum of a chunk {tag} is wrong")
    yield decompressor.flush()


def _unfiltered(kind: int, row: bytearray, above: UInt8[np.ndarray, " n"], pixel: int) -> UInt8[np.ndarray, " n"]:
    """Undoes a filter of PNG; in the last two, each byte depends on the one to its left."""
    line = np.frombuffer(row, np.uint8)
    if kind == NONE:
        return line.copy()
    if kind == SUB:
        return line.reshape(-1, pixel).cumsum(axis=0, dtype=np.uint8).ravel()
    if kind == UP:
        return line + above
    if kind not in (AVERAGE, PAETH):
        raise ValueError(f"unknown filter {kind}")
    undo = png.undo_filter_average if kind == AVERAGE else png.undo_filter_paeth
    result = bytearray(row)
    undo(pixel, row, above.tobytes(), result)
    return np.frombuffer(bytes(result), np.uint8)
