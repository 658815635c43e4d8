"""EXIF: directories of tags, read from a block or from a TIFF, and written without those that upscaling makes false.

Values stay bytes, so their types, their byte order and unknown tags are kept as they are (TIFF 6.0, section 2; Exif
3.0, section 4.6). Pillow's writer changes types, and moves maker notes, whose own offsets then lead anywhere.
"""

import io
import os
import struct
from collections.abc import Collection
from fractions import Fraction
from typing import Any, BinaryIO, NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Shaped

UPRIGHT = 1
PREFIX = b"Exif\0\0"  # of a block, in JPEG
WIDTH, HEIGHT, DESCRIPTION, ORIENTATION = 0x0100, 0x0101, 0x010E, 0x0112
X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 0x011A, 0x011B, 0x0128
DETAILS, GPS, INTEROPERABILITY, MAKER_NOTE = 0x8769, 0x8825, 0xA005, 0x927C
POINTERS = (DETAILS, GPS, INTEROPERABILITY)  # to directories of their own
# Of the details: width and height; place and area of the subject, in pixels; pixels a unit of the sensor.
SIZES_IN_DETAILS = (0xA002, 0xA003, 0x9214, 0xA214, 0xA20E, 0xA20F)
# The tags of a TIFF also hold its layout. These describe the picture: name, title, make, model, page, software, date,
# artist, computer, rating, copyright, details, GPS, and what Windows writes.
DESCRIPTIVE = {
    *(0x010D, 0x010E, 0x010F, 0x0110, 0x011D, 0x0131, 0x0132, 0x013B, 0x013C, 0x4746, 0x4749, 0x8298, DETAILS, GPS),
    *range(0x9C9B, 0x9CA0),
}
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8}  # bytes, by type
NUMBERS = {1: "B", 3: "H", 4: "I", 16: "Q"}
RATIONAL = 5
RATIONALS = (RATIONAL, 10)  # types of two numbers of 4 bytes
LONG, LONG8 = 4, 16  # the types of pointers, in TIFF and BigTIFF
MOVED = "the camera's maker note is not kept: its own offsets would be wrong in another place"
MAX_VALUES = 1 << 24  # bytes of all values; entries may share bytes, so a short file can hold far more

# From an EXIF orientation to the turn that makes the stored picture upright.
TURNS = {
    2: lambda x: x[:, ::-1],
    3: lambda x: x[::-1, ::-1],
    4: lambda x: x[::-1],
    5: lambda x: x.swapaxes(0, 1),
    6: lambda x: np.rot90(x, -1),
    7: lambda x: x[::-1, ::-1].swapaxes(0, 1),
    8: lambda x: np.rot90(x),
}


class Value(NamedTuple):
    """The value of a tag."""

    type: int  # TIFF's
    data: bytes  # in the byte order of its file


Directory: TypeAlias = dict[int, Any]  # by tag, a `Value` or another directory


class Tags(NamedTuple):
    """All tags of a picture."""

    order: str  # `<` or `>`: the byte order, as `struct` spells it
    directory: Directory
    maker_note: int | None = None  # its offset in the block, where it is to stay
    has_broken: bool = False  # some tags could not be read
    skipped: tuple[int, ...] = ()  # tags that were not wanted

    @property
    def orientation(self) -> int:
        """The EXIF orientation, `UPRIGHT` if there is none."""
        return int(self.number(ORIENTATION)) or UPRIGHT

    def number(self, tag: int) -> float | int:
        """Returns the first number of a tag, 0 if it has none."""
        value = self.directory.get(tag)
        if isinstance(value, Value) and value.type in NUMBERS:
            return struct.unpack_from(self.order + NUMBERS[value.type], value.data)[0]
        if isinstance(value, Value) and value.type == RATIONAL:
            numerator, denominator = struct.unpack_from(self.order + "II", value.data)
            return numerator / denominator if denominator else 0
        return 0

    def still_true(self) -> "Tags":
        """Returns the tags without orientation, sizes and places in pixels; turned resolutions are swapped."""
        kept = {tag: value for tag, value in self.directory.items() if tag not in (ORIENTATION, WIDTH, HEIGHT)}
        if swaps_axes(self.orientation):
            x, y = kept.pop(X_RESOLUTION, None), kept.pop(Y_RESOLUTION, None)
            kept |= {tag: value for tag, value in ((X_RESOLUTION, y), (Y_RESOLUTION, x)) if value}
        details = kept.get(DETAILS)
        if isinstance(details, dict):
            kept[DETAILS] = {tag: value for tag, value in details.items() if tag not in SIZES_IN_DETAILS}
        return self._replace(directory={tag: value for tag, value in kept.items() if value != {}})


