"""GIF, as browsers show it: its blocks are read here, and the pixels of each frame by Pillow.

Pillow enlarges the canvas to hold each frame, wherever its header says that it lies: 368 bytes take 18 GB.
"""

import io
import os
import struct
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from jsr.pictures.codecs import pillow
from jsr.pictures.codecs.compositing import CLEAR, KEEP, RESTORE, Frame, Stored
from jsr.pictures.metadata.record import Metadata, described
from jsr.pictures.picture import check_size

SIGNATURES = (b"GIF87a", b"GIF89a")
TRAILER, EXTENSION, IMAGE = b";", b"!", b","  # the first byte of a block
GRAPHIC_CONTROL, COMMENT, APPLICATION = b"\xf9", b"\xfe", b"\xff"  # the second one of an extension
DISPOSALS = {2: CLEAR, 3: RESTORE, 4: RESTORE}  # 4 is a mistake of old encoders that browsers understand
LOOPS, PROFILE = (b"NETSCAPE2.0", b"ANIMEXTS1.0"), b"ICCRGBG1012"  # applications
HAS_TABLE, IS_INTERLACED, HAS_TRANSPARENT = 0x80, 0x40, 1  # flags


class _Control(NamedTuple):
    """What an extension tells of the image after it."""

    duration: int = 0  # milliseconds
    disposal: int = KEEP
    transparent: int | None = None  # index of the colour that is not drawn


class _Image(NamedTuple):
    """An image as it is stored."""

    left: int
    top: int
    width: int
    height: int
    is_interlaced: bool
    table: bytes  # red, green and blue of each index
    data: bytes  # compressed
    control: _Control

    def is_visible(self, height: int, width: int) -> bool:
        """Tells whether some of it lies within a canvas."""
        return self.top < height and self.left < width and self.height > 0 and self.width > 0


def parse(content: bytes, *, max_pixels: int) -> Stored:
    """Reads all of a GIF but its pixels. Frames are clipped to the canvas, except the first, which enlarges it.

    The canvas is transparent where no frame has been drawn, or one has been cleared; its background colour is ignored.

    Source: "Graphics Interchange Format, Version 89a", CompuServe, 1990; and browsers, where they differ from it.

    Raises:
      PictureError: a frame with more pixels than allowed.
      ValueError: no frame, or a canvas without pixels.
    """
    file = io.BytesIO(content)
    width, height, flags = struct.unpack("<6xHHBxx", file.read(13))
    table = _read_table(file, flags)
    images, control, loop, icc, comments, notes = [], _Control(), 1, None, [], ()
    while (kind := file.read(1)) not in (b"", TRAILER):  # bytes between blocks are skipped, as version 87a wants it
        if kind == EXTENSION:
            label, first, others = file.read(1), *_read_parts(file)
            if label == GRAPHIC_CONTROL and len(first) >= 4:
                flags, hundredths, transparent = struct.unpack("<BHB", first[:4])
                disposal = DISPOSALS.get(flags >> 2 & 7, KEEP)
                control = _Control(10 * hundredths, disposal, transparent if flags & HAS_TRANSPARENT else None)
            elif label == APPLICATION and first in LOOPS and others[:1] == b"\1":
                repetitions = int.from_bytes(others[1:3], "little")
                loop = repetitions + 1 if repetitions else 0
            elif label == APPLICATION and first == PROFILE:
                icc = others
            elif label == COMMENT:
                comments.append(first + others)
        elif kind == IMAGE and len(descriptor := file.read(9)) == 9:
            x, y, w, h, flags = struct.unpack("<4HB", descriptor)
            local = _read_table(file, flags) or table
            start = file.tell()
            file.seek(1, os.SEEK_CUR)  # the size of the first codes
            _read_parts(file)
            data = content[start : file.tell()]
            images.append(_Image(x, y, w, h, bool(flags & IS_INTERLACED), local, data, control))
            control = _Control()
    if not images:
        raise ValueError("it has no frame")
    if not kind:
        notes += ("it ends without its last byte, so frames may be missing",)
    width = max(width, images[0].left + images[0].width)
    height = max(height, images[0].top + images[0].height)
    if not width * height:
        raise ValueError("it has no pixel")
    for image in images:
        if image.is_visible(height, width):
            check_size(image.width, image.height, 1, max_pixels)  # decoded whole, before it is clipped
    durations = [image.control.duration for image in images]
    metadata = Metadata(icc, notes=notes, comment=b"\n".join(comments) or None)
    metadata, _ = described(metadata, None, _packet(content))
    return Stored(height, width, _frames(images, height, width), durations, loop, metadata)


def _packet(content: bytes) -> bytes | None:
    """Returns the XMP of a GIF, which is stored whole, before 258 bytes that lead any decoder to its end."""
    _, is_found, rest = content.partition(b"XMP DataXMP")
    packet, is_ended, _ = rest.partition(b"\x01\xff\xfe\xfd")
    return packet if is_found and is_ended else None


def _read_table(file: io.BytesIO, flags: int) -> bytes:
    """Returns the colours that follow a header, if its flags say so."""
    return file.read(3 << (flags & 7) + 1) if flags & HAS_TABLE else b""


def _read_parts(file: io.BytesIO) -> tuple[bytes, bytes]:
    """Returns the first of the parts of a block, and the others as one."""
    parts = []
    while length := file.read(1)[:1]:
        if length == b"\0":
            break
        parts.append(file.read(length[0]))
    return b"".join(parts[:1]), b"".join(parts[1:])


def _colours(image: _Image) -> UInt8[np.ndarray, "256 4"]:
    """Returns RGBA of each index: levels of grey if there is no table, and black beyond its end."""
    colours = np.full((256, 4), 255, np.uint8)
    if image.table:
        colours[:, :3] = np.frombuffer(image.table.ljust(768, b"\0"), np.uint8).reshape(256, 3)
    else:
        colours[:, :3] = np.arange(256)[:, None]
    if image.control.transparent is not None:
        colours[image.control.transparent] = 0
    return colours


def _frames(images: list[_Image], height: int, width: int) -> Iterator[Frame]:
    """Decodes frames as far as they lie within the canvas; in grey and alpha if all their colours are grey."""
    is_grey = all(table[::3] == table[1::3] == table[2::3] for table in {image.table for image in images})
    channels = [0, 3] if is_grey else [0, 1, 2, 3]
    for image in images:
        indices = np.zeros((0, 0), np.uint8)
        if image.is_visible(height, width):
            indices = _indices(image)[: height - image.top, : width - image.left]
        samples = _colours(image)[:, channels][indices]
        yield Frame(samples, image.top, image.left, image.control.disposal, is_blended=True)


def _indices(image: _Image) -> UInt8[np.ndarray, "h w"]:
    """Decodes an image by Pillow, as a file of its own; without a table of colours, it has levels of grey."""
    screen = struct.pack("<HHBBB", image.width, image.height, 0, 0, 0)
    descriptor = struct.pack("<4HB", 0, 0, image.width, image.height, IS_INTERLACED * image.is_interlaced)
    bare = b"GIF89a" + screen + IMAGE + descriptor + image.data + TRAILER
    with pillow.opened(io.BytesIO(bare)) as decoded:
        return np.asarray(decoded)
