"""Picture files that Pillow decodes."""

import io
import os
from typing import BinaryIO

import numpy as np
import png
from jaxtyping import Integer
from PIL import Image, ImageCms

from jsr.errors import PictureError
from jsr.pictures import exif, formats, png_reader, source_metadata
from jsr.pictures.picture import Picture, assemble, check_size, choose_frame

DECODERS = tuple(
    kind.name for kind in formats.FORMATS if kind.name != "JXL"
)  # no others of Pillow's: its EPS runs Ghostscript


def opened(file: BinaryIO | io.BytesIO) -> Image.Image:
    """Opens a picture file at its beginning and reads its head, but no pixels yet.

    Raises:
      PictureError: an empty file.
      Exception: any, of Pillow, if the file is no picture.
    """
    head = file.read(25)
    if not head:
        raise PictureError("the file is empty")
    file.seek(-len(head), os.SEEK_CUR)
    image = Image.open(file, formats=DECODERS)
    if image.format == "PNG" and head[24] in (2, 4) and image.mode == "L":
        # Pillow scales 4 or 16 grey levels to all 256, but not the one that is transparent.
        if "transparency" in image.info:
            image.info["transparency"] *= 255 // (2 ** head[24] - 1)
    return image


def decode(content: bytes, frame: int | None, max_pixels: int) -> Picture:
    """Decodes a picture, or one of several frames or pages; raises any of Pillow's errors, besides `PictureError`."""
    with opened(io.BytesIO(content)) as image:
        return decode_opened(image, content, frame, max_pixels)


def decode_opened(image: Image.Image, content: bytes, frame: int | None, max_pixels: int) -> Picture:
    """Decodes an opened picture as `decode` does; 16-bit PNG with pypng, because Pillow cuts colour to 8 bits."""
    check_size(*image.size, 1, max_pixels)
    frame, notes = choose_frame(frame, count_frames(image))
    if frame:
        image.seek(frame)
        check_size(*image.size, 1, max_pixels)
    image.load()  # metadata may follow the pixels
    is_png = image.format == "PNG"
    is_deep = is_png and content[24] == 16
    # Only where needed, because it takes a third of the time of reading; pypng would decompress without limit.
    if is_png and (is_deep or frame or _may_lack_rows(image, is_interlaced=bool(content[28]))):
        png_reader.check(content)
    described, orientation = source_metadata.read(image, io.BytesIO(content))
    if image.format == "TIFF":  # which Pillow turns itself
        orientation = exif.UPRIGHT
    if is_deep and not frame:
        samples = _decode_deep_png(content)
    elif image.mode == "CMYK":
        samples = np.asarray(_from_cmyk(image, described.icc))
        notes += ("CMYK is turned into sRGB" + (", without its colour profile" * bool(described.icc)),)
        described = described._replace(icc=None)
    else:
        samples = decode_frame(image)
        if is_deep and samples.dtype == np.uint8:
            notes += ("16 bits are read as 8: only the first frame is read as 16",)
    return assemble(samples, described.noted(*notes), orientation)


def count_frames(image: Image.Image) -> int:
    """Returns the number of frames or pages."""
    return getattr(image, "n_frames", 1)  # Pillow has the attribute only for formats that hold several


def decode_frame(image: Image.Image) -> np.ndarray:
    """Returns the samples `[h, w]` or `[h, w, c]` of the current frame; the last of 2 or 4 channels is alpha.

    Raises:
      PictureError: samples of neither 8 nor 16 bits.
    """
    if image.mode.startswith("I;16"):
        return np.asarray(image).astype(np.uint16)
    if image.mode in ("I", "F", "LAB"):
        raise PictureError(f"expected grey or RGB of 8 or 16 bits, got Pillow's mode {image.mode}")
    is_grey = image.mode in ("1", "L", "LA", "La")
    is_transparent = image.has_transparency_data  # by a channel, by a palette, or by one transparent colour
    return np.asarray(image.convert(("L" if is_grey else "RGB") + "A" * is_transparent))


def _may_lack_rows(image: Image.Image, *, is_interlaced: bool) -> bool:
    """Tells whether rows of a PNG may be missing: Pillow leaves them zero; in an interlaced PNG, they are anywhere."""
    last_row = image.crop((0, image.height - 1, *image.size))
    return is_interlaced or last_row.getbbox() is None


def _from_cmyk(image: Image.Image, icc: bytes | None) -> Image.Image:
    """Converts to sRGB, by the colour profile if it is valid."""
    try:
        profile, srgb = io.BytesIO(icc or b""), ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, profile, srgb, outputMode="RGB")
        assert converted is not None  # it is, unless a picture is changed in place
        return converted
    except (OSError, ImageCms.PyCMSError):
        return image.convert("RGB")


def _decode_deep_png(content: bytes) -> Integer[np.ndarray, "h w c"]:
    width, height, rows, info = png.Reader(bytes=content).read()
    samples = np.empty((height, width * info["planes"]), np.uint16)
    for target, row in zip(samples, rows, strict=True):
        target[:] = row
    samples = samples.reshape(height, width, info["planes"])
    if "transparent" not in info:
        return samples
    is_opaque = (samples != np.array(info["transparent"])).any(axis=-1, keepdims=True)
    return np.concatenate([samples, np.where(is_opaque, 65535, 0)], axis=-1).astype(np.uint16)
