"""Picture files, read without losing depth, transparency, colour profile, EXIF or orientation; `encoding` writes them.

Pixels are uint8 or uint16, RGB `[h, w, 3]` or grey `[h, w]`, upright. What a file or format cannot give is said in
notes, of one line each. Resolution and comments are not carried. Files may be hostile: their size is checked before
memory is taken for it, and only decoders of the formats below are tried.
"""

import contextlib
import io
import logging
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import png
import tifffile
from jaxtyping import UInt8
from PIL import Image, ImageCms

from jsr import exif, scanlines

# What they say of odd files, they also raise.
for library in ("tifffile", "PIL"):
    logging.getLogger(library).setLevel(logging.CRITICAL)

# No others of Pillow's: that of EPS, for one, runs Ghostscript.
DECODERS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "JPEG2000", "PPM")
MAX_PIXELS = 200_000_000  # of a picture, all of its frames together
Image.MAX_IMAGE_PIXELS = None  # Pillow's own bound, which is no argument

SIXTEEN = 257  # 16-bit levels of an 8-bit level: 65535 = 257 * 255

PNG_HEAD = b"\x89PNG\r\n\x1a\n"
TIFF_HEADS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


class ImageError(ValueError):
    """A file that cannot be read or written, in one line that names it."""


class Picture(NamedTuple):
    pixels: np.ndarray  # uint8 or uint16, RGB [h, w, 3] or grey [h, w]
    alpha: np.ndarray | None = None  # of the same type, [h, w]; 0 is transparent
    icc: bytes | None = None
    exif: bytes | None = None
    notes: tuple[str, ...] = ()  # what could not be kept


def read(
    path: str | os.PathLike[str], *, frame: int | None = None, max_pixels: int = MAX_PIXELS
) -> Picture:
    """Reads a picture file.

    Args:
      frame: of several frames or pages, which, from 0; None is the first, and a note says that there are others.
      max_pixels: what is larger is refused.

    Raises:
      ImageError: no such file or frame, no picture, a broken or too large one, or pixels of neither 8 nor 16 bits.
    """
    with named(path):
        return decode(Path(path).read_bytes(), frame=frame, max_pixels=max_pixels)


@contextlib.contextmanager
def named(path: str | os.PathLike[str]) -> Iterator[None]:
    """Names the file in errors at reading it."""
    try:
        yield
    except OSError as error:
        raise ImageError(f"{path}: {error.strerror}") from error
    except ImageError as error:
        raise ImageError(f"{path}: {error}") from error


def decode(content: bytes, *, frame: int | None = None, max_pixels: int = MAX_PIXELS) -> Picture:
    """Reads the content of a picture file, as `read` does; its errors do not name the file."""
    with explained():
        read = _read_tiff if content[:4] in TIFF_HEADS else _read
        return read(content, frame, max_pixels)


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Turns what decoders raise at broken content, which is all sorts of things, into an ImageError of one line."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd metadata
            yield
    except (MemoryError, ImageError):
        raise
    except Image.UnidentifiedImageError as error:
        raise ImageError("not a picture of a known format") from error
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ImageError(f"broken or not supported: {reason}") from error


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
        raise ImageError(f"{size}: more than {limit}; --max-pixels sets this limit")


def _choose(frame, count):
    """Returns which frame to take, and notes of the others."""
    if frame is not None and not 0 <= frame < count:
        raise ImageError(f"--frame: expected 0 to {count - 1}, got {frame}")
    if frame is None and count > 1:
        return 0, (f"only the first of {count} frames is taken; --frame N takes another",)
    return frame or 0, ()


def opened(content: bytes) -> Image.Image:
    """Opens what Pillow knows, without reading pixels yet."""
    if not content:
        raise ImageError("the file is empty")
    image = Image.open(io.BytesIO(content), formats=DECODERS)
    if image.format == "PNG" and content[24] in (2, 4) and image.mode == "L":
        # Pillow spreads few levels of grey over all 256, but not the one that is transparent.
        if "transparency" in image.info:
            image.info["transparency"] *= 255 // (2 ** content[24] - 1)
    return image


