"""A picture in memory.

Pixels are uint8 or uint16, RGB `[h, w, 3]` or grey `[h, w]`, upright.
"""

import contextlib
import os
import warnings
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from jsr.errors import PictureError
from jsr.pictures import exif

MAX_PIXELS = 200_000_000  # of a picture, all of its frames together

SIXTEEN = 257  # 16-bit levels of an 8-bit level: 65535 = 257 * 255


class Picture(NamedTuple):
    pixels: np.ndarray  # uint8 or uint16, RGB [h, w, 3] or grey [h, w]
    alpha: np.ndarray | None = None  # of the same type, [h, w]; 0 is transparent
    icc: bytes | None = None
    exif: bytes | None = None
    notes: tuple[str, ...] = ()  # what could not be kept


@contextlib.contextmanager
def named(path: str | os.PathLike[str]) -> Iterator[None]:
    """Names the file in errors at reading it."""
    try:
        yield
    except OSError as error:
        raise PictureError(f"{path}: {error.strerror}") from error
    except PictureError as error:
        raise PictureError(f"{path}: {error}") from error


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Turns what decoders raise at broken content, which is all sorts of things, into an PictureError of one line."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd metadata
            yield
    except (MemoryError, PictureError):
        raise
    except Image.UnidentifiedImageError as error:
        raise PictureError("not a picture of a known format") from error
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise PictureError(f"broken or not supported: {reason}") from error


def rgb(picture: Picture) -> UInt8[np.ndarray, "h w 3"]:
    """Returns a picture as networks and metrics take it: 8 bits, grey in three equal channels, no transparency."""
    pixels = to_8_bits(picture).pixels
    return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=-1)


def flatten(picture: Picture) -> Picture:
    """Lays a picture over white where it is transparent."""
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
    pixels, alpha = (
        None if x is None else np.round(x / np.float32(SIXTEEN)).astype(np.uint8)
        for x in (picture.pixels, picture.alpha)
    )
    return picture._replace(pixels=pixels, alpha=alpha)


def check_size(width: int, height: int, frames: int, max_pixels: int) -> None:
    """Refuses what is too large, before memory is taken for it."""
    if width * height * frames > max_pixels:
        size = f"{width}x{height}" + f" in {frames} frames" * (frames > 1)
        limit = f"{max_pixels / 10**6:g} million pixels"
        raise PictureError(f"{size}: more than {limit}; --max-pixels sets this limit")


def choose_frame(frame, count):
    """Returns which frame to take, and notes of the others."""
    if frame is not None and not 0 <= frame < count:
        raise PictureError(f"--frame: expected 0 to {count - 1}, got {frame}")
    if frame is None and count > 1:
        return 0, (f"only the first of {count} frames is taken; --frame N takes another",)
    return frame or 0, ()


def assemble(samples, icc, read_exif, notes, *, is_tiff):
    """Puts together a picture of samples `[h, w]` or `[h, w, c]`, the last of 2 or 4 being alpha."""
    kept, orientation = None, exif.UPRIGHT
    try:
        read = read_exif()
        orientation = exif.orientation(read)
        kept = exif.useful(read, is_tiff=is_tiff)
    except Exception:  # cameras and editors write the oddest EXIF
        notes += ("its EXIF is broken and not kept",)
    samples = samples if samples.ndim == 3 else samples[..., None]
    samples = exif.turned(samples, orientation)
    colours = samples.shape[-1] - (samples.shape[-1] in (2, 4))
    pixels = samples[..., 0] if colours == 1 else samples[..., :3]
    alpha = np.ascontiguousarray(samples[..., -1]) if colours < samples.shape[-1] else None
    return Picture(np.ascontiguousarray(pixels), alpha, icc or None, kept, notes)
