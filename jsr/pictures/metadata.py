"""The metadata of a picture: read from its file in any format, without those that upscaling makes false."""

import io
import re
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import tifffile
from PIL import Image

from jsr.pictures import exif, geotiff, iptc, xmp
from jsr.pictures.exif import Directory, Value

INCH = 0.0254  # metres
MAX_RESOLUTION = 65535  # JFIF's; no device has more
MAX_PROFILE = 1 << 24  # bytes of a decompressed chunk; hostile files decompress to any size
XMP_TEXT = b"XML:com.adobe.xmp"  # the keyword of a PNG's text
# Chunks of a PNG that say what its levels mean, and those that are layout or of the old file only.
COLOUR_CHUNKS = (b"cICP", b"gAMA", b"cHRM", b"sRGB", b"mDCV", b"cLLI")
TEXT_CHUNKS = (b"tEXt", b"zTXt", b"iTXt")
LAYOUT_CHUNKS = set(b"IHDR PLTE IDAT IEND tRNS acTL fcTL fdAT bKGD hIST sBIT sPLT tIME iDOT vpAg".split())
# Tags of a TIFF, and those that are its layout: nothing of the picture is lost with them.
XMP, IPTC, PHOTOSHOP, ICC = 700, 33723, 34377, 34675
LAYOUT_TAGS = {
    *(254, 255, *range(256, 260), *range(262, 267), 273, 274, *range(277, 282), 284, *range(288, 294), 297, 317),
    *(exif.X_RESOLUTION, exif.Y_RESOLUTION, exif.RESOLUTION_UNIT),
    *(320, *range(322, 326), 330, *range(332, 343), 347, *range(512, 522), *range(529, 533), 559, 34675),
}
OTHER_LAYOUT = re.compile(rb'\{"shape|ImageJ=|.{0,200}<OME ', re.DOTALL)  # descriptions that hold sizes


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


def of_image(image: Image.Image, file: BinaryIO | io.BytesIO) -> Described:
    """Reads the metadata of an opened picture.

    Args:
      image: at the page that is read.
      file: that it was opened from.
    """
    if image.format == "PNG":
        return of_png(file)
    if image.format == "TIFF":
        file.seek(0)
        with tifffile.TiffFile(file) as pages:
            return of_tiff(file, pages.pages[image.tell()].offset)
    if image.format == "JXL":
        return of_jxl(file, icc=image.info.get("icc_profile"))
    info, segments = image.info, getattr(image, "applist", [])
    resources = b"".join(data[len(iptc.HEAD) :] for _, data in segments if data.startswith(iptc.HEAD))
    resolution = _resolution(*info["jfif_density"], unit=info["jfif_unit"]) if "jfif_density" in info else None
    if resolution is None and image.format not in ("JPEG", "MPO") and min(info.get("dpi", (0, 0))) > 0:
        resolution = _resolution(*info["dpi"], unit=1)
    comments = [data for name, data in segments if name == "COM"] or [info.get("comment") or b""]
    metadata = Metadata(
        icc=info.get("icc_profile") or None,
        iptc=iptc.records(resources),
        resolution=resolution,
        comment=b"\n".join(comments) or None,
    )
    packet = info.get("xmp")
    if image.format == "GIF":
        packet = _gif_packet(file)
    if image.format in ("AVIF", "HEIF"):
        metadata = metadata._replace(colour=_code_points(file))
    if any(data.startswith(b"http://ns.adobe.com/xmp/extension/") for _, data in segments):
        metadata = metadata.noted("its extended XMP is not kept")
    if any(name == "APP11" and data.startswith(b"JP") for name, data in segments):
        metadata = metadata.noted("its content credentials are not kept: they vouch for the old file")
    return _described(metadata, info.get("exif"), packet)


