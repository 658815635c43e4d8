"""Picture files that Pillow decodes."""

import functools
import importlib
import io
from typing import BinaryIO

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageCms

from jsr.errors import PictureError
from jsr.pictures import formats
from jsr.pictures.codecs import deep
from jsr.pictures.metadata import exif, of_image
from jsr.pictures.metadata.record import Metadata
from jsr.pictures.picture import Picture, assemble, check_size, choose_frame

EXTRAS = {"HEIF": "pillow_heif", "JXL": "pillow_jxl"}  # formats that other packages teach Pillow


@functools.cache
def decoders() -> tuple[str, ...]:
    """Returns the formats that Pillow is asked to read: no others, because its EPS runs Ghostscript."""
    missing = set()
    for name, package in EXTRAS.items():
        try:
            module = importlib.import_module(package)
        except ImportError:
            missing.add(name)
            continue
        if name == "HEIF":  # the other one registers itself
            module.register_heif_opener()
    Image.init()
    return tuple(kind.name for kind in formats.FORMATS if kind.name in Image.OPEN and kind.name not in missing)


def opened(file: BinaryIO | io.BytesIO) -> Image.Image:
    """Opens a picture file at its beginning and reads its head, but no pixels yet.

    Raises:
      PictureError: an empty file, no picture of a known format, a broken one, or one that needs a missing package.
    """
    start = file.tell()
    head = file.read(formats.HEAD)
    if not head:
        raise PictureError("the file is empty")
    file.seek(start)
    try:
        return Image.open(file, formats=decoders())
    except Image.UnidentifiedImageError as error:
        kind = formats.beginning_as(head)
        if kind is None:
            raise PictureError("not a picture of a known format") from error
        if kind.name in EXTRAS and kind.name not in decoders():
            raise PictureError(f"{kind.name} {formats.MISSING}") from error
        raise PictureError(f"broken or not supported: a {kind.name} whose head cannot be read") from error


def decode(content: bytes, frame: int | None, max_pixels: int) -> Picture:
    """Decodes a picture, or one of several frames or pages; raises any of Pillow's errors, besides `PictureError`."""
    with opened(io.BytesIO(content)) as image:
        return decode_opened(image, content, frame, max_pixels)


def decode_opened(image: Image.Image, content: bytes, frame: int | None, max_pixels: int) -> Picture:
    """Decodes an opened picture as `decode` does, by other decoders where Pillow would cut colours to 8 bits."""
    check_size(*image.size, 1, max_pixels)
    frame, notes = choose_frame(frame, count_frames(image))
    notes = () if image.format == "MPO" else notes  # a note of its metadata says it better
    if frame:
        image.seek(frame)
        check_size(*image.size, 1, max_pixels)
    samples = None if frame else deep.decode(image, content)
    if samples is None:
        image.load()  # metadata may follow the pixels
    described, orientation = of_image.read(image, io.BytesIO(content))
    described = described.noted(*notes)
    if image.format == "TIFF":  # which Pillow turns itself
        orientation = exif.UPRIGHT
    if samples is None and image.mode == "CMYK":
        samples, described = from_cmyk(np.asarray(image), described)
    elif samples is None:
        samples = decode_frame(image)
    return assemble(samples, described, orientation)


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
    if image.mode == "LAB":
        return np.asarray(_from_lab(image))
    if image.mode in ("I", "F"):
        raise PictureError(f"expected grey or RGB of 8 or 16 bits, got Pillow's mode {image.mode}")
    is_grey = image.mode in ("1", "L", "LA", "La")
    is_transparent = image.has_transparency_data  # by a channel, by a palette, or by one transparent colour
    return np.asarray(image.convert(("L" if is_grey else "RGB") + "A" * is_transparent))


def from_cmyk(inks: UInt8[np.ndarray, "h w 4"], described: Metadata) -> tuple[UInt8[np.ndarray, "h w 3"], Metadata]:
    """Converts to sRGB, by the colour profile if it is valid; the metadata then have none."""
    image, notes = Image.fromarray(inks, mode="CMYK"), ("CMYK is turned into sRGB",)
    try:
        profile = io.BytesIO(described.icc or b"")
        converted = ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
        assert converted is not None  # it is, unless a picture is changed in place
    except (OSError, ImageCms.PyCMSError):
        converted = image.convert("RGB")
        notes = ("CMYK is turned into sRGB, without its colour profile",) if described.icc else notes
    return np.asarray(converted), described._replace(icc=None).noted(*notes)


def _from_lab(image: Image.Image) -> Image.Image:
    """Converts CIE L*a*b* to sRGB."""
    converted = ImageCms.profileToProfile(
        image, ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), outputMode="RGB"
    )
    assert converted is not None
    return converted
