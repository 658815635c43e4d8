"""The metadata that a picture keeps: those that upscaling does not make false."""

import io
import struct
from typing import NamedTuple

from jsr.pictures.metadata import exif, geotiff, xmp

MAX_RESOLUTION = 65535  # JFIF's; no device has more


class Resolution(NamedTuple):
    """Pixels an inch, as people print; of an unknown unit, only their ratio counts."""

    x: float
    y: float
    is_ratio: bool = False


class Metadata(NamedTuple):
    """Metadata that a picture keeps when it is upscaled, and notes, of one line each, of all that it loses."""

    icc: bytes | None = None  # the colour profile
    exif: bytes | None = None  # with its prefix
    notes: tuple[str, ...] = ()
    xmp: bytes | None = None
    iptc: bytes | None = None  # its records, as in a resource of Photoshop
    resolution: Resolution | None = None
    comment: bytes | None = None
    colour: tuple[tuple[bytes, bytes], ...] = ()  # PNG's chunks that say what its levels mean: type and data
    text: tuple[tuple[bytes, bytes], ...] = ()  # PNG's chunks of text
    geography: geotiff.Geography | None = None

    def noted(self, *notes: str) -> "Metadata":
        """Returns the metadata with further notes."""
        return self._replace(notes=(*self.notes, *notes))


class Described(NamedTuple):
    """The metadata of a file, and the orientation that its pixels are still to be turned by."""

    metadata: Metadata
    orientation: int = exif.UPRIGHT


def described(metadata: Metadata, block: bytes | None, packet: bytes | None) -> Described:
    """Adds EXIF and XMP, as far as they are true after upscaling, and turns the resolution."""
    orientation, tags = exif.UPRIGHT, None
    try:
        tags = _parsed(block or b"")
        if tags:
            orientation = tags.orientation
            block = exif.block(tags.still_true())
            metadata = metadata._replace(exif=block, resolution=metadata.resolution or of_tags(tags))
        if tags and tags.has_broken:
            metadata = metadata.noted("some tags of its EXIF are broken and not kept")
    except (OSError, OverflowError, ValueError, struct.error):
        metadata = metadata.noted("its EXIF is broken and not kept")
    if packet:
        try:
            has_orientation = tags is not None and exif.ORIENTATION in tags.directory
            packet = xmp.still_true(packet, has_orientation=has_orientation, is_turned=orientation in exif.TURNS)
            metadata = metadata._replace(xmp=packet)
        except Exception:  # whatever its parser raises
            metadata = metadata.noted("its XMP is broken and not kept")
    if metadata.resolution and exif.swaps_axes(orientation):
        x, y, is_ratio = metadata.resolution
        metadata = metadata._replace(resolution=Resolution(y, x, is_ratio))
    return Described(metadata, orientation)


def _parsed(block: bytes) -> exif.Tags | None:
    """Returns the tags of a block with any number of prefixes; None for an empty one."""
    while block.startswith(exif.PREFIX):
        block = block[len(exif.PREFIX) :]
    return exif.parse(io.BytesIO(block)) if block else None


def resolution(x: float | int, y: float | int, unit: int) -> Resolution | None:
    """Returns a resolution in JFIF's units, 1 for an inch and 2 for a centimetre; None where nothing is known."""
    if unit not in (1, 2) and x == y:
        return None
    factor = 2.54 if unit == 2 else 1.0
    resolution = Resolution(x * factor, y * factor, is_ratio=unit not in (1, 2))
    return resolution if 1 <= min(x, y) and max(resolution[:2]) <= MAX_RESOLUTION else None


def of_tags(tags: exif.Tags) -> Resolution | None:
    """Returns the resolution that the tags of EXIF or of a TIFF give."""
    unit = int(tags.number(exif.RESOLUTION_UNIT)) or 2
    return resolution(tags.number(exif.X_RESOLUTION), tags.number(exif.Y_RESOLUTION), unit - 1)
