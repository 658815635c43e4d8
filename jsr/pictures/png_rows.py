"""Pictures larger than the memory: PNG and TIFF read by rows and written as rows are done.

Whatever needs the whole picture at once is left to `images.py`: transparency, interlaced PNG, an orientation to turn,
compressions that only Pillow knows.
"""

import collections
import os
import struct
import zlib
from collections.abc import Iterator
from fractions import Fraction
from typing import BinaryIO, NamedTuple

import numpy as np
import png


def layout(path, image):
    """Returns shape, type and blocks of rows, or None."""
    header = Header.of(path)
    if header is None or image.has_transparency_data:
        return None
    shape = (image.height, image.width, 3)[: 2 if header.planes == 1 else 3]
    return (
        shape,
        header.dtype,
        lambda: (rows.reshape(-1, *shape[1:]) for rows in read(path, header, BLOCK)),
    )


BLOCK = 64  # rows filtered at a time
# The passes of an interlaced PNG: where each begins, and its steps, in x and y.
ADAM7 = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
CHUNK = 1 << 20  # bytes, at least, of compressed pixels written at once


class Writer:
    """Writes a PNG to a file: `write` takes its rows from top to bottom, frame after frame; `close` ends it."""

    def __init__(
        self,
        file: BinaryIO,
        shape: tuple[int, int, int],
        dtype: np.dtype,
        *,
        icc: bytes | None = None,
        exif: bytes | None = None,
        durations: list[float] | None = None,
        loop: int = 0,
    ) -> None:
        """Begins a file.

        Args:
          shape: height, width, and 1 to 4 channels, the last of 2 or 4 being alpha.
          dtype: uint8 or uint16.
          durations: milliseconds of each frame; None for a picture that does not move.
          loop: how often the frames are shown; 0 is for ever.
        """
        height, self.width, planes = shape
        self.height, self.dtype = height, np.dtype(dtype)
        self.durations, self.numbers, self.row, self.file = durations, 0, 0, file
        file.write(b"\x89PNG\r\n\x1a\n")
        size = self.width.to_bytes(4, "big") + height.to_bytes(4, "big")
        kind = {1: 0, 2: 4, 3: 2, 4: 6}[planes]
        png.write_chunk(file, b"IHDR", size + bytes([8 * self.dtype.itemsize, kind, 0, 0, 0]))
        if icc:
            png.write_chunk(file, b"iCCP", b"ICC Profile\0\0" + zlib.compress(icc))
        if exif:
            png.write_chunk(file, b"eXIf", exif.removeprefix(b"Exif\0\0"))
        if durations:
            png.write_chunk(file, b"acTL", len(durations).to_bytes(4, "big") + loop.to_bytes(4, "big"))
        self.frame = -1

    def write(self, rows: np.ndarray) -> None:
        """Adds rows `[n, w, c]` of one frame."""
        if self.row == 0:
            self._begin_frame()
        for y in range(0, len(rows), BLOCK):
            self._write(rows[y : y + BLOCK])
        if self.row == self.height:
            self._pending(self.compressor.flush(), is_last=True)
            self.row = 0

    def _write(self, rows):
        rows = rows.reshape(len(rows), -1).astype(self.dtype.newbyteorder(">")).view(np.uint8)
        # Filter 2, "up": each row as its difference from the row above, modulo 256.
        filtered = np.full((len(rows), rows.shape[1] + 1), 2, np.uint8)
        np.subtract(rows[0], self.above, out=filtered[0, 1:])
        np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
        self.above = rows[-1]
        self._pending(self.compressor.compress(filtered.data))
        self.row += len(rows)

    def close(self) -> None:
        png.write_chunk(self.file, b"IEND")

    def _begin_frame(self):
        self.frame += 1
        self.above = np.uint8(0)
        self.compressor, self.pending = zlib.compressobj(), bytearray()
        if self.durations:
            seconds = Fraction(self.durations[self.frame] / 1000).limit_denominator(65535)
            size = self.width.to_bytes(4, "big") + self.height.to_bytes(4, "big") + bytes(8)
            ratio = min(seconds.numerator, 65535), seconds.denominator
            delay = b"".join(n.to_bytes(2, "big") for n in ratio)
            # It leaves what it shows, and the next replaces that, transparency and all.
            png.write_chunk(self.file, b"fcTL", self._number() + size + delay + bytes(2))

    def _number(self):
        self.numbers += 1
        return (self.numbers - 1).to_bytes(4, "big")

    def _pending(self, data, *, is_last=False):
        """Writes what is compressed, in few chunks."""
        self.pending += data
        if self.pending and (is_last or len(self.pending) >= CHUNK):
            first = self.frame == 0
            number = b"" if first else self._number()
            png.write_chunk(self.file, b"IDAT" if first else b"fdAT", number + bytes(self.pending))
            self.pending = bytearray()


