"""Picture files, read and written without losing depth, transparency, colours or orientation.

What cannot be kept is said: `read` and `write` return notes. Pillow reads and writes all but pictures of 16 bits a
channel, which it cuts to 8: PNG of that depth goes through pypng, TIFF through tifffile.
"""

import io
import os
import struct
import tempfile
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import png
import tifffile
from PIL import Image, ImageCms

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")  # that `write` knows
ORIENTATION = 0x0112  # the EXIF tag


class ImageError(ValueError):
    """A file that cannot be read or written, in one line that names it."""


class Picture(NamedTuple):
    """What a file holds, upright."""

    pixels: np.ndarray  # uint8 or uint16, RGB [h, w, 3] or grey [h, w]
    alpha: np.ndarray | None = None  # [h, w], of the same type; 0 is transparent
    icc: bytes | None = None  # colour profile
    exif: bytes | None = None  # without the orientation
    notes: tuple[str, ...] = ()  # what was not kept


def read(path: Path) -> Picture:
    """Reads a picture, of several the first.

    Raises:
      ImageError: there is no such file, or it is broken or no picture of 8 or 16 bits.
    """
    try:
        if (deep := _read_deep_tiff(path)) is not None:  # Pillow does not know all of these
            return deep
        with warnings.catch_warnings(), Image.open(path) as image:
            warnings.simplefilter("ignore")  # Pillow's, of odd metadata and large pictures
            return _read(path, image)
    except ImageError as error:
        raise ImageError(f"{path}: {error}") from error
    except Image.UnidentifiedImageError as error:
        raise ImageError(f"{path}: expected a picture, got a file of another kind") from error
    except Image.DecompressionBombError as error:
        limit = 2 * (Image.MAX_IMAGE_PIXELS or 0) // 10**6
        raise ImageError(f"{path}: expected at most {limit} million pixels, got more") from error
    except Exception as error:  # libraries raise nearly anything for a broken file
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise ImageError(f"{path}: cannot be read: {reason or type(error).__name__}") from error


def write(path: Path, picture: Picture) -> tuple[str, ...]:
    """Writes a picture in the format of the suffix, whole or not at all; returns notes of what was not kept.

    JPEG and WebP are written at quality 95; a format without transparency gets the picture on white.

    Raises:
      ImageError: an unknown suffix, or the file cannot be written.
    """
    encode = _ENCODERS.get(path.suffix.lower())
    if encode is None:
        raise ImageError(f"{path}: expected a name ending in one of {', '.join(SUFFIXES)}")
    temporary = None
    try:
        data, notes = encode(picture)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".jsr-", delete=False) as file:
            temporary = file.name
            file.write(data)
        os.chmod(temporary, 0o644)  # temporary files are private
        os.replace(temporary, path)
    except Exception as error:  # an encoder's, a full disk's, a missing folder's
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise ImageError(f"{path}: cannot be written: {reason}") from error
    finally:
        if temporary and os.path.exists(temporary):
            os.unlink(temporary)
    return tuple(notes)


def _read(path: Path, image: Image.Image) -> Picture:
    notes = []
    if (frames := getattr(image, "n_frames", 1)) > 1:
        notes.append(f"only the first of {frames} pictures is taken")
    if "xmp" in image.info:
        notes.append("XMP metadata are not kept")
    icc = image.info.get("icc_profile") or None
    exif = image.getexif()
    orientation = exif.get(ORIENTATION, 1)

    if image.format == "PNG" and _png_depth(path) == 16:
        pixels, alpha = _read_deep_png(path)
    elif image.mode.startswith("I;16"):
        pixels, alpha = np.asarray(image).astype(np.uint16), None
    elif image.mode in ("I", "F"):
        raise ImageError("expected 8 or 16 bits a channel, got 32")
    else:
        if image.mode in ("P", "PA"):
            notes.append("the palette becomes full colour")
        elif image.mode not in ("1", "L", "LA", "La", "RGB", "RGBA", "RGBa", "RGBX"):
            notes.append(f"{image.mode} becomes sRGB")
            image, icc = _to_srgb(image, icc), None
        pixels, alpha = _split(image)

    if image.format == "TIFF":  # its tags describe the file's layout, not the photograph
        exif = Image.Exif()
    exif.pop(ORIENTATION, None)
    kept = exif.tobytes() if len(exif) else None
    alpha = None if alpha is None else _upright(alpha, orientation)
    return Picture(_upright(pixels, orientation), alpha, icc, kept, tuple(notes))


def _split(image: Image.Image) -> tuple[np.ndarray, np.ndarray | None]:
    """Returns the colours and the transparency of a picture of 8 bits."""
    is_grey = image.mode in ("1", "L", "LA", "La")
    if image.has_transparency_data:
        bands = np.array(image.convert("RGBA"))
        return (bands[..., 0] if is_grey else bands[..., :3]), bands[..., 3]
    return np.array(image.convert("L" if is_grey else "RGB")), None


def _to_srgb(image: Image.Image, icc: bytes | None) -> Image.Image:
    """Converts CMYK and the like, by the file's own profile where it has a sound one."""
    if icc:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(icc))
            target = ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
            if converted is not None:
                return converted
        except (ImageCms.PyCMSError, OSError):
            pass
    return image.convert("RGB")


def _upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turns a picture as EXIF's orientation, 1 to 8, says (CIPA DC-008-2019, section 4.6.4 A)."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def _png_depth(path: Path) -> int:
    with open(path, "rb") as file:
        return file.read(25)[24]  # of the header chunk


