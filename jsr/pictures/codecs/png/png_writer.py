"""PNG written row by row: 16-bit colour, animation, pictures larger than memory.

Pillow cannot write 16-bit colour or single rows.
"""

import io
import zlib
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, BinaryIO

import numpy as np
from jaxtyping import Integer

from jsr.pictures.metadata import of_png
from jsr.pictures.metadata.record import Metadata

NOTHING = Metadata()
BLOCK = 64  # rows filtered at a time
CHUNK = 1 << 20  # bytes, at least, of compressed pixels in a chunk
SIGNATURE = b"\x89PNG\r\n\x1a\n"
END_OF_HEADER = 33  # bytes of the signature and the first chunk
COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # by channels: grey, grey and alpha, RGB, RGBA
UP = 2  # the filter that stores each row as its difference from the row above, modulo 256
DENOMINATOR = 65535  # of a frame's duration, a fraction of two 16-bit numbers; at most


class Writer:
    """Writes a PNG to a file: `write` takes its rows from top to bottom, frame after frame; `close` ends it."""

    def __init__(
        self,
        file: BinaryIO | io.BytesIO,
        shape: tuple[int, ...],
        dtype: Any,
        metadata: Metadata = NOTHING,
        *,
        durations: Sequence[float | int] | None = None,
        loop: int = 0,
    ) -> None:
        """Begins a file.

        Args:
          shape: height, width, and 1 to 4 channels, if there are several; the last of 2 or 4 is alpha.
          dtype: uint8 or uint16.
          durations: milliseconds of each frame; None for a still picture.
          loop: number of times that the animation is played; 0 means for ever.
        """
        self.height, self.width, planes = (*shape, 1)[:3]
        self.dtype = np.dtype(dtype)
        self.durations, self.sequence_number, self.row, self.file = durations, 0, 0, file
        file.write(SIGNATURE)
        header = [8 * self.dtype.itemsize, COLOUR_TYPES[planes], 0, 0, 0]
        file.write(of_png.chunk(b"IHDR", self._size() + bytes(header)))
        file.write(of_png.chunks(metadata))
        if durations:
            file.write(of_png.chunk(b"acTL", len(durations).to_bytes(4, "big") + loop.to_bytes(4, "big")))
        self.frame = -1

    def write(self, rows: Integer[np.ndarray, "n w"] | Integer[np.ndarray, "n w c"]) -> None:
        """Adds rows of one frame."""
        if self.row == 0:
            self._begin_frame()
        for y in range(0, len(rows), BLOCK):
            self._compress(rows[y : y + BLOCK])
        if self.row == self.height:
            self._store(self.compressor.flush(), is_last=True)
            self.row = 0

    def close(self) -> None:
        """Ends the file, which stays open."""
        self.file.write(of_png.chunk(b"IEND", b""))

    def _size(self) -> bytes:
        return self.width.to_bytes(4, "big") + self.height.to_bytes(4, "big")

    def _compress(self, rows: Integer[np.ndarray, "n w"] | Integer[np.ndarray, "n w c"]) -> None:
        samples = rows.reshape(len(rows), -1).astype(self.dtype.newbyteorder(">")).view(np.uint8)
        filtered = np.full((len(samples), samples.shape[1] + 1), UP, np.uint8)
        np.subtract(samples[0], self.above, out=filtered[0, 1:])
        np.subtract(samples[1:], samples[:-1], out=filtered[1:, 1:])
        self.above = samples[-1]
        self._store(self.compressor.compress(filtered.data))
        self.row += len(samples)

    def _begin_frame(self) -> None:
        self.frame += 1
        self.above: np.ndarray | np.uint8 = np.uint8(0)
        self.compressor, self.pending = zlib.compressobj(), bytearray()
        if self.durations:
            seconds = Fraction(self.durations[self.frame] / 1000).limit_denominator(DENOMINATOR)
            ratio = min(seconds.numerator, 65535), seconds.denominator
            delay = b"".join(n.to_bytes(2, "big") for n in ratio)
            # At no offset; and the two zeros: nothing is cleared after it, and the next one replaces it, alpha and all.
            self.file.write(of_png.chunk(b"fcTL", self._next_number() + self._size() + bytes(8) + delay + bytes(2)))

    def _next_number(self) -> bytes:
        """Returns the next sequence number, of which all chunks of an animation have one."""
        self.sequence_number += 1
        return (self.sequence_number - 1).to_bytes(4, "big")

    def _store(self, data: bytes, *, is_last: bool = False) -> None:
        """Writes compressed pixels, in few chunks."""
        self.pending += data
        if self.pending and (is_last or len(self.pending) >= CHUNK):
            if self.frame == 0:
                self.file.write(of_png.chunk(b"IDAT", bytes(self.pending)))
            else:
                self.file.write(of_png.chunk(b"fdAT", self._next_number() + bytes(self.pending)))
            self.pending = bytearray()