def swaps_axes(orientation: int) -> bool:
    """Tells whether a turn exchanges width and height."""
    return 5 <= orientation <= 8


def upright(samples: Shaped[np.ndarray, "h w c"], orientation: int) -> Shaped[np.ndarray, "rows columns c"]:
    """Turns samples upright; an orientation that EXIF does not define changes nothing."""
    return TURNS.get(orientation, lambda x: x)(samples)


def parse(file: BinaryIO | io.BytesIO, *, offset: int | None = None, wanted: Collection[int] | None = None) -> Tags:
    """Reads the first directory of a TIFF or BigTIFF, and the directories of details, GPS and interoperability.

    Args:
      file: a block of EXIF without its prefix, or a TIFF.
      offset: another directory to read.
      wanted: the tags of the first directory to read; None for all.

    Raises:
      ValueError: no TIFF, or values of far too many bytes.
    """
    file.seek(0)
    head = file.read(16)
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is None or len(head) < 8:
        raise ValueError("no TIFF header")
    is_big = struct.unpack(order + "H", head[2:4])[0] == 43
    (first,) = struct.unpack_from(order + ("Q" if is_big else "I"), head, 8 if is_big else 4)
    parser = _Parser(file, order, is_big)
    directory = parser.directory(first if offset is None else offset, wanted)
    return Tags(order, directory, parser.maker_note, parser.has_broken, tuple(parser.skipped))


