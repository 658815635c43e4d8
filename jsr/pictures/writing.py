"""Picture files, written in the format of their suffix, with all that it can hold."""

import contextlib
import io
import os
import struct
from collections.abc import Iterator
from typing import Any, BinaryIO

import imagecodecs
import numpy as np
from jaxtyping import Integer
from PIL import Image, features

from jsr.errors import PictureError
from jsr.files import atomic
from jsr.pictures import formats
from jsr.pictures.codecs import gif_writer, jxl_writer
from jsr.pictures.codecs.png import png_writer
from jsr.pictures.codecs.png.png_writer import Writer
from jsr.pictures.codecs.tiff import tiff_writer
from jsr.pictures.formats import Format
from jsr.pictures.metadata import exif, iptc, of_png, profile
from jsr.pictures.metadata.record import Metadata
from jsr.pictures.picture import Picture, flatten, to_8_bits

OPTIONS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"quality": 95},
    "AVIF": {"quality": 90, "subsampling": "4:4:4"},
}
# Formats that can lose nothing, and what Pillow must be told for it.
LOSSLESS: dict[str, dict[str, Any]] = {
    "PNG": {},
    "WEBP": {"lossless": True, "exact": True},  # "exact" keeps the colours under transparent pixels
    "TIFF": {},
    "BMP": {},
    "JXL": {},
}
# What a note calls the metadata that a format cannot hold.
NAMES = {
    "icc": "the colour profile",
    "exif": "EXIF",
    "xmp": "XMP",
    "iptc": "IPTC",
    "resolution": "the resolution",
    "comment": "the comment",
    "colour": "colour information",
    "text": "text",
    "geography": "GeoTIFF's place on the earth",
}
LIMITS = {"JPEG": {"exif": 65527, "xmp": 65502, "iptc": iptc.MAX_JPEG, "comment": 65533}}  # bytes, of a segment each
WITHOUT_GREY = ("WEBP", "AVIF")  # whose grey is RGB of three equal channels
WITHOUT_RESOLUTION = ("WEBP", "AVIF", "JXL")  # but in EXIF
# Chunks of a PNG that say sRGB, which any picture is taken for that says nothing: their loss is none.
SRGB = (
    (b"sRGB", b""),
    (b"gAMA", struct.pack(">I", 45455)),
    (b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)),
    (b"cICP", b"\1\r\0\1"),
)


def write(
    path: str | os.PathLike[str], picture: Picture, *, quality: int | None = None, is_lossless: bool = False
) -> tuple[str, ...]:
    """Writes a picture in the format of the suffix, atomically; replaces an earlier file.

    Args:
      quality: 1 to 100, of a format that has one; by default that of `OPTIONS`.
      is_lossless: whether a format of `LOSSLESS` loses nothing; in the place of a quality.

    Returns:
      notes of all that the format cannot hold.

    Raises:
      PictureError: an unknown suffix, a picture too large for the format, or a file that cannot be written.
    """
    kind = check(path, *picture.pixels.shape[:2])
    picture, notes = fit(picture, kind)
    with atomic_file(path) as file:
        if kind.name == "GIF":
            return notes + gif_writer.write(file, [picture])
        _encode(file, picture, kind, quality, is_lossless)
    return notes


