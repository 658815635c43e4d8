"""Frames of an animation drawn onto its canvas, one after the other, as the specifications of APNG and GIF want it."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Integer

from jsr.pictures.metadata import exif
from jsr.pictures.metadata.record import Metadata

KEEP, CLEAR, RESTORE = range(3)  # APNG's numbers: what becomes of a frame's rectangle before the next frame is drawn


class Frame(NamedTuple):
    """A decoded frame as it is stored: a rectangle of the canvas."""

    samples: Integer[np.ndarray, "h w c"]  # uint8 or uint16; the last channel is alpha, and colours are not multiplied
    top: int
    left: int
    disposal: int  # KEEP, CLEAR to transparent, or RESTORE what was there before the frame
    is_blended: bool  # drawn over what is there, instead of replacing it, alpha and all


class Stored(NamedTuple):
    """An animation whose frames are not decoded yet."""

    height: int  # of the canvas
    width: int
    frames: Iterator[Frame]  # within the canvas, all of one type and number of channels; decoded when its turn comes
    durations: Sequence[float | int]  # milliseconds, of each frame
    loop: int  # number of times that it is played; 0 means for ever
    metadata: Metadata
    orientation: int = exif.UPRIGHT  # to turn each frame by
    has_alpha: bool = False  # even where no pixel is transparent


def composite(stored: Stored) -> Iterator[Integer[np.ndarray, "h w c"]]:
    """Yields the canvas, transparent at first, as each frame shows it; the last channel is alpha.

    Source: W3C, "Portable Network Graphics (PNG) Specification (Third Edition)", 2025, the chunk `fcTL`.
    """
    canvas = None
    for frame in stored.frames:
        h, w, channels = frame.samples.shape
        if canvas is None:
            canvas = np.zeros((stored.height, stored.width, channels), frame.samples.dtype)
        area = canvas[frame.top : frame.top + h, frame.left : frame.left + w]
        before = area.copy()
        area[:] = over(frame.samples, area) if frame.is_blended else frame.samples
        yield canvas.copy()
        if frame.disposal != KEEP:
            area[:] = before if frame.disposal == RESTORE else 0


def opaque(pixels: Integer[np.ndarray, "h w"] | Integer[np.ndarray, "h w 3"]) -> Integer[np.ndarray, "h w"]:
    """Returns the alpha of pixels that are all opaque."""
    return np.full(pixels.shape[:2], np.iinfo(pixels.dtype).max, pixels.dtype)


def over(source: Integer[np.ndarray, "h w c"], below: Integer[np.ndarray, "h w c"]) -> Integer[np.ndarray, "h w c"]:
    """Blends samples over others; in both, the last channel is alpha, and colours are not multiplied by it.

    Source: T. Porter and T. Duff, "Compositing Digital Images", SIGGRAPH 1984, the operator "over".
    """
    top = np.iinfo(source.dtype).max
    alpha = source[..., -1:]
    result = np.where(alpha == 0, below, source)
    is_partial = (alpha[..., 0] > 0) & (alpha[..., 0] < top) & (below[..., -1] > 0)  # elsewhere, one of the two is seen
    upper, lower = source[is_partial] / top, below[is_partial] / top
    share = lower[:, -1:] * (1 - upper[:, -1:])  # of the lower colour, in the result
    opacity = upper[:, -1:] + share
    colours = (upper[:, :-1] * upper[:, -1:] + lower[:, :-1] * share) / opacity
    result[is_partial] = np.round(top * np.concatenate([colours, opacity], axis=-1))
    return result
