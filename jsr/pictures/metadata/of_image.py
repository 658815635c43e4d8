"""The metadata of an opened picture, of any format that Pillow opens, and of JPEG XL."""

import io
import os
import struct
from typing import BinaryIO

import tifffile
from PIL import Image

from jsr.pictures.metadata import exif, iptc, of_png, of_tiff
from jsr.pictures.metadata.record import Described, Metadata, described, resolution


def read(image: Image.Image, file: BinaryIO | io.BytesIO) -> Described:
    """Reads the metadata of an opened picture.

    Args:
      image: at the page that is read.
      file: that it was opened from.
    """
    if image.format == "PNG":
        return of_png.read(file)
    if image.format == "TIFF":
        file.seek(0)
        with tifffile.TiffFile(file) as pages:
            return of_tiff.read(file, pages.pages[image.tell()].offset)
    if image.format == "JXL":
        return read_jxl(file, icc=image.info.get("icc_profile"))
    info, segments = image.info, getattr(image, "applist", [])
    resources = b"".join(data[len(iptc.HEAD) :] for _, data in segments if data.startswith(iptc.HEAD))
    density = resolution(*info["jfif_density"], unit=info["jfif_unit"]) if "jfif_density" in info else None
    if density is None and image.format not in ("JPEG", "MPO") and min(info.get("dpi", (0, 0))) > 0:
        density = resolution(*info["dpi"], unit=1)
    comments = [data for name, data in segments if name == "COM"] or [info.get("comment") or b""]
    metadata = Metadata(
        icc=info.get("icc_profile") or None,
        iptc=iptc.records(resources),
        resolution=density,
        comment=b"\n".join(comments) or None,
    )
    if image.format in ("AVIF", "HEIF"):
        metadata = metadata._replace(colour=_code_points(file))
    if any(data.startswith(b"http://ns.adobe.com/xmp/extension/") for _, data in segments):
        metadata = metadata.noted("its extended XMP is not kept")
    if any(name == "APP11" and data.startswith(b"JP") for name, data in segments):
        metadata = metadata.noted("its content credentials are not kept: they vouch for the old file")
    return described(metadata, info.get("exif"), info.get("xmp"))


def read_jxl(file: BinaryIO | io.BytesIO, *, icc: bytes | None = None) -> Described:
    """Reads the metadata of a JPEG XL, whose decoder has turned the pixels: by its own head, not by EXIF.

    Args:
      icc: the colour profile, which only a decoder can tell.
    """
    block, packet, at, has_compressed = None, None, 0, False
    whole = file.seek(0, os.SEEK_END)
    while True:
        file.seek(at)
        head = file.read(16)
        size, start = int.from_bytes(head[:4], "big"), 8
        if size == 1:  # a large one, whose size follows
            size, start = int.from_bytes(head[8:], "big"), 16
        kind = head[4:8]
        if (
            len(head) < 8 or size < start or at + size > whole
        ):  # the last one may have size 0; a bare stream of pixels has no boxes
            break
        file.seek(at + start)
        if kind == b"Exif":
            data = file.read(size - start)
            block = data[4 + int.from_bytes(data[:4], "big") :]
        elif kind == b"xml ":
            packet = file.read(size - start)
        elif kind == b"brob" and file.read(4) in (b"Exif", b"xml "):
            has_compressed = True
        at += size
    notes = ("its compressed metadata are not kept",) * has_compressed
    return described(Metadata(icc, notes=notes), block, packet)._replace(orientation=exif.UPRIGHT)


def _code_points(file: BinaryIO | io.BytesIO) -> tuple[tuple[bytes, bytes], ...]:
    """Returns the code points of an AVIF's or HEIF's colours as PNG's chunk, unless they say sRGB or nothing."""
    file.seek(0)
    _, is_found, rest = file.read().partition(b"colrnclx")
    if not is_found or len(rest) < 4:
        return ()
    primaries, transfer = struct.unpack(">HH", rest[:4])
    is_srgb = primaries in (1, 2) and transfer in (1, 2, 6, 13)
    return () if is_srgb or max(primaries, transfer) > 255 else ((b"cICP", bytes([primaries, transfer, 0, 1])),)
