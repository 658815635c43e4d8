"""Animations: the frames of GIF, WebP, APNG and AVIF, read as they are displayed; WebP and APNG written."""

import io
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import Image

from jsr.pictures import formats, pillow, source_metadata, writing
from jsr.pictures.metadata import Metadata
from jsr.pictures.picture import Picture, assemble, check_size, rgb, to_8_bits
from jsr.pictures.png_writer import Writer


class Animation(NamedTuple):
    """The frames of a file; all have alpha, or none."""

    frames: list[Picture]  # 8-bit RGB, fully composited: each frame includes what remains visible of earlier ones
    durations: Sequence[float | int]  # milliseconds
    loop: int  # number of times that it is played; 0 means for ever

    @property
    def metadata(self) -> Metadata:
        """The metadata of the last frame, whose notes include those of the others."""
        return self.frames[-1].metadata


def is_animation(image: Image.Image) -> bool:
    """Tells whether an opened picture has several frames; several pictures in other formats are pages."""
    kind = formats.BY_NAME.get(image.format or "")
    return kind is not None and kind.has_frames and pillow.count_frames(image) > 1


def decode(image: Image.Image, file: BinaryIO | io.BytesIO, *, max_pixels: int) -> Animation:
    """Decodes all frames of an opened picture.

    Args:
      file: that it was opened from.

    Raises:
      PictureError: more pixels than allowed, all frames together.
      Exception: any, of Pillow, if a frame is broken.
    """
    count = pillow.count_frames(image)
    for number in (1, count):  # if one frame alone is too large, the message gives its size
        check_size(*image.size, number, max_pixels)
    frames, durations = [], []
    first = int(image.info.get("default_image", False))  # a still one, for viewers that cannot display frames
    loop = image.info.get("loop", 1 if image.format == "GIF" else 0)
    described, orientation = source_metadata.read(image, file)
    for i in range(first, count):
        image.seek(i)
        image.load()
        samples = pillow.decode_frame(image)
        notes = ("16 bits become 8: frames have no more",) * (samples.dtype != np.uint8)
        frames.append(to_8_bits(assemble(samples, described.noted(*notes), orientation)))
        durations.append(image.info.get("duration", 0))
    has_alpha = any(frame.alpha is not None for frame in frames)
    return Animation([_uniform(frame, has_alpha=has_alpha) for frame in frames], durations, loop)


def _uniform(frame: Picture, *, has_alpha: bool) -> Picture:
    """Returns a frame in RGB, and with alpha if any frame has it."""
    alpha = frame.alpha
    if alpha is None and has_alpha:
        alpha = np.full(frame.pixels.shape[:2], 255, np.uint8)
    return frame._replace(pixels=rgb(frame), alpha=alpha)


def write(
    path: str | os.PathLike[str], frames: Iterable[Picture], *, durations: Sequence[float | int], loop: int
) -> tuple[str, ...]:
    """Writes frames, each of which replaces the one before, atomically.

    Returns:
      a note that the result is animated.

    Raises:
      PictureError: frames too large for the format, or a file that cannot be written.
    """
    frames = iter(frames)
    first = next(frames)
    kind = writing.check(path, *first.pixels.shape[:2])
    write_frames = _write_png if kind.name == "PNG" else _write_webp
    fitted, notes = writing.fit(first.metadata, kind, first.pixels.shape)
    with writing.atomic_file(path) as file:
        write_frames(file, first._replace(metadata=fitted), frames, durations, loop)
    return (
        *notes,
        f"its {len(durations)} frames are written as {kind.animation}",
    )


def _write_png(
    file: BinaryIO | io.BytesIO, first: Picture, others: Iterator[Picture], durations: Sequence[float | int], loop: int
) -> None:
    """Writes each frame as it comes; Pillow would keep them all in memory."""
    samples = writing.samples(first)
    writer = Writer(file, samples.shape, samples.dtype, first.metadata, durations=durations, loop=loop)
    writer.write(samples)
    for other in others:
        writer.write(writing.samples(other))
    writer.close()


def _write_webp(
    file: BinaryIO | io.BytesIO, first: Picture, others: Iterator[Picture], durations: Sequence[float | int], loop: int
) -> None:
    Image.fromarray(writing.samples(first)).save(
        file,
        format="WEBP",
        save_all=True,
        loop=loop,
        duration=[round(d) for d in durations],
        append_images=[Image.fromarray(writing.samples(other)) for other in others],
        **writing.pillow_options("WEBP", first.metadata),
    )
