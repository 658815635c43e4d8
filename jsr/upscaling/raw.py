"""Upscales raw frames, one after the other as they come through a pipe, in bounded memory: rgb24 in, rgb24 out.

This is the format of `ffmpeg -f rawvideo -pix_fmt rgb24`: rows from top to bottom, three bytes a pixel, no headers.
"""

import io
from collections.abc import Callable, Generator
from typing import BinaryIO

import numpy as np
from jaxtyping import UInt8

from jsr.errors import VideoError
from jsr.upscaling.prefetch import prefetched


def upscale(
    source: BinaryIO | io.BytesIO,
    target: BinaryIO | io.BytesIO,
    enlarge: Callable[[np.ndarray], np.ndarray],
    *,
    height: int,
    width: int,
    report: Callable[[], object],
) -> None:
    """Upscales frames until the source ends; each is passed on as soon as it is computed.

    Args:
      enlarge: from uint8 `[h, w, 3]` to the result of it.
      height, width: of a frame of the source.
      report: called after each frame.

    Raises:
      VideoError: the source ends within a frame.
      OSError: it cannot be read, or the target cannot be written; a `BrokenPipeError` where its reader has gone.
    """

    def enlarged(small: Generator[UInt8[np.ndarray, "h w 3"], None, None]) -> Generator[np.ndarray, None, None]:
        for pixels in small:
            yield enlarge(pixels)

    # Reading, the network and writing wait for each other only where one of them is slower.
    with prefetched(frames(source, height, width)) as small, prefetched(enlarged(small)) as large:
        for pixels in large:
            target.write(np.ascontiguousarray(pixels).data)
            target.flush()
            report()


def frames(source: BinaryIO | io.BytesIO, height: int, width: int) -> Generator[UInt8[np.ndarray, "h w 3"], None, None]:
    """Reads frames until the source ends.

    Raises:
      VideoError: it ends within a frame.
      OSError: it cannot be read.
    """
    size, number = 3 * height * width, 0
    while content := source.read(size):
        if len(content) < size:
            raise VideoError(
                f"frame {number} has {len(content)} bytes, expected {size}: --raw {width}x{height} of rgb24,"
                f" or a whole number of them"
            )
        yield np.frombuffer(content, np.uint8).reshape(height, width, 3)
        number += 1