def of_tiff(file: BinaryIO | io.BytesIO, offset: int) -> Described:
    """Reads the metadata of a page of a TIFF or BigTIFF, whose directory is at an offset."""
    own = {exif.X_RESOLUTION, exif.Y_RESOLUTION, exif.RESOLUTION_UNIT, exif.WIDTH, exif.HEIGHT, exif.ORIENTATION}
    own |= {XMP, IPTC, PHOTOSHOP, ICC}
    try:
        tags = exif.parse(file, offset=offset, wanted=own | exif.DESCRIPTIVE | geotiff.TAGS)
    except (OSError, OverflowError, ValueError, struct.error):
        return Described(Metadata(notes=("its tags are broken and not kept",)))
    values = _values(tags)
    data = {tag: value.data for tag, value in values.items()}
    notes = ()
    others = sorted(set(tags.skipped) - LAYOUT_TAGS)
    if others:
        more = f" and {len(others) - 5} others" * (len(others) > 5)
        notes += (f"TIFF tags {', '.join(map(str, others[:5]))}{more} are not kept",)
    geography = {tag: value for tag, value in values.items() if tag in geotiff.TAGS}
    if geography and tags.orientation != exif.UPRIGHT:
        geography = {}
        notes += ("GeoTIFF's place on the earth is not kept: the picture is turned",)
    descriptive: Directory = {
        tag: value
        for tag, value in tags.directory.items()
        if tag in (exif.DESCRIPTIVE | {exif.ORIENTATION}) and getattr(value, "type", None) != exif.LONG8
    }
    if OTHER_LAYOUT.match(data.get(exif.DESCRIPTION, b"")):
        del descriptive[exif.DESCRIPTION]
        if not data[exif.DESCRIPTION].startswith(b"{"):
            notes += ("its description is not kept: it gives the sizes of the old file",)
    size = tuple(_integer(tags.order, values.get(tag)) for tag in (exif.HEIGHT, exif.WIDTH))
    metadata = Metadata(
        icc=data.get(ICC),
        notes=notes,
        iptc=data.get(IPTC) or iptc.records(data.get(PHOTOSHOP, b"")),
        resolution=_tiff_resolution(tags.order, values),
        geography=geotiff.Geography(exif.little_endian(tags.order, geography), *size)
        if geography and all(size)
        else None,
    )
    # A maker note would have to keep its offset, which may be that of pixels.
    block = exif.block(tags._replace(directory=descriptive, maker_note=None))
    block, has_note = exif.without_maker_note(block) if block else (None, False)
    return _described(metadata.noted(*(exif.MOVED,) * has_note), block, data.get(XMP))


def of_png(file: BinaryIO | io.BytesIO) -> Described:
    """Reads the metadata of a PNG, before and after its pixels."""
    metadata, block, packet, others = Metadata(), None, None, []
    for tag, data in _chunks(file):
        keyword = data.partition(b"\0")[0]
        profile = keyword.removeprefix(b"Raw profile type ").lower() if tag in TEXT_CHUNKS else b""
        if tag in COLOUR_CHUNKS:
            metadata = metadata._replace(colour=(*metadata.colour, (tag, data)))
        elif tag == b"iCCP":
            metadata = metadata._replace(icc=_decompressed(data[len(keyword) + 2 :]))
        elif tag == b"eXIf":
            block = data
        elif tag == b"pHYs" and len(data) == 9:
            x, y, unit = struct.unpack(">IIB", data)
            resolution = _resolution(_an_inch(x), _an_inch(y), 1) if unit == 1 else _resolution(x, y, 0)
            metadata = metadata._replace(resolution=resolution)
        elif tag == b"iTXt" and keyword == XMP_TEXT:
            packet = _text(tag, data)
        elif profile in (b"exif", b"app1"):  # of ImageMagick; left in a text, it would turn the result again
            block = block or _raw_profile(_text(tag, data))
        elif profile in (b"xmp",):
            packet = packet or _raw_profile(_text(tag, data))
        elif profile in (b"iptc", b"8bim"):
            records = _raw_profile(_text(tag, data)) or b""
            metadata = metadata._replace(iptc=records if records[:1] == b"\x1c" else iptc.records(records))
        elif tag in TEXT_CHUNKS:
            metadata = metadata._replace(text=(*metadata.text, (tag, data)))
        elif tag not in LAYOUT_CHUNKS:
            others.append(tag.decode("latin-1"))
    if others:
        metadata = metadata.noted(f"PNG chunks {', '.join(sorted(set(others))[:5])} are not kept")
    if block and block.startswith(b"http://ns.adobe.com/xap/1.0/\0"):  # an APP1 segment may hold XMP instead
        block, packet = None, packet or block.partition(b"\0")[2]
    return _described(metadata, block, packet)


def of_jxl(file: BinaryIO | io.BytesIO, *, icc: bytes | None = None) -> Described:
    """Reads the metadata of a JPEG XL, whose decoder has turned the pixels: by its own head, not by EXIF.

    Args:
      icc: the colour profile, which only a decoder can tell.
    """
    metadata, block, packet, at = Metadata(icc), None, None, 0
    while True:
        file.seek(at)
        head = file.read(16)
        size, start = int.from_bytes(head[:4], "big"), 8
        if size == 1:  # a large one, whose size follows
            size, start = int.from_bytes(head[8:], "big"), 16
        kind = head[4:8]
        if len(head) < 8 or size < start:  # the last one may have size 0; a bare stream of pixels has no boxes
            break
        file.seek(at + start)
        if kind == b"Exif":
            data = file.read(size - start)
            block = data[4 + int.from_bytes(data[:4], "big") :]
        elif kind == b"xml ":
            packet = file.read(size - start)
        elif kind == b"brob" and file.read(4) in (b"Exif", b"xml "):
            metadata = metadata.noted("its compressed metadata are not kept")
        at += size
    return _described(metadata, block, packet)._replace(orientation=exif.UPRIGHT)