@contextlib.contextmanager
def atomic_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Opens a picture file to write; it appears under its name only if no exception is raised.

    Raises:
      PictureError: it cannot be written.
    """
    try:
        with atomic.replacing(path) as file:
            yield file
    except OSError as error:
        raise PictureError(f"{path}: cannot be written: {error.strerror or error}") from error


def samples(picture: Picture) -> Integer[np.ndarray, "h w"] | Integer[np.ndarray, "h w c"]:
    """Returns the samples of a picture; the last of 2 or 4 channels is alpha."""
    return picture.pixels if picture.alpha is None else np.dstack([picture.pixels, picture.alpha])


def check(path: str | os.PathLike[str], height: int, width: int) -> Format:
    """Returns the format of a file's suffix, or refuses the file that `write` would refuse, before there is a picture.

    Raises:
      PictureError: an unknown suffix, a size that the format cannot hold, or an encoder that is not installed.
    """
    kind = formats.written_as(path)
    if kind is None:
        raise PictureError(f"{path}: expected a name that ends in one of {', '.join(formats.WRITTEN)}")
    if kind.name == "AVIF" and not features.check("avif"):
        raise PictureError(f"{path}: this Pillow writes no AVIF; pip install --upgrade pillow installs one that does")
    if kind.name == "JXL" and not imagecodecs.JPEGXL.available:
        raise PictureError(f"{path}: this imagecodecs writes no JPEG XL; pip install --upgrade imagecodecs")
    if kind.max_side and max(height, width) > kind.max_side:
        raise PictureError(f"{path}: {kind.name} holds up to {kind.max_side} pixels a side, not {width}x{height}")
    return kind


def fit_metadata(metadata: Metadata, kind: Format, shape: tuple[int, ...]) -> tuple[Metadata, tuple[str, ...]]:
    """Returns as much of the metadata as a format can hold beside samples of a shape, and notes of the rest."""
    notes = []
    expected = "RGB" if (*shape, 1)[2] > 2 or kind.name in WITHOUT_GREY else "grey"
    if metadata.icc and (model := profile.model(metadata.icc)) != expected:
        reason = f"it is for {model}, the result is {expected}" if model else "it is broken"
        notes.append(f"the colour profile is not kept: {reason}")
        metadata = metadata._replace(icc=None)
    if metadata.resolution and kind.name in WITHOUT_RESOLUTION:
        metadata = metadata._replace(exif=exif.with_resolution(metadata.exif, *metadata.resolution), resolution=None)
    if metadata.exif and kind.name == "TIFF":
        block, has_note = exif.without_maker_note(metadata.exif)
        metadata = metadata._replace(exif=block)
        notes += [exif.MOVED] * has_note
    for field in NAMES:
        value = getattr(metadata, field)
        limit = LIMITS.get(kind.name, {}).get(field)
        is_long = limit is not None and len(value or b"") > limit
        if not value or (field in kind.metadata and not is_long):
            continue
        metadata = metadata._replace(**{field: getattr(Metadata(), field)})
        name = _name_of_loss(field, value)
        if name:
            notes.append(f"{name} is not kept: {'too long for' if is_long else 'not written to'} {kind.name}")
    return metadata, tuple(notes)


def _name_of_loss(field: str, value: Any) -> str:
    """Returns what a note calls metadata that are lost, or nothing if they say no more than any picture without."""
    if field == "colour":
        names = [tag for tag, data in value if not any(tag == t and data.startswith(d) for t, d in SRGB)]
    elif field == "text":
        names = [data.partition(b"\0")[0] for _, data in value]
    else:
        return NAMES[field]
    words = [of_png.printable(name) for name in names[:5]] + ["..."] * (len(names) > 5)
    return f"PNG's {NAMES[field]} ({', '.join(words)})" if names else ""


def pillow_options(
    name: str, metadata: Metadata, *, quality: int | None = None, is_lossless: bool = False
) -> dict[str, Any]:
    """Returns the arguments with which Pillow writes a format: quality, and the metadata that there are."""
    given = {"icc_profile": metadata.icc, "exif": metadata.exif, "xmp": metadata.xmp, "comment": metadata.comment}
    options: dict[str, Any] = {key: value for key, value in given.items() if value}
    options |= LOSSLESS.get(name, {}) if is_lossless else OPTIONS.get(name, {})
    if quality is not None and "quality" in options:
        options["quality"] = quality
    if metadata.resolution and not metadata.resolution.is_ratio:
        options["dpi"] = tuple(round(x) for x in metadata.resolution[:2])
    if metadata.iptc:
        data = iptc.HEAD + iptc.resource(metadata.iptc)
        options["extra"] = b"\xff\xed" + (2 + len(data)).to_bytes(2, "big") + data
    return options


def fit(picture: Picture, kind: Format) -> tuple[Picture, tuple[str, ...]]:
    """Returns as much of a picture as a format can hold, and notes of the rest."""
    notes = []
    if picture.alpha is not None and not kind.has_alpha:
        picture = flatten(picture)
        notes.append(f"transparency is laid over white: {kind.name} has none")
    if picture.pixels.dtype == np.uint16 and not kind.has_16_bits:
        picture = to_8_bits(picture)
        notes.append(f"16 bits become 8: {kind.name} has no more")
    if "icc" not in kind.metadata:
        picture, has_changed = _without_profile(picture)
        notes += [f"colours are turned into sRGB: no colour profile is written to {kind.name}"] * has_changed
    metadata, losses = fit_metadata(picture.metadata, kind, picture.pixels.shape)
    return picture._replace(metadata=metadata), (*notes, *losses)


def _without_profile(picture: Picture) -> tuple[Picture, bool]:
    """Returns a picture in sRGB without its profile, if that can be applied, and whether colours changed."""
    icc = picture.metadata.icc
    if not icc or profile.model(icc) != ("RGB" if picture.pixels.ndim == 3 else "grey"):
        return picture, False
    try:
        pixels = profile.to_srgb(picture.pixels, icc)
    except Exception:  # a broken profile, in whatever way
        return picture, False
    has_changed = bool(np.abs(pixels.astype(int) - picture.pixels).max() > np.iinfo(pixels.dtype).max // 255)
    metadata = picture.metadata._replace(icc=None)
    return picture._replace(pixels=pixels if has_changed else picture.pixels, metadata=metadata), has_changed


def _encode(file: BinaryIO, picture: Picture, kind: Format, quality: int | None, is_lossless: bool) -> None:
    """Writes a picture that fits the format."""
    stored, metadata = samples(picture), picture.metadata
    if kind.name == "TIFF":
        tiff_writer.write(file, [stored], stored.shape, stored.dtype, metadata)
    elif kind.name == "NPY":
        np.save(file, stored)
    elif kind.name == "JXL":
        jxl_writer.write(file, stored, metadata, quality=quality, is_lossless=is_lossless)
    elif stored.dtype == np.uint16:
        writer = Writer(file, stored.shape, stored.dtype, metadata)
        writer.write(stored)
        writer.close()
    elif kind.name == "PNG":
        content = io.BytesIO()
        Image.fromarray(stored).save(content, format="PNG")
        end = png_writer.END_OF_HEADER
        file.write(content.getvalue()[:end] + of_png.chunks(metadata) + content.getvalue()[end:])
    else:
        options = pillow_options(kind.name, metadata, quality=quality, is_lossless=is_lossless)
        Image.fromarray(stored).save(file, format=kind.name, **options)
        if kind.name == "JPEG" and metadata.resolution and metadata.resolution.is_ratio:
            x, y = (round(n) for n in metadata.resolution[:2])
            file.seek(13)  # of the JFIF header: unit 0, a ratio alone, which Pillow cannot write
            file.write(struct.pack(">BHH", 0, x, y))
            file.seek(0, os.SEEK_END)
