"""Animated PNG: its chunks are sorted here, and each frame is decoded as a PNG of its own.

Source: W3C, "Portable Network Graphics (PNG) Specification (Third Edition)", 2025, chunks `acTL`, `fcTL` and `fdAT`.
Pillow composes otherwise: the alpha of a frame replaces that below it, and it restores what was not there before.
"""

import io
import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

import imagecodecs
import numpy as np

from jsr.pictures.codecs.compositing import CLEAR, KEEP, RESTORE, Frame, Stored, opaque
from jsr.pictures.codecs.png.png_writer import SIGNATURE
from jsr.pictures.metadata import of_png
from jsr.pictures.picture import check_size

FRAMES = (b"acTL", b"fcTL", b"fdAT")  # tags of the chunks that a still PNG lacks
COLOURS = (b"PLTE", b"tRNS")  # of those that each frame needs
NUMBERED = (b"fcTL", b"fdAT")
CHECKED = (b"IDAT", *FRAMES, *COLOURS)
ALPHA = (4, 6)  # colour types with an alpha channel
DISPOSALS = (KEEP, CLEAR, RESTORE)


class _Image(NamedTuple):
    """A frame as it is stored: what the chunk before its pixels says, and their compressed parts."""

    width: int
    height: int
    left: int
    top: int
    numerator: int  # of the duration in seconds
    denominator: int
    disposal: int
    is_blended: int
    data: list[memoryview]

    @property
    def duration(self) -> float:
        """Milliseconds; a denominator of 0 means hundredths of a second."""
        return 1000 * self.numerator / (self.denominator or 100)


def is_animated(content: bytes) -> bool:
    """Tells whether content is a PNG that announces frames before its pixels."""
    tags = (tag for tag, _ in _chunks(content)) if content.startswith(SIGNATURE) else ()
    return next((tag for tag in tags if tag in (b"acTL", b"IDAT")), b"") == b"acTL"


def still(content: bytes) -> bytes:
    """Returns a PNG without its frames: the picture for viewers that cannot display them."""
    return SIGNATURE + b"".join(chunk for tag, chunk in _chunks(content) if tag not in FRAMES)


def parse(content: bytes, *, max_pixels: int) -> tuple[Stored, bool]:
    """Reads all of an animated PNG but the pixels of its frames.

    Returns:
      the animation, and whether the still picture is its first frame.

    Raises:
      PictureError: more pixels than allowed.
      ValueError: chunks that are broken, missing or out of order, or a frame beyond the canvas.
    """
    width, height, *types = struct.unpack(">II5B", content[16:29])
    check_size(width, height, 1, max_pixels)
    images: list[_Image] = []
    colours: dict[bytes, memoryview] = {}
    count = loop = number = 0
    has_pixels = is_first = False
    for tag, chunk in _chunks(content):
        data = chunk[8:-4]
        if tag in CHECKED and zlib.crc32(chunk[4:-4]) != int.from_bytes(chunk[-4:]):
            raise ValueError(f"the checksum of a chunk {tag.decode()} is wrong")
        if tag in NUMBERED:
            if int.from_bytes(data[:4]) != number:
                raise ValueError(f"expected number {number} of its chunks, got {int.from_bytes(data[:4])}")
            number += 1
        if tag in COLOURS:
            colours[tag] = chunk
        elif tag == b"acTL":
            count, loop = struct.unpack(">II", data)
        elif tag == b"fcTL":
            images.append(_Image(*struct.unpack(">4x4I2H2B", data), []))
            _check(images[-1], height, width)
        elif tag == b"IDAT":
            is_first = is_first or (bool(images) and not has_pixels)
            has_pixels = True
            if is_first:
                images[0].data.append(data)
        elif tag == b"fdAT" and images:
            images[-1].data.append(data[4:])
    complete = sum(bool(image.data) for image in images)
    if not count or not count == len(images) == complete:
        raise ValueError(f"expected {count} frames, got {complete}")
    if is_first and images[0][:4] != (width, height, 0, 0):
        raise ValueError("its first frame is smaller than its canvas")
    described, orientation = of_png.read(io.BytesIO(content))
    has_alpha = b"tRNS" in colours or types[1] in ALPHA
    frames = _frames(images, bytes(types), b"".join(colours.values()))
    durations = [image.duration for image in images]
    return Stored(height, width, frames, durations, loop, described, orientation, has_alpha), is_first


def _chunks(content: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Yields tag and chunk, with its length, tag and checksum; the last one may be cut."""
    at, tag, view = len(SIGNATURE), b"", memoryview(content)
    while at < len(content) and tag != b"IEND":
        length, tag = 12 + int.from_bytes(view[at : at + 4]), bytes(view[at + 4 : at + 8])
        yield tag, view[at : at + length]
        at += length


def _check(image: _Image, height: int, width: int) -> None:
    if not 0 < image.width <= width - image.left or not 0 < image.height <= height - image.top:
        raise ValueError(
            f"a frame of {image.width}x{image.height} at {image.left}, {image.top} is not within {width}x{height}"
        )
    if image.disposal not in DISPOSALS or image.is_blended > 1:
        raise ValueError("a frame is drawn in an unknown way")


def _frames(images: list[_Image], types: bytes, colours: bytes) -> Iterator[Frame]:
    """Decodes frames, each as a PNG of its own, of the same depth, colour type and colours."""
    for image in images:
        header = of_png.chunk(b"IHDR", struct.pack(">II", image.width, image.height) + types)
        pixels = of_png.chunk(b"IDAT", b"".join(image.data))
        samples = imagecodecs.png_decode(SIGNATURE + header + colours + pixels + of_png.chunk(b"IEND", b""))
        if samples.ndim == 2 or samples.shape[2] == 3:
            samples = np.dstack([samples, opaque(samples)])
        yield Frame(samples, image.top, image.left, image.disposal, is_blended=bool(image.is_blended))