class _Parser:
    """Reads the directories of one file."""

    def __init__(self, file: BinaryIO | io.BytesIO, order: str, is_big: bool) -> None:
        self.file, self.order, self.is_big = file, order, is_big
        self.size, self.maker_note, self.has_broken, self.skipped = 0, None, False, []
        self.takes_long8 = is_big  # but not in directories that become a block, which is a classic TIFF

    def directory(self, offset: int, wanted: Collection[int] | None, pointers: Collection[int] = POINTERS) -> Directory:
        """Reads a directory; of several tags of one number, the first."""
        self.file.seek(offset)
        count_code, entry_code = ("Q", "HHQ8s") if self.is_big else ("H", "HHI4s")
        (count,) = struct.unpack(self.order + count_code, self.file.read(struct.calcsize("=" + count_code)))
        entry = struct.Struct(self.order + entry_code)
        table = self.file.read(entry.size * min(count, 65535))
        directory: Directory = {}
        for tag, kind, number, inline in entry.iter_unpack(table[: len(table) // entry.size * entry.size]):
            if wanted is not None and tag not in wanted:
                self.skipped.append(tag)
                continue
            if tag in directory:
                continue
            if tag in POINTERS:
                value = self._pointed(inline) if tag in pointers else None
            else:
                value = self._value(tag, kind, number, inline)
            if value is None:
                self.has_broken = True
            else:
                directory[tag] = value
        return directory

    def _pointed(self, inline: bytes) -> Directory | None:
        """Returns the directory that an entry points to, whose own pointers end there: a circle would not end."""
        takes_long8, self.takes_long8 = self.takes_long8, False
        try:
            return self.directory(self._offset(inline), None, (INTEROPERABILITY,))
        except (OSError, OverflowError, struct.error):
            return None
        finally:
            self.takes_long8 = takes_long8

    def _offset(self, inline: bytes) -> int:
        return struct.unpack(self.order + ("Q" if self.is_big else "I"), inline)[0]

    def _value(self, tag: int, kind: int, number: int, inline: bytes) -> Value | None:
        """Returns the value of an entry, or None for a broken one."""
        size = SIZES.get(kind, 0) * number
        if not size or (kind == LONG8 and not self.takes_long8):
            return None
        if size <= len(inline):
            return Value(kind, inline[:size])
        self.size += size
        if self.size > MAX_VALUES:
            raise ValueError("more than 16 MB of values")
        at = self._offset(inline)
        try:
            self.file.seek(at)
        except (OSError, OverflowError):
            return None
        data = self.file.read(size)
        if len(data) < size:
            return None
        if tag == MAKER_NOTE:
            self.maker_note = at
        return Value(kind, data)


def without_maker_note(content: bytes) -> tuple[bytes | None, bool]:
    """Returns a block without a maker note, whose own offsets are true only in its place, and whether there was one."""
    tags = parse(io.BytesIO(content.removeprefix(PREFIX)))
    details = tags.directory.get(DETAILS)
    if not isinstance(details, dict) or MAKER_NOTE not in details:
        return content, False
    details = {tag: value for tag, value in details.items() if tag != MAKER_NOTE}
    return block(tags._replace(directory=tags.directory | {DETAILS: details})), True


def with_resolution(content: bytes | None, x: float | int, y: float | int, is_ratio: bool) -> bytes | None:
    """Returns a block, or a new one, with a resolution in pixels an inch unless it has one."""
    tags = parse(io.BytesIO(content.removeprefix(PREFIX))) if content else Tags("<", {})
    return block(tags._replace(directory=resolution(tags.order, x, y, is_ratio) | tags.directory))


def resolution(order: str, x: float | int, y: float | int, is_ratio: bool) -> Directory:
    """Returns the tags of a resolution in pixels an inch; as a ratio, without a unit."""
    ratios = [Fraction(number).limit_denominator(10_000).as_integer_ratio() for number in (x, y)]
    return {
        X_RESOLUTION: Value(5, struct.pack(order + "II", *ratios[0])),
        Y_RESOLUTION: Value(5, struct.pack(order + "II", *ratios[1])),
        RESOLUTION_UNIT: Value(3, struct.pack(order + "H", 1 if is_ratio else 2)),
    }


def block(tags: Tags) -> bytes | None:
    """Returns tags as a block with its prefix, the maker note at its old offset; None if there are none."""
    if not tags.directory:
        return None
    details = tags.directory.get(DETAILS)
    note = details.get(MAKER_NOTE) if isinstance(details, dict) else None
    body = bytes(8)
    if isinstance(note, Value) and tags.maker_note is not None:
        body = bytes(max(tags.maker_note, 8)) + note.data
        body += bytes(len(body) % 2)
    head = (b"II*\0" if tags.order == "<" else b"MM\0*") + struct.pack(tags.order + "I", len(body))
    return PREFIX + head + body[8:] + encode(tags.order, tags.directory, len(body), maker_note=tags.maker_note)


def little_endian(order: str, directory: Directory) -> Directory:
    """Returns a directory with all values in little-endian order."""
    if order == "<":
        return directory
    swapped: Directory = {}
    for tag, value in directory.items():
        if isinstance(value, dict):
            swapped[tag] = little_endian(order, value)
        else:
            unit = SIZES[value.type] if value.type not in RATIONALS else 4
            swapped[tag] = Value(value.type, np.frombuffer(value.data, f"u{unit}").byteswap().tobytes())
    return swapped


def encode(
    order: str, directory: Directory, start: int, *, maker_note: int | None = None, is_big: bool = False
) -> bytes:
    """Returns a directory, its values and the directories that it points to, to be placed at `start` of a file.

    Args:
      maker_note: the offset where the maker note already is.
      is_big: for a BigTIFF.
    """
    count_code, entry_code, offset_code = ("Q", "HHQ8s", "Q") if is_big else ("H", "HHI4s", "I")
    entry, room = struct.Struct(order + entry_code), struct.calcsize("=" + offset_code)
    head = struct.pack(order + count_code, len(directory))
    table, values = b"", b""
    first = start + len(head) + entry.size * len(directory) + room
    for tag, value in sorted(directory.items()):
        at = first + len(values)
        if isinstance(value, dict):
            kind, count = (LONG8 if is_big else LONG), 1
            data = encode(order, value, at, maker_note=maker_note, is_big=is_big)
        else:
            kind, data = value
            count = len(data) // SIZES[kind]
        if isinstance(value, Value) and len(data) <= room:
            inline = data.ljust(room, b"\0")
        elif tag == MAKER_NOTE and maker_note is not None:
            inline = struct.pack(order + offset_code, maker_note)
        else:
            inline = struct.pack(order + offset_code, at)
            values += data + bytes(len(data) % 2)
        table += entry.pack(tag, kind, count, inline)
    return head + table + bytes(room) + values


def add(file: BinaryIO | io.BytesIO, tags: Directory) -> None:
    """Adds little-endian tags to the first directory of a little-endian TIFF or BigTIFF, which moves to its end."""
    file.seek(2)
    is_big = file.read(2) == b"+\0"
    directory = parse(file).directory | tags
    start = file.seek(0, os.SEEK_END)
    start += file.write(bytes(start % 2))
    file.write(encode("<", directory, start, is_big=is_big))
    file.seek(8 if is_big else 4)
    file.write(struct.pack("<Q" if is_big else "<I", start))
    file.seek(0, os.SEEK_END)
