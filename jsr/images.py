"""Picture files, read and written without losing depth, transparency, colour profile, EXIF or orientation.

Pixels are uint8 or uint16, RGB `[h, w, 3]` or grey `[h, w]`, upright. What a file or format cannot give is said in
notes, of one line each. Resolution and comments are not carried.
"""

import io
import logging
import os
import tempfile
import warnings
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import png
import tifffile
from jaxtyping import UInt8
from PIL import Image, ImageCms

# What tifffile says of odd files, it also raises.
logging.getLogger("tifffile").setLevel(logging.CRITICAL)

FORMATS = {
    ".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP", ".tif": "TIFF", ".tiff": "TIFF", ".bmp": "BMP",
}  # fmt: skip
LIMITS = {"JPEG": 65500, "WEBP": 16383}  # pixels a side
OPTIONS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"quality": 95},
}
MAX_EXIF = 65527  # bytes, in JPEG
SIXTEEN = 257  # 16-bit levels of an 8-bit level: 65535 = 257 * 255

TIFF_HEADS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
ORIENTATION = 0x0112
EXIF_IFD = 0x8769
SIZES = (0x0100, 0x0101), (0xA002, 0xA003)  # width and height, of the picture as it was
# In TIFF the picture's layout stands among its tags. These describe: title, make, model, software,
# date, artist, copyright, EXIF and GPS.
DESCRIPTIVE = {0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x8298, EXIF_IFD, 0x8825}

# EXIF orientation: how to turn the stored picture upright.
TURNS = {
    2: lambda x: x[:, ::-1],
    3: lambda x: x[::-1, ::-1],
    4: lambda x: x[::-1],
    5: lambda x: x.swapaxes(0, 1),
    6: lambda x: np.rot90(x, -1),
    7: lambda x: x[::-1, ::-1].swapaxes(0, 1),
    8: lambda x: np.rot90(x),
}


class ImageError(ValueError):
    """A file that cannot be read or written, in one line that names it."""


class Picture(NamedTuple):
    pixels: np.ndarray  # uint8 or uint16, RGB [h, w, 3] or grey [h, w]
    alpha: np.ndarray | None = None  # of the same type, [h, w]; 0 is transparent
    icc: bytes | None = None
    exif: bytes | None = None
    notes: tuple[str, ...] = ()  # what could not be kept


def read(path: str | os.PathLike[str]) -> Picture:
    """Reads a picture file; of several frames or pages, the first.

    Raises:
      ImageError: no such file, no picture, a broken or too large one, or pixels that are neither 8 nor 16 bits.
    """
    try:
        return decode(Path(path).read_bytes())
    except OSError as error:
        raise ImageError(f"{path}: {error.strerror}") from error
    except ImageError as error:
        raise ImageError(f"{path}: {error}") from error


def decode(content: bytes) -> Picture:
    """Reads the content of a picture file, as `read` does; its errors do not name the file."""
    if not content:
        raise ImageError("the file is empty")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of large pictures and odd metadata
            return _read_tiff(content) if content[:4] in TIFF_HEADS else _read(content)
    except (MemoryError, ImageError):
        raise
    except Image.UnidentifiedImageError as error:
        raise ImageError("not a picture of a known format") from error
    except Image.DecompressionBombError as error:
        raise ImageError(f"more than {_most_pixels() // 10**6} million pixels") from error
    except Exception as error:  # decoders raise all sorts of things at broken files
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ImageError(f"broken or not supported: {reason}") from error


def rgb(picture: Picture) -> UInt8[np.ndarray, "h w 3"]:
    """Returns a picture as networks and metrics take it: 8 bits, grey in three equal channels, no transparency."""
    pixels = to_8_bits(picture).pixels
    return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=-1)


