"""GIF, still or animated, with a table of colours for each frame; frames are written as they come.

Pillow would keep all frames in memory, and choose the colours of RGBA badly.
"""

import io
import struct
from collections.abc import Iterable, Sequence
from typing import BinaryIO

import numpy as np
from jaxtyping import Bool, UInt8
from PIL import GifImagePlugin, Image

from jsr.pictures.picture import Picture, rgb

COLOURS = 256
OPAQUE = 128  # from this alpha on, a pixel is opaque
KEEP, CLEAR = 1, 2  # what becomes of a frame before the next one
SHORTEST = 2  # hundredths of a second: browsers show a frame of 1 for 10
LONGEST = 65535


def write(
    file: BinaryIO | io.BytesIO, frames: Iterable[Picture], *, durations: Sequence[float | int] = (0,), loop: int = 1
) -> tuple[str, ...]:
    """Writes 8-bit frames, each of which replaces the one before; of opaque ones, only the pixels that change.

    Args:
      frames: all with alpha, or none.
      durations: milliseconds of each frame.
      loop: number of times that the animation is played; 0 means for ever.

    Returns:
      notes of all that GIF cannot hold.
    """
    has_more_colours = has_partial_alpha = False
    before = None
    for frame, hundredths in zip(frames, _hundredths(durations), strict=True):
        pixels, alpha = rgb(frame), frame.alpha
        height, width = pixels.shape[:2]
        if before is None:
            _write_header(file, height, width, loop)
        if alpha is not None:
            is_drawn, disposal = alpha >= OPAQUE, CLEAR
            has_partial_alpha |= bool(((alpha > 0) & (alpha < 255)).any())
        elif before is None:
            is_drawn, disposal = np.ones((height, width), bool), KEEP
        else:
            is_drawn, disposal = (pixels != before).any(axis=-1), KEEP
        before = pixels
        top, bottom, left, right = 0, height, 0, width
        if alpha is None:  # otherwise all is stored, because some readers paint the rest in the background colour
            top, bottom = _extent(is_drawn, axis=0)
            left, right = _extent(is_drawn, axis=1)
        area = slice(top, bottom), slice(left, right)
        has_hidden = alpha is not None or not is_drawn[area].all()
        image, transparent, is_exact = _indexed(pixels[area], is_drawn[area], has_hidden=has_hidden)
        has_more_colours |= not is_exact
        options = {"duration": 10 * hundredths, "disposal": disposal, "include_color_table": True}
        if transparent is not None:
            options["transparency"] = transparent
        file.writelines(GifImagePlugin.getdata(image, (left, top), **options))
    file.write(b";")
    notes = {
        f"colours become {COLOURS} a frame: GIF has no more": has_more_colours,
        "partial transparency becomes all or none: GIF has no other": has_partial_alpha,
        "durations become hundredths of a second: GIF has no others": any(d % 10 for d in durations),
    }
    return tuple(note for note, is_true in notes.items() if is_true)


def _write_header(file: BinaryIO | io.BytesIO, height: int, width: int, loop: int) -> None:
    file.write(b"GIF89a" + struct.pack("<HH3x", width, height))
    if loop != 1:
        # It tells the number of repetitions; 0 means for ever.
        file.write(b"!\xff\x0bNETSCAPE2.0\3\1" + struct.pack("<Hx", min(max(loop - 1, 0), 65535)))


def _hundredths(durations: Sequence[float | int]) -> list[int]:
    """Returns durations in hundredths of a second, rounded so that no error adds up; 0 stays 0."""
    rounded, total, sum_rounded = [], 0.0, 0
    for duration in durations:
        total += min(duration / 10, LONGEST)
        least = min(round(duration / 10), SHORTEST)
        rounded.append(max(round(total) - sum_rounded, least))
        sum_rounded += rounded[-1]
    return rounded


def _extent(is_drawn: Bool[np.ndarray, "h w"], *, axis: int) -> tuple[int, int]:
    """Returns start and stop, along an axis, of all that is drawn; 0 and 1 if nothing is."""
    indices = np.flatnonzero(is_drawn.any(axis=1 - axis))
    return (int(indices[0]), int(indices[-1]) + 1) if len(indices) else (0, 1)


def _indexed(
    pixels: UInt8[np.ndarray, "h w 3"], is_drawn: Bool[np.ndarray, "h w"], *, has_hidden: bool
) -> tuple[Image.Image, int | None, bool]:
    """Chooses the colours of a frame.

    Returns:
      the frame in these colours; the index of pixels that are not drawn, if there is to be one; and whether all colours
      are exact.
    """
    if has_hidden:  # pixels that are not drawn take the colour of one that is, and so need none of their own
        pixels = np.where(is_drawn[..., None], pixels, pixels[is_drawn][:1] if is_drawn.any() else 0)
    image, count = Image.fromarray(pixels), COLOURS - has_hidden
    is_exact = image.getcolors(count) is not None
    if is_exact:
        indexed = image.quantize(count, Image.Quantize.MEDIANCUT)
    else:  # an octree with diffusion looks smoothest, and is the fastest
        octree = image.quantize(count, Image.Quantize.FASTOCTREE)
        indexed = image.quantize(palette=octree, dither=Image.Dither.FLOYDSTEINBERG)
    if not has_hidden:
        return indexed, None, is_exact
    table = indexed.getpalette()
    assert table is not None  # it is, for indices
    transparent = len(table) // 3
    result = Image.fromarray(np.where(is_drawn, np.asarray(indexed), np.uint8(transparent)))
    result.putpalette([*table, 0, 0, 0])
    return result, transparent, is_exact
