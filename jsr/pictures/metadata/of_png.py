"""The metadata of a PNG (third edition): the chunks besides its pixels, read before and after these, and written."""

import io
import os
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from jsr.pictures.metadata import exif, iptc
from jsr.pictures.metadata.record import Described, Metadata, described, resolution

INCH = 0.0254  # metres
MAX_PROFILE = 1 << 24  # bytes of a decompressed chunk; hostile files decompress to any size
XMP_TEXT = b"XML:com.adobe.xmp"  # the keyword of a text
MAX_KEYWORD = 79  # bytes
PROFILE = b"Raw profile type "  # the begin of a keyword, of ImageMagick
XMP_SEGMENT = b"http://ns.adobe.com/xap/1.0/\0"  # the begin of XMP as JPEG holds it
COLOUR = (b"cICP", b"gAMA", b"cHRM", b"sRGB", b"mDCV", b"cLLI")  # chunks that say what levels mean
TEXT = (b"tEXt", b"zTXt", b"iTXt")
# Chunks of layout, or of the old file only: nothing is lost with them.
LAYOUT = set(b"IHDR PLTE IDAT IEND tRNS acTL fcTL fdAT bKGD hIST sBIT sPLT tIME iDOT vpAg".split())


def read(file: BinaryIO | io.BytesIO) -> Described:
    """Reads the metadata of a PNG, before and after its pixels."""
    metadata, block, packet = Metadata(), None, None
    colour: dict[bytes, bytes] = {}
    texts, lost = [], []
    for tag, data, is_intact in _chunks(file):
        keyword = data.partition(b"\0")[0]
        profile = keyword[len(PROFILE) :].lower() if tag in TEXT and keyword.startswith(PROFILE) else b""
        if tag in LAYOUT:
            continue
        if not is_intact:
            lost.append(tag)
        elif tag in COLOUR:
            colour.setdefault(tag, data)
        elif tag == b"iCCP":
            metadata = metadata._replace(icc=_decompressed(data[len(keyword) + 2 :]))
            lost += [tag] * (metadata.icc is None)
        elif tag == b"eXIf":
            block = data
        elif tag == b"pHYs" and len(data) == 9:
            x, y, unit = struct.unpack(">IIB", data)
            density = resolution(an_inch(x), an_inch(y), 1) if unit == 1 else resolution(x, y, 0)
            metadata = metadata._replace(resolution=density)
        elif tag == b"iTXt" and keyword == XMP_TEXT:
            packet = _text(tag, data)
        elif profile in (b"exif", b"app1", b"xmp", b"iptc", b"8bim"):
            content = _raw_profile(_text(tag, data))
            if content is None:
                lost.append(tag)
            elif profile == b"xmp" or content.startswith(XMP_SEGMENT):
                packet = packet or content.removeprefix(XMP_SEGMENT)
            elif profile in (b"exif", b"app1"):  # left in a text, it would turn the result again
                block = block or content
            else:
                records = content if content[:1] == iptc.FIRST else iptc.records(content)
                metadata = metadata._replace(iptc=records)
        elif tag in TEXT:
            texts.append((tag, data))
        else:
            lost.append(tag)
    if lost:
        names = sorted({printable(tag) for tag in lost})
        metadata = metadata.noted(f"PNG chunks {', '.join(names[:5])} are not kept")
    return described(metadata._replace(colour=tuple(colour.items()), text=tuple(texts)), block, packet)


def printable(name: bytes) -> str:
    """Returns the name of a chunk or the keyword of a text for a note of one line; hostile ones have other bytes."""
    return "".join(c if c.isprintable() else "?" for c in name[:MAX_KEYWORD].decode("latin-1"))


def chunk(tag: bytes, data: bytes) -> bytes:
    """Returns a chunk: length, tag, data and checksum."""
    return struct.pack(">I4s", len(data), tag) + data + zlib.crc32(data, zlib.crc32(tag)).to_bytes(4, "big")


def chunks(metadata: Metadata) -> bytes:
    """Returns the chunks of metadata, which stand before the pixels."""
    file = io.BytesIO()
    for tag, data in metadata.colour:
        file.write(chunk(tag, data))
    if metadata.icc:
        file.write(chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(metadata.icc)))
    if metadata.resolution:
        x, y, is_ratio = metadata.resolution
        sizes = (x, y) if is_ratio else (x / INCH, y / INCH)
        file.write(chunk(b"pHYs", struct.pack(">IIB", *map(round, sizes), not is_ratio)))
    if metadata.exif:
        file.write(chunk(b"eXIf", metadata.exif.removeprefix(exif.PREFIX)))
    if metadata.xmp:
        file.write(chunk(b"iTXt", XMP_TEXT + bytes(5) + metadata.xmp))
    if metadata.iptc:  # as ImageMagick writes it and ExifTool reads it; PNG itself has no place for it
        records = iptc.resource(metadata.iptc)
        text = f"\n8bim\n{len(records):8}\n{records.hex()}\n".encode()
        file.write(chunk(b"zTXt", b"Raw profile type iptc\0\0" + zlib.compress(text)))
    if metadata.comment:
        comment = metadata.comment.replace(b"\0", b" ")
        is_utf_8 = _is_utf_8(comment) and not comment.isascii()
        file.write(chunk(b"iTXt" if is_utf_8 else b"tEXt", b"Comment" + bytes(5 if is_utf_8 else 1) + comment))
    for tag, data in metadata.text:
        file.write(chunk(tag, data))
    return file.getvalue()


def _is_utf_8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def an_inch(pixels: int) -> float:
    """Returns pixels an inch for pixels a metre: a whole number if rounding it gives those, as 300 gives 11811."""
    number = pixels * INCH
    return float(round(number)) if round(round(number) / INCH) == pixels else number


def _chunks(file: BinaryIO | io.BytesIO) -> Iterator[tuple[bytes, bytes, bool]]:
    """Yields type and data of all chunks that are no pixels, and whether their checksum is right."""
    at, tag, size = 8, b"", file.seek(0, os.SEEK_END)
    while tag != b"IEND":
        file.seek(at)
        head = file.read(8)
        if len(head) < 8:
            return
        length, tag = struct.unpack(">I4s", head)
        at += 12 + length
        if at > size:  # memory for a length that is a lie would be allocated before it is read
            return
        if tag not in (b"IDAT", b"fdAT"):
            data = file.read(length)
            yield tag, data, file.read(4) == zlib.crc32(tag + data).to_bytes(4, "big")


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