def _described(metadata: Metadata, block: bytes | None, packet: bytes | None) -> Described:
    """Adds EXIF and XMP, as far as they are true after upscaling, and turns the resolution."""
    orientation, tags = exif.UPRIGHT, None
    try:
        tags = _parsed(block or b"")
        if tags:
            orientation = tags.orientation
            resolution = metadata.resolution or _tiff_resolution(tags.order, _values(tags))
            metadata = metadata._replace(exif=exif.block(tags.still_true()), resolution=resolution)
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


def _resolution(x: float | int, y: float | int, unit: int) -> Resolution | None:
    """Returns a resolution in JFIF's units, 1 for an inch and 2 for a centimetre; None where nothing is known."""
    if unit not in (1, 2) and x == y:
        return None
    factor = 2.54 if unit == 2 else 1.0
    resolution = Resolution(x * factor, y * factor, is_ratio=unit not in (1, 2))
    return resolution if 1 <= min(x, y) and max(resolution[:2]) <= MAX_RESOLUTION else None


def _an_inch(pixels: int) -> float:
    """Returns pixels an inch for pixels a metre: a whole number if rounding it gives those, as 300 gives 11811."""
    number = pixels * INCH
    return float(round(number)) if round(round(number) / INCH) == pixels else number


def _values(tags: exif.Tags) -> dict[int, Value]:
    return {tag: value for tag, value in tags.directory.items() if isinstance(value, Value)}


def _tiff_resolution(order: str, values: dict[int, Value]) -> Resolution | None:
    x, y = (_ratio(order, values.get(tag)) for tag in (exif.X_RESOLUTION, exif.Y_RESOLUTION))
    unit = _integer(order, values.get(exif.RESOLUTION_UNIT)) or 2
    return _resolution(x, y, unit - 1)


def _ratio(order: str, value: Value | None) -> float:
    if value is None or value.type != 5:
        return 0.0
    numerator, denominator = struct.unpack_from(order + "II", value.data)
    return numerator / denominator if denominator else 0.0


def _integer(order: str, value: Value | None) -> int:
    codes = exif.NUMBERS | {exif.LONG8: "Q"}
    return struct.unpack_from(order + codes[value.type], value.data)[0] if value and value.type in codes else 0


def _chunks(file: BinaryIO | io.BytesIO) -> Iterator[tuple[bytes, bytes]]:
    """Yields type and data of a PNG's chunks that are no pixels and have a right checksum."""
    at, tag = 8, b""
    while tag != b"IEND":
        file.seek(at)
        head = file.read(8)
        if len(head) < 8:
            return
        length, tag = struct.unpack(">I4s", head)
        at += 12 + length
        if tag not in (b"IDAT", b"fdAT"):
            data = file.read(length)
            if file.read(4) == zlib.crc32(tag + data).to_bytes(4, "big"):
                yield tag, data


def _text(tag: bytes, data: bytes) -> bytes | None:
    """Returns the text of one of PNG's three chunks of text; None for a broken one."""
    rest = data.partition(b"\0")[2]
    if tag == b"tEXt":
        return rest
    if tag == b"zTXt":
        return _decompressed(rest[1:])
    fields = rest[2:].split(b"\0", 2)  # language, translated keyword, text
    return None if len(fields) < 3 else _decompressed(fields[2]) if rest[:1] == b"\1" else fields[2]


def _raw_profile(text: bytes | None) -> bytes | None:
    """Returns a profile of ImageMagick: its name, its length and its bytes in hexadecimal, in lines."""
    try:
        return bytes.fromhex(b"".join((text or b"").split(b"\n")[3:]).decode("ascii")) or None
    except ValueError:
        return None


def _decompressed(data: bytes) -> bytes | None:
    try:
        return zlib.decompressobj().decompress(data, MAX_PROFILE) or None
    except zlib.error:
        return None


def _gif_packet(file: BinaryIO | io.BytesIO) -> bytes | None:
    """Returns the XMP of a GIF, which is stored whole, before 258 bytes that lead any decoder to its end."""
    file.seek(0)
    _, is_found, rest = file.read().partition(b"XMP DataXMP")
    packet, is_ended, _ = rest.partition(b"\x01\xff\xfe\xfd")
    return packet if is_found and is_ended else None


def _code_points(file: BinaryIO | io.BytesIO) -> tuple[tuple[bytes, bytes], ...]:
    """Returns the code points of an AVIF's or HEIF's colours as PNG's chunk, unless they say sRGB or nothing."""
    file.seek(0)
    _, is_found, rest = file.read().partition(b"colrnclx")
    if not is_found or len(rest) < 4:
        return ()
    primaries, transfer = struct.unpack(">HH", rest[:4])
    is_srgb = primaries in (1, 2) and transfer in (1, 2, 6, 13)
    return () if is_srgb or max(primaries, transfer) > 255 else ((b"cICP", bytes([primaries, transfer, 0, 1])),)