def _read_deep_png(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    with open(path, "rb") as file:
        width, height, rows, info = png.Reader(file=file).asDirect()  # transparent colours: alpha
        flat = np.vstack([np.asarray(row, np.uint16) for row in rows])
    return _bands(flat.reshape(height, width, info["planes"]))


def _read_deep_tiff(path: Path) -> Picture | None:
    """Reads a TIFF of 16 bits; None where the file is something else."""
    with open(path, "rb") as file:
        if file.read(4) not in (b"II*\0", b"MM\0*"):
            return None
    with tifffile.TiffFile(path) as file:
        page = file.pages.first
        if page.dtype != np.uint16:
            return None
        kind = tifffile.PHOTOMETRIC(page.photometric).name
        if kind not in ("MINISBLACK", "MINISWHITE", "RGB"):
            raise ImageError(f"expected grey or RGB in a TIFF of 16 bits, got {kind}")
        array = page.asarray()
        count, icc, tag = len(file.pages), page.iccprofile, page.tags.get(ORIENTATION)
        orientation = int(tag.value) if tag else 1
    if page.axes.startswith("S"):  # planes stored one after another
        array = np.moveaxis(array, 0, -1)
    if array.ndim == 2:
        array = array[..., None]
    pixels, alpha = _bands(array)
    pixels = 65535 - pixels if kind == "MINISWHITE" else pixels
    alpha = None if alpha is None else _upright(alpha, orientation)
    notes = (f"only the first of {count} pictures is taken",) if count > 1 else ()
    return Picture(_upright(pixels, orientation), alpha, icc, None, notes)


def _bands(array: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Splits `[h, w, 1 to 4]` into colours, or grey, and transparency."""
    channels = array.shape[2]
    alpha = array[..., -1] if channels in (2, 4) else None
    return (array[..., :3] if channels >= 3 else array[..., 0]), alpha


def _joined(picture: Picture) -> np.ndarray:
    """Colours and transparency in one array, as files store them."""
    if picture.alpha is None:
        return picture.pixels
    return np.dstack([picture.pixels, picture.alpha])


def _to_8_bits(picture: Picture, notes: list[str]) -> Picture:
    if picture.pixels.dtype == np.uint8:
        return picture
    notes.append("16 bits become 8 in this format")
    alpha = None if picture.alpha is None else np.round(picture.alpha / 257).astype(np.uint8)
    pixels = np.round(picture.pixels / 257).astype(np.uint8)  # 65535 = 257 * 255
    return picture._replace(pixels=pixels, alpha=alpha)


def _on_white(picture: Picture, notes: list[str]) -> Picture:
    if picture.alpha is None:
        return picture
    notes.append("transparency becomes white in this format")
    alpha = picture.alpha / 255
    alpha = alpha if picture.pixels.ndim == 2 else alpha[..., None]
    pixels = np.round(alpha * picture.pixels + (1 - alpha) * 255).astype(np.uint8)
    return picture._replace(pixels=pixels, alpha=None)


def _by_pillow(format: str, *, opaque: bool = False, plain: bool = False, **options: Any):
    """Makes an encoder of 8 bits. `opaque`: without transparency; `plain`: without metadata."""

    def encode(picture: Picture) -> tuple[bytes, list[str]]:
        notes: list[str] = []
        picture = _to_8_bits(picture, notes)
        if opaque:
            picture = _on_white(picture, notes)
        metadata = {"icc_profile": picture.icc, "exif": picture.exif}
        metadata = {name: value for name, value in metadata.items() if value}
        if plain and metadata:
            notes.append("colour profile and EXIF are not kept in this format")
            metadata = {}
        file = io.BytesIO()
        Image.fromarray(_joined(picture)).save(file, format, **metadata, **options)
        return file.getvalue(), notes

    return encode


def _encode_png(picture: Picture) -> tuple[bytes, list[str]]:
    if picture.pixels.dtype == np.uint8:
        return _by_pillow("PNG")(picture)
    array = _joined(picture)
    height, width = array.shape[:2]
    file = io.BytesIO()
    options: dict[str, Any] = {
        "greyscale": picture.pixels.ndim == 2,
        "alpha": picture.alpha is not None,
    }
    png.Writer(width, height, bitdepth=16, **options).write(file, array.reshape(height, -1))
    data, extra = file.getvalue(), b""
    if picture.icc:
        extra += _chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(picture.icc))
    if picture.exif:
        extra += _chunk(b"eXIf", picture.exif.removeprefix(b"Exif\0\0"))
    end = 8 + 25  # the signature and the header chunk, after which these may stand
    return data[:end] + extra + data[end:], []


def _chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG file (ISO/IEC 15948, section 5.3), for those that pypng does not write."""
    checksum = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


def _encode_tiff(picture: Picture) -> tuple[bytes, list[str]]:
    notes = ["EXIF is not kept in this format"] if picture.exif else []
    file = io.BytesIO()
    tifffile.imwrite(
        file,
        _joined(picture),
        photometric="minisblack" if picture.pixels.ndim == 2 else "rgb",
        planarconfig="contig",
        extrasamples=["unassalpha"] if picture.alpha is not None else None,
        compression="zlib",
        iccprofile=picture.icc,
    )
    return file.getvalue(), notes


_ENCODERS: dict[str, Callable[[Picture], tuple[bytes, list[str]]]] = {
    ".png": _encode_png,
    ".jpg": _by_pillow("JPEG", opaque=True, quality=95, subsampling=0),
    ".jpeg": _by_pillow("JPEG", opaque=True, quality=95, subsampling=0),
    ".webp": _by_pillow("WEBP", quality=95),
    ".bmp": _by_pillow("BMP", opaque=True, plain=True),
    ".tif": _encode_tiff,
    ".tiff": _encode_tiff,
}