def check(content: bytes) -> None:
    """Counts what a PNG's first picture holds: rows that are missing are black to Pillow, and pypng has no limit.

    Raises:
      ValueError: less than the rows of its header, or far more.
    """
    width, height, depth, kind, *_, interlaced = struct.unpack(">II5B", content[16:29])
    bits = depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[kind]
    passes = ADAM7 if interlaced else ((0, 0, 1, 1),)
    sizes = [(-(-(width - x) // dx), -(-(height - y) // dy)) for x, y, dx, dy in passes]
    expected = sum(rows * (1 + -(-columns * bits // 8)) for columns, rows in sizes if columns > 0)
    inflater, held, at = zlib.decompressobj(), 0, 8
    while at + 8 <= len(content) and held <= 2 * expected + CHUNK:
        length, tag = struct.unpack(">I4s", content[at : at + 8])
        piece = content[at + 8 : at + 8 + length] if tag == b"IDAT" else b""
        while piece and held <= 2 * expected + CHUNK:
            held += len(inflater.decompress(piece, CHUNK))
            piece = inflater.unconsumed_tail
        at += 12 + length
    held += len(inflater.flush())
    if not expected <= held <= 2 * expected + CHUNK:
        raise ValueError(f"its pixels have {held} bytes or more, expected {expected}")


class Header(NamedTuple):
    """What is read row by row: grey or RGB of 8 or 16 bits, not interlaced."""

    height: int
    width: int
    planes: int
    dtype: np.dtype

    @classmethod
    def of(cls, path: str | os.PathLike[str]) -> "Header | None":
        """Returns the header of a file, or None where it is another kind of PNG."""
        with open(path, "rb") as file:
            width, height, depth, kind, *rest = struct.unpack(">II5B", file.read(29)[16:])
        if depth not in (8, 16) or kind not in (0, 2) or rest != [0, 0, 0]:
            return None
        return cls(height, width, 1 if kind == 0 else 3, np.dtype(np.uint8 if depth == 8 else np.uint16))


def read(path: str | os.PathLike[str], header: Header, block: int) -> Iterator[np.ndarray]:
    """Yields the rows `[n, w, c]` of a PNG, `block` at a time, in memory for no more.

    Raises:
      ValueError: rows that are missing or broken.
    """
    pixel = header.planes * header.dtype.itemsize
    size = 1 + header.width * pixel
    above, rows, raw = np.zeros(size - 1, np.uint8), [], bytearray()
    data = _inflated(path, size * block)
    for y in range(header.height):
        while len(raw) < size:
            raw += next(data, b"") or _missing(header)
        above = _unfiltered(raw[0], raw[1:size], above, pixel)
        del raw[:size]
        rows.append(above)
        is_last = y + 1 == header.height
        if is_last:
            collections.deque(data, maxlen=0)  # the sums of what follows
        if len(rows) == block or is_last:
            yield _rows(rows, header)
            rows = []


def _rows(rows, header):
    samples = np.stack(rows).view(header.dtype.newbyteorder(">")).astype(header.dtype)
    return samples.reshape(len(rows), header.width, header.planes)


def _missing(header):
    raise ValueError(f"it holds less than its {header.height} rows")


def _inflated(path, most):
    """Yields what the chunks of pixels hold, at most so many bytes at a time; checks the sums of all."""
    inflater, tag = zlib.decompressobj(), b""
    with open(path, "rb") as file:
        file.seek(8)
        while tag != b"IEND":
            head = file.read(8)
            if len(head) < 8:
                raise ValueError("it ends before its end is said")
            length, tag = struct.unpack(">I4s", head)
            summed = zlib.crc32(tag)
            while length:
                piece = file.read(min(length, CHUNK))
                if not piece:
                    raise ValueError("it ends within a chunk")
                length -= len(piece)
                summed = zlib.crc32(piece, summed)
                while tag == b"IDAT" and piece:
                    yield inflater.decompress(piece, most)
                    piece = inflater.unconsumed_tail
            if file.read(4) != summed.to_bytes(4, "big"):
                raise ValueError(f"the sum of a chunk {tag} is wrong")
    yield inflater.flush()


def _unfiltered(kind, row, above, pixel):
    """Undoes a filter of PNG: the last two depend on what stands to the left, byte by byte."""
    line = np.frombuffer(row, np.uint8)
    if kind == 0:
        return line.copy()
    if kind == 1:
        return line.reshape(-1, pixel).cumsum(axis=0, dtype=np.uint8).ravel()
    if kind == 2:
        return line + above
    if kind not in (3, 4):
        raise ValueError(f"unknown filter {kind}")
    undo = png.undo_filter_average if kind == 3 else png.undo_filter_paeth
    result = bytearray(row)
    undo(pixel, row, above.tobytes(), result)
    return np.frombuffer(bytes(result), np.uint8)
