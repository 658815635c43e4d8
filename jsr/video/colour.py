"""The colours of a video: between the YCbCr that it stores and the RGB that networks see.

Codes are those of ITU-T H.273. The networks know sRGB and are given the video's own R'G'B', whatever its primaries and
its transfer function are: both are passed on as they are.
"""

from typing import Any, NamedTuple

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from jaxtyping import Shaped

from jsr.errors import VideoError

RGB, BT709, UNSPECIFIED, BT601 = 0, 1, 2, 6  # matrix coefficients
MATRICES = (BT709, 4, 5, BT601, 7, 9)  # those that libswscale computes with
LIMITED, FULL = 1, 2  # libavutil's codes of the range
HDR = {16: "PQ", 18: "HLG"}  # transfer functions that are far from sRGB's
HD_LINES = 720  # from this height on, players take an unspecified matrix for BT.709, else for BT.601
# Without these, libswscale's quick ways are off by up to four levels.
EXACT = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT | Interpolation.FULL_CHR_H_INP


class Colour(NamedTuple):
    """How the frames of a video store colours."""

    matrix: int
    range: int
    primaries: int
    transfer: int
    bits: int  # 8 or 10

    @property
    def dtype(self) -> type[np.uint8] | type[np.uint16]:
        """The type of its RGB, which spans the whole range of it."""
        return np.uint8 if self.bits == 8 else np.uint16

    @property
    def description(self) -> str:
        """The depth, the matrix if it is not BT.709's, and the transfer function if it is far from sRGB's."""
        names = {4: "FCC", 5: "BT.601", BT601: "BT.601", 7: "SMPTE 240M", 9: "BT.2020"}
        parts = [f"{self.bits} bits", names.get(self.matrix), "full range" * (self.range == FULL)]
        return ", ".join(filter(None, (*parts, HDR.get(self.transfer))))


def of_frame(frame: av.VideoFrame) -> Colour:
    """Returns the colours of a decoded frame, with the guesses of players where it does not tell.

    Raises:
      VideoError: a matrix that is not supported, such as YCgCo.
    """
    is_rgb = frame.format.is_rgb
    matrix = frame.colorspace
    if is_rgb:  # its result is YCbCr
        matrix = BT709
    elif matrix in (UNSPECIFIED, RGB, 3):
        matrix = BT709 if frame.height >= HD_LINES else BT601
    elif matrix not in MATRICES:
        raise VideoError(f"expected colours of BT.601, BT.709 or BT.2020, got the matrix {matrix} of ITU-T H.273")
    range_ = frame.color_range
    if is_rgb or range_ not in (LIMITED, FULL):
        range_ = FULL if frame.format.name.startswith("yuvj") else LIMITED
    depth = max(component.bits for component in frame.format.components)
    return Colour(matrix, range_, frame.color_primaries, frame.color_trc, 8 if depth <= 8 else 10)


class ToRGB:
    """Converts decoded frames to RGB arrays. One conversion, for one thread: it keeps tables for the next frame."""

    def __init__(self, colour: Colour, height: int, width: int) -> None:
        """Takes the size of all arrays; a frame of another size, as broadcasts have them, is resized to it."""
        self._colour, self._height, self._width = colour, height, width
        self._reformatter = VideoReformatter()

    def __call__(self, frame: av.VideoFrame) -> Shaped[np.ndarray, "h w 3"]:
        """Returns R'G'B' of uint8 or uint16 over its whole range."""
        converted = self._reformatter.reformat(
            frame,
            width=self._width,
            height=self._height,
            format="rgb24" if self._colour.bits == 8 else "rgb48le",
            src_colorspace=self._colour.matrix,
            src_color_range=FULL if frame.format.is_rgb else self._colour.range,
            dst_color_range=FULL,
            interpolation=EXACT,
        )
        return converted.to_ndarray()


class FromRGB:
    """Converts RGB arrays of one size to frames for an encoder. One conversion, for one thread."""

    def __init__(self, colour: Colour, pixel_format: str) -> None:
        """Takes libavutil's name of the encoder's pixels, such as yuv420p10le."""
        self._colour, self._format = colour, pixel_format
        self._reformatter = VideoReformatter()
        self._rgb: av.VideoFrame | None = None  # used again: the pages of a new one cost more than the conversion

    def __call__(self, pixels: Shaped[np.ndarray, "h w 3"]) -> av.VideoFrame:
        """Returns a frame of R'G'B' of uint8 or uint16 over its whole range."""
        height, width, channels = pixels.shape
        if self._rgb is None:
            self._rgb = av.VideoFrame(width, height, "rgb24" if pixels.dtype == np.uint8 else "rgb48le")
        plane: Any = self._rgb.planes[0]  # a buffer, which PyAV's annotations do not say
        rows = np.frombuffer(plane, pixels.dtype).reshape(height, -1)  # longer than those of the picture
        rows[:, : width * channels] = pixels.reshape(height, -1)
        return self._reformatter.reformat(
            self._rgb,
            format=self._format,
            dst_colorspace=self._colour.matrix,
            src_color_range=FULL,
            dst_color_range=self._colour.range,
            interpolation=EXACT,
        )