def write(path: str | os.PathLike[str], picture: Picture) -> tuple[str, ...]:
    """Writes a picture in the format of the suffix, whole or not at all; replaces an earlier file.

    Returns:
      notes of what the format cannot hold.

    Raises:
      ImageError: an unknown suffix, a picture too large for the format, or a file that cannot be written.
    """
    path = Path(path)
    check(path, *picture.pixels.shape[:2])
    kind = FORMATS[path.suffix.lower()]
    picture, notes = _fit(picture, kind)
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".jsr-")
        os.close(handle)
        with open(temporary, "wb") as file:
            _encode(file, picture, kind)
        os.chmod(temporary, 0o644)  # mkstemp's files are private
        os.replace(temporary, path)
    except BaseException as error:
        if temporary:
            os.unlink(temporary)
        if isinstance(error, OSError):
            raise ImageError(f"{path}: cannot be written: {error.strerror or error}") from error
        raise
    return notes


def check(path: str | os.PathLike[str], height: int, width: int) -> None:
    """Refuses what `write` would refuse, before there is a picture.

    Raises:
      ImageError: an unknown suffix, or a size that the format cannot hold.
    """
    kind = FORMATS.get(Path(path).suffix.lower())
    if kind is None:
        raise ImageError(f"{path}: expected a name that ends in one of {', '.join(FORMATS)}")
    limit = LIMITS.get(kind)
    if limit and max(height, width) > limit:
        raise ImageError(f"{path}: {kind} holds up to {limit} pixels a side, not {width}x{height}")


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


def _most_pixels():
    """Pillow's own bound, where it suspects a file made to exhaust the memory."""
    return 2 * (Image.MAX_IMAGE_PIXELS or 0)


def _first_of(frames):
    return (f"only the first of {frames} frames is taken",) if frames > 1 else ()


def _read(content):
    """Reads anything that Pillow knows; 16-bit PNG by pypng, for Pillow cuts colour to 8 bits."""
    with Image.open(io.BytesIO(content)) as image:
        notes = _first_of(getattr(image, "n_frames", 1))
        image.load()  # metadata may follow the pixels
        if "xmp" in image.info:
            notes += ("XMP metadata are not kept",)
        icc = image.info.get("icc_profile")
        if content[:8] == b"\x89PNG\r\n\x1a\n" and content[24] == 16:
            samples = _decode_png(content)
        elif image.mode == "CMYK":
            samples = np.asarray(_from_cmyk(image, icc))
            notes += ("CMYK is turned into sRGB" + (", without its colour profile" * bool(icc)),)
            icc = None
        else:
            samples = _decode(image)
        return _picture(samples, icc, image.getexif, notes, is_tiff=image.format == "TIFF")


def _decode(image):
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


def _read_tiff(content):
    """Reads TIFF: by tifffile where it has 16 bits, of which Pillow cuts colour to 8, else as any other."""
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        page: Any = file.pages[0]
        if page.bitspersample not in (1, 2, 4, 8, 16):
            raise ImageError(f"expected 8 or 16 bits a channel, got {page.bitspersample}")
        if page.bitspersample != 16:
            return _read(content)
        if page.imagewidth * page.imagelength > _most_pixels():
            raise Image.DecompressionBombError
        try:
            samples = _decode_tiff(page)
        except Exception as error:  # a compression that needs imagecodecs, CMYK, floats
            picture = _read(content)
            if picture.pixels.dtype == np.uint16:
                return picture
            note = "16 bits are read as 8: " + " ".join(str(error).split())
            return picture._replace(notes=(*picture.notes, note))
        notes = _first_of(len(file.pages))
        return _picture(samples, page.iccprofile, lambda: _tiff_exif(content), notes, is_tiff=True)


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
    exif = Image.Exif()
    exif.load_from_fp(io.BytesIO(content))
    return exif


def _picture(samples, icc, read_exif, notes, *, is_tiff):
    """Puts together a picture of samples `[h, w]` or `[h, w, c]`, the last of 2 or 4 being alpha."""
    exif_bytes, orientation = None, 1
    try:
        exif = read_exif()
        orientation = exif.pop(ORIENTATION, 1)
        exif_bytes = _useful(exif, is_tiff=is_tiff)
    except Exception:  # cameras and editors write the oddest EXIF
        notes += ("its EXIF is broken and not kept",)
    samples = samples if samples.ndim == 3 else samples[..., None]
    samples = TURNS.get(orientation, lambda x: x)(samples)
    colours = samples.shape[-1] - (samples.shape[-1] in (2, 4))
    pixels = samples[..., 0] if colours == 1 else samples[..., :3]
    alpha = np.ascontiguousarray(samples[..., -1]) if colours < samples.shape[-1] else None
    return Picture(np.ascontiguousarray(pixels), alpha, icc or None, exif_bytes, notes)


