"""JPEG XL besides its pixels: the boxes of its container (ISO/IEC 18181-2), the head of its pixels (18181-1)."""

from collections.abc import Iterator
from typing import NamedTuple

from jsr.pictures.metadata import exif
from jsr.pictures.metadata.record import Described, Metadata, described

CONTAINER = b"\0\0\0\x0cJXL \r\n\x87\n"  # how a file with boxes begins
CODESTREAM = b"\xff\x0a"  # how one without begins, and the pixels in a box
PIXELS = (b"jxlc", b"jxlp")  # boxes; the second holds a part of them, after its number
HEAD = 64  # bytes, more than the head takes
# How a number is stored, by two bits before it: in how many bits, and what is added to them.
SIDE = ((9, 1), (13, 1), (18, 1), (30, 1))
TICKS, TICK = ((0, 100), (0, 1000), (10, 1), (30, 1)), ((0, 1), (0, 1001), (8, 1), (10, 1))
LOOPS = ((0, 0), (3, 0), (16, 0), (32, 0))
DEPTH, FLOAT_DEPTH = ((0, 8), (0, 10), (0, 12), (6, 1)), ((0, 32), (0, 16), (0, 24), (6, 1))
RATIOS = (None, (1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))  # of width to height


class Box(NamedTuple):
    """A part of a file."""

    kind: bytes
    start: int  # of the box, in the file
    data: bytes


class Head(NamedTuple):
    """What the head says, before a decoder allocates memory."""

    height: int
    width: int
    bits: int = 8  # of a sample
    is_float: bool = False
    is_animated: bool = False


def boxes(content: bytes) -> Iterator[Box]:
    """Yields the boxes up to the first that is broken; a bare codestream has none."""
    at = 0 if content.startswith(CONTAINER) else len(content)
    while at + 8 <= len(content):
        size, start = int.from_bytes(content[at : at + 4], "big"), at + 8
        if size == 1:  # a large one, whose size follows
            size, start = int.from_bytes(content[at + 8 : at + 16], "big"), at + 16
        end = at + size if size else len(content)  # the last one may have size 0
        if not start <= end <= len(content):
            return
        yield Box(content[at + 4 : at + 8], at, content[start:end])
        at = end


def read(content: bytes, *, icc: bytes | None = None) -> Described:
    """Reads the metadata of a JPEG XL, whose decoder has turned the pixels: by its own head, not by EXIF.

    Args:
      icc: the colour profile, which only a decoder can tell.
    """
    block, packet, has_compressed = None, None, False
    for kind, _, data in boxes(content):
        if kind == b"Exif":
            block = data[4 + int.from_bytes(data[:4], "big") :]
        elif kind == b"xml ":
            packet = data
        elif kind == b"brob" and data[:4] in (b"Exif", b"xml "):
            has_compressed = True
    notes = ("its compressed metadata are not kept",) * has_compressed
    return described(Metadata(icc, notes=notes), block, packet)._replace(orientation=exif.UPRIGHT)


def head(content: bytes) -> Head:
    """Parses the head.

    Raises:
      ValueError: it is missing, or has a preview, which no known encoder writes.
    """
    part = content[:HEAD]
    if content.startswith(CONTAINER):
        first = next((box for box in boxes(content) if box.kind in PIXELS), Box(b"", 0, b""))
        part = first.data[4 * (first.kind == b"jxlp") :][:HEAD]
    if not part.startswith(CODESTREAM):
        raise ValueError("it has no pixels")
    bits = _Bits(part[len(CODESTREAM) :])
    height, width = bits.size()
    if bits.number(1):  # all else is as it mostly is
        return Head(height, width)
    is_animated = False
    if bits.number(1):
        bits.number(3)  # the orientation
        if bits.number(1):  # the size to display it in
            bits.size()
        if bits.number(1):
            raise ValueError("it has a preview")
        is_animated = bool(bits.number(1))
        if is_animated:
            for ways in (TICKS, TICK, LOOPS):
                bits.choice(ways)
            bits.number(1)  # whether frames have time codes
    is_float = bool(bits.number(1))
    return Head(height, width, bits.choice(FLOAT_DEPTH if is_float else DEPTH), is_float, is_animated)


class _Bits:
    """Numbers of any number of bits, from the lowest bit of the first byte on."""

    def __init__(self, content: bytes) -> None:
        self.rest = int.from_bytes(content, "little")

    def number(self, count: int) -> int:
        value = self.rest & ((1 << count) - 1)
        self.rest >>= count
        return value

    def choice(self, ways: tuple[tuple[int, int], ...]) -> int:
        count, least = ways[self.number(2)]
        return least + self.number(count)

    def size(self) -> tuple[int, int]:
        """Returns height and width."""
        is_small = self.number(1)  # multiples of 8 up to 256
        height = 8 * (1 + self.number(5)) if is_small else self.choice(SIDE)
        ratio = RATIOS[self.number(3)]
        if ratio:
            return height, height * ratio[0] // ratio[1]
        return height, 8 * (1 + self.number(5)) if is_small else self.choice(SIDE)
