"""PNG written row by row: of 16 bits, with several frames, and larger than the memory.

Neither Pillow (colour of 16 bits, frames and rows one by one) nor pypng (profile, EXIF, frames, compression) can.
"""

import zlib
from fractions import Fraction
from typing import BinaryIO

import numpy as np
import png

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
            png.write_chunk(
                file, b"acTL", len(durations).to_bytes(4, "big") + loop.to_bytes(4, "big")
            )
        self.frame = -1

    def write(self, rows: np.ndarray) -> None:
        """Adds rows `[n, w, c]` of one frame."""
        if self.row == 0:
            self._begin_frame()
        rows = rows.reshape(len(rows), -1).astype(self.dtype.newbyteorder(">")).view(np.uint8)
        # Filter 2, "up": each row as its difference from the row above, modulo 256.
        filtered = np.full((len(rows), rows.shape[1] + 1), 2, np.uint8)
        np.subtract(rows[0], self.above, out=filtered[0, 1:])
        np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
        self.above = rows[-1]
        self._pending(self.compressor.compress(filtered.data))
        self.row += len(rows)
        if self.row == self.height:
            self._pending(self.compressor.flush(), is_last=True)
            self.row = 0

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
