"""The metadata of an opened picture, of any format that Pillow opens."""

import io
import re
import struct
from typing import BinaryIO

import tifffile
from PIL import Image

from jsr.pictures.metadata import iptc, of_png, of_tiff
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
    if image.format == "MPO":
        metadata = metadata.noted("what stands beside the photograph is not kept, such as a map of HDR or of depth")
    if image.format in ("JPEG", "MPO") and _has_video(file):
        metadata = metadata.noted("its video is not kept")
    return described(metadata, info.get("exif"), info.get("xmp"))


def _has_video(file: BinaryIO | io.BytesIO) -> bool:
    """Tells whether an MP4 or QuickTime follows the picture, as in motion photos."""
    file.seek(0)
    return re.search(rb"\0\0\0.ftyp(mp4|iso|qt )", file.read(), re.DOTALL) is not None


def _code_points(file: BinaryIO | io.BytesIO) -> tuple[tuple[bytes, bytes], ...]:
    """Returns the code points of an AVIF's or HEIF's colours as PNG's chunk, unless they say sRGB or nothing."""
    file.seek(0)
    _, is_found, rest = file.read().partition(b"colrnclx")
    if not is_found or len(rest) < 4:
        return ()
    primaries, transfer = struct.unpack(">HH", rest[:4])
    is_srgb = primaries in (1, 2) and transfer in (1, 2, 6, 13)
    return () if is_srgb or max(primaries, transfer) > 255 else ((b"cICP", bytes([primaries, transfer, 0, 1])),)
