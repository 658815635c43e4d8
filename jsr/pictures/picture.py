"""A picture in memory.

Pixels are uint8 or uint16, RGB `[h, w, 3]` or grey `[h, w]`, upright.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Shaped, UInt8

from jsr.errors import PictureError
from jsr.pictures.metadata import exif
from jsr.pictures.metadata.record import Metadata

MAX_PIXELS = 200_000_000  # of a picture, all of its frames together

SIXTEEN = 257  # 16-bit levels of an 8-bit level: 65535 = 257 * 255


class Picture(NamedTuple):
    """A whole picture in memory."""

    pixels: np.ndarray  # uint8 or uint16, RGB [h, w, 3] or grey [h, w]
    alpha: np.ndarray | None = None  # of the same type, [h, w]; 0 is transparent
    metadata: Metadata = Metadata()

    def noted(self, *notes: str) -> "Picture":
        """Returns the picture with further notes in its metadata."""
        return self._replace(metadata=self.metadata.noted(*notes))


def rgb(picture: Picture) -> UInt8[np.ndarray, "h w 3"]:
    """Returns the input of networks and metrics: 8 bits, grey in three equal channels, no transparency."""
    pixels = to_8_bits(picture).pixels
    return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=-1)


def is_grey(rows: Shaped[np.ndarray, "h w c"]) -> bool:
    """Tells whether all channels are equal."""
    return bool((rows == rows[..., :1]).all())


def flatten(picture: Picture) -> Picture:
    """Composites a picture over white; the result has no alpha channel."""
    if picture.alpha is None:
        return picture
    top = np.iinfo(picture.pixels.dtype).max
    alpha = picture.alpha.astype(np.float32) / top
    alpha = alpha if picture.pixels.ndim == 2 else alpha[..., None]
    pixels = np.round(picture.pixels * alpha + top * (1 - alpha)).astype(picture.pixels.dtype)
    return picture._replace(pixels=pixels, alpha=None)


def to_8_bits(picture: Picture) -> Picture:
    """Rounds 16 bits to 8."""
    if picture.pixels.dtype == np.uint8:
        return picture
    pixels = _rounded(picture.pixels)
    alpha = None if picture.alpha is None else _rounded(picture.alpha)
    return picture._replace(pixels=pixels, alpha=alpha)


def _rounded(samples: np.ndarray) -> np.ndarray:
    return np.round(samples / np.float32(SIXTEEN)).astype(np.uint8)


def check_size(width: int, height: int, frames: int, max_pixels: int) -> None:
    """Refuses pictures that are too large, before memory is allocated for them.

    Raises:
      PictureError: more pixels than allowed, all frames together.
    """
    if width * height * frames > max_pixels:
        size = f"{width}x{height}" + f" in {frames} frames" * (frames > 1)
        limit = f"{max_pixels / 10**6:g} million pixels"
        raise PictureError(f"{size}: more than {limit}; --max-pixels sets this limit")


def choose_frame(frame: int | None, count: int) -> tuple[int, tuple[str, ...]]:
    """Returns the number of the frame to read, from 0, and notes of the others.

    Raises:
      PictureError: no such frame.
    """
    if frame not in (None, 0) and count == 1:
        raise PictureError(f"--frame: expected 0, because there is one frame alone, got {frame}")
    if frame is not None and not 0 <= frame < count:
        raise PictureError(f"--frame: expected 0 to {count - 1}, got {frame}")
    if frame is None and count > 1:
        return 0, (f"only the first of {count} frames is taken; --frame N takes another",)
    return frame or 0, ()


def assemble(samples: np.ndarray, metadata: Metadata, orientation: int) -> Picture:
    """Makes a picture, upright, of samples `[h, w]` or `[h, w, c]`, of which the last of 2 or 4 channels is alpha."""
    samples = samples if samples.ndim == 3 else samples[..., None]
    samples = exif.upright(samples, orientation)
    colours = samples.shape[-1] - (samples.shape[-1] in (2, 4))
    pixels = samples[..., 0] if colours == 1 else samples[..., :3]
    alpha = np.ascontiguousarray(samples[..., -1]) if colours < samples.shape[-1] else None
    return Picture(np.ascontiguousarray(pixels), alpha, metadata)