def _read(content, frame, max_pixels):
    """Reads anything that Pillow knows; 16-bit PNG by pypng, for Pillow cuts colour to 8 bits."""
    with opened(content) as image:
        check_size(*image.size, 1, max_pixels)
        frame, notes = _choose(frame, getattr(image, "n_frames", 1))
        if frame:
            image.seek(frame)
            check_size(*image.size, 1, max_pixels)
        image.load()  # metadata may follow the pixels
        is_png = image.format == "PNG"
        is_deep = is_png and content[24] == 16
        # To count the first picture takes a third of the time of reading it; pypng would read on for ever.
        if is_png and (is_deep or frame or _may_lack_rows(image, is_interlaced=bool(content[28]))):
            scanlines.check(content)
        if "xmp" in image.info:
            notes += ("XMP metadata are not kept",)
        icc = image.info.get("icc_profile")
        if is_deep and not frame:
            samples = _decode_png(content)
        elif image.mode == "CMYK":
            samples = np.asarray(_from_cmyk(image, icc))
            notes += ("CMYK is turned into sRGB" + (", without its colour profile" * bool(icc)),)
            icc = None
        else:
            samples = decode_frame(image)
            if is_deep and samples.dtype == np.uint8:
                notes += ("16 bits are read as 8: only the first frame is read as 16",)
        return assemble(samples, icc, image.getexif, notes, is_tiff=image.format == "TIFF")


def _may_lack_rows(image, *, is_interlaced):
    """Whether rows of a PNG may be missing, which Pillow leaves zero; interlaced ones come in no order."""
    last_row = image.crop((0, image.height - 1, *image.size))
    return is_interlaced or last_row.getbbox() is None


def decode_frame(image: Image.Image) -> np.ndarray:
    """Returns the samples `[h, w]` or `[h, w, c]` of the frame that Pillow stands at; the last of 2 or 4 is alpha."""
    if image.mode.startswith("I;16"):
        return np.asarray(image).astype(np.uint16)
    if image.mode in ("I", "F", "LAB"):
        raise ImageError(f"expected grey or RGB of 8 or 16 bits, got Pillow's mode {image.mode}")
    is_grey = image.mode in ("1", "L", "LA", "La")
    is_transparent = image.has_transparency_data  # a channel, a palette's, or one colour
    return np.asarray(image.convert(("L" if is_grey else "RGB") + "A" * is_transparent))


def _from_cmyk(image, icc):
    """Returns the picture in sRGB, by its colour profile where it has a valid one."""
    try:
        profile, srgb = io.BytesIO(icc or b""), ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(image, profile, srgb, outputMode="RGB")
    except (OSError, ImageCms.PyCMSError):
        return image.convert("RGB")


def _decode_png(content):
    width, height, rows, info = png.Reader(bytes=content).read()
    samples = np.empty((height, width * info["planes"]), np.uint16)
    for target, row in zip(samples, rows, strict=True):
        target[:] = row
    samples = samples.reshape(height, width, info["planes"])
    if "transparent" not in info:
        return samples
    is_opaque = (samples != np.array(info["transparent"])).any(axis=-1, keepdims=True)
    return np.concatenate([samples, np.where(is_opaque, 65535, 0)], axis=-1).astype(np.uint16)


def _read_tiff(content, frame, max_pixels):
    """Reads TIFF: by tifffile where it has 16 bits, of which Pillow cuts colour to 8, else as any other."""
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        chosen, notes = _choose(frame, len(file.pages))
        page: Any = file.pages[chosen]
        if page.bitspersample not in (1, 2, 4, 8, 16):
            raise ImageError(f"expected 8 or 16 bits a channel, got {page.bitspersample}")
        check_size(page.imagewidth, page.imagelength, 1, max_pixels)
        if page.bitspersample != 16:
            return _read(content, frame, max_pixels)
        try:
            samples = _decode_tiff(page)
        except Exception as error:  # a compression that needs imagecodecs, CMYK, floats
            picture = _read(content, frame, max_pixels)
            if picture.pixels.dtype == np.uint16:
                return picture
            note = "16 bits are read as 8: " + " ".join(str(error).split())
            return picture._replace(notes=(*picture.notes, note))
        return assemble(samples, page.iccprofile, lambda: _tiff_exif(content), notes, is_tiff=True)


def _decode_tiff(page):
    samples = page.asarray()
    samples = np.moveaxis(samples, 0, -1) if page.axes == "SYX" else samples
    is_known = page.axes in ("YX", "YXS", "SYX") and page.samplesperpixel <= 4
    if not is_known or samples.dtype != np.uint16 or page.photometric not in (0, 1, 2):
        raise ValueError("only whole numbers of grey or RGB are read as 16")
    if page.photometric == 0:  # white is zero
        samples = 65535 - samples
    if page.extrasamples[:1] == (1,):  # the colours are multiplied by alpha
        alpha = samples[..., -1:].astype(np.float32)
        colour = np.minimum(samples[..., :-1] * (65535 / np.maximum(alpha, 1)), 65535)
        samples = np.concatenate([np.round(colour).astype(np.uint16), samples[..., -1:]], axis=-1)
    return samples


def _tiff_exif(content):
    if b"+" in content[:4]:  # BigTIFF, of which Pillow reads whole files only
        with opened(content) as image:
            return image.getexif()
    about = Image.Exif()
    about.load_from_fp(io.BytesIO(content))
    return about


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