def _useful(exif, *, is_tiff):
    """Returns the EXIF without what would no longer be true: sizes, thumbnail, in TIFF the layout."""
    details = exif.get_ifd(EXIF_IFD)
    for tag in SIZES[1]:
        details.pop(tag, None)
    for tag in list(exif):
        if tag in SIZES[0] or (is_tiff and tag not in DESCRIPTIVE):
            del exif[tag]
    return exif.tobytes() if len(exif) else None


def _fit(picture, kind):
    """Returns what the format can hold of a picture, and notes of the rest."""
    notes = []
    if picture.alpha is not None and kind in ("JPEG", "BMP"):
        picture = flatten(picture)
        notes.append(f"transparency is laid over white: {kind} has none")
    if picture.pixels.dtype == np.uint16 and kind not in ("PNG", "TIFF"):
        picture = to_8_bits(picture)
        notes.append(f"16 bits become 8: {kind} has no more")
    if picture.icc and kind == "BMP":
        picture = picture._replace(icc=None)
        notes.append("the colour profile is not kept: BMP has none")
    if picture.exif:
        reason = {
            "BMP": "BMP has none",
            "JPEG": "too long for JPEG" if len(picture.exif) > MAX_EXIF else None,
            "TIFF": "not written to TIFF of 16 bits" if picture.pixels.dtype == np.uint16 else None,
        }.get(kind)
        if reason:
            picture = picture._replace(exif=None)
            notes.append(f"EXIF is not kept: {reason}")
    return picture, tuple(notes)


def _encode(file, picture, kind):
    """Writes a picture that fits the format."""
    samples = picture.pixels
    if picture.alpha is not None:
        samples = np.dstack([samples, picture.alpha])
    if samples.dtype == np.uint8:
        kept = {"icc_profile": picture.icc, "exif": picture.exif}
        kept = {key: value for key, value in kept.items() if value}
        if kind == "TIFF" and not picture.exif:  # Pillow writes EXIF to plain TIFF only
            kept["compression"] = "tiff_deflate"
        Image.fromarray(samples).save(file, format=kind, **kept, **OPTIONS.get(kind, {}))
    elif kind == "TIFF":
        tifffile.imwrite(
            file, samples, iccprofile=picture.icc, compression="zlib", predictor=True, metadata=None,
            photometric="rgb" if picture.pixels.ndim == 3 else "minisblack",
            planarconfig="contig" if samples.ndim == 3 else None,
            extrasamples=None if picture.alpha is None else ["unassalpha"],
        )  # fmt: skip
    else:
        _encode_png(file, samples, picture)


def _encode_png(file, samples, picture):
    """Writes 16-bit PNG: neither Pillow (colour) nor pypng (profile, EXIF, compression) can."""
    height, width = samples.shape[:2]
    kind = (4 if picture.alpha is not None else 0) + (2 if picture.pixels.ndim == 3 else 0)
    size = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    rows = samples.reshape(height, -1).astype(">u2").view(np.uint8)
    # Filter 2, "up": each row as its difference from the row above, modulo 256.
    filtered = np.full((height, rows.shape[1] + 1), 2, np.uint8)
    filtered[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])

    file.write(b"\x89PNG\r\n\x1a\n")
    png.write_chunk(file, b"IHDR", size + bytes([16, kind, 0, 0, 0]))
    if picture.icc:
        png.write_chunk(file, b"iCCP", b"ICC Profile\0\0" + zlib.compress(picture.icc))
    if picture.exif:
        png.write_chunk(file, b"eXIf", picture.exif.removeprefix(b"Exif\0\0"))
    png.write_chunk(file, b"IDAT", zlib.compress(filtered.data))
    png.write_chunk(file, b"IEND")
