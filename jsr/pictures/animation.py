"""Animations: the frames of GIF, WebP, APNG and AVIF, read as they are displayed; GIF, WebP and APNG written."""

import io
import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from jaxtyping import Integer
from PIL import Image

from jsr.errors import PictureError
from jsr.pictures import formats, writing
from jsr.pictures.codecs import gif, gif_writer, pillow
from jsr.pictures.codecs.compositing import Stored, composite, opaque
from jsr.pictures.codecs.png import apng, png_reader
from jsr.pictures.codecs.png.png_writer import Writer
from jsr.pictures.metadata import of_image
from jsr.pictures.metadata.record import Metadata
from jsr.pictures.picture import Picture, assemble, check_size, choose_frame

MAX_WEBP_LOOP = 65535


class Animation(NamedTuple):
    """The frames of a file; all have alpha, or none."""

    frames: list[Picture]  # all of one type, fully composited: each includes what remains visible of earlier ones
    durations: Sequence[float | int]  # milliseconds
    loop: int  # number of times that it is played; 0 means for ever

    @property
    def metadata(self) -> Metadata:
        """The metadata of the last frame, whose notes include those of the others."""
        return self.frames[-1].metadata


def is_composed(content: bytes) -> bool:
    """Tells whether content is of a format that `compose` reads: GIF, or an animated PNG."""
    return content.startswith(gif.SIGNATURES) or apng.is_animated(content)


def compose(content: bytes, frame: int | None, max_pixels: int, *, can_animate: bool) -> Picture | Animation:
    """Reads a GIF or an animated PNG: all of its frames, or one of them.

    The still picture of an animated PNG is taken where an animation cannot be used, or is broken, as the specification
    wants; it counts as number 0 if it is not the first frame.

    Raises:
      PictureError: no such frame, or more pixels than allowed, all frames together.
      Exception: any, of Pillow, if the picture is broken.
    """
    if content.startswith(gif.SIGNATURES):
        return _draw(gif.parse(content, max_pixels=max_pixels), frame, max_pixels, can_animate=can_animate)
    still = apng.still(content)
    try:
        stored, is_first = apng.parse(content, max_pixels=max_pixels)
        count = len(stored.durations) + (not is_first)
        number, notes = choose_frame(frame, count)
        if number or (frame is None and can_animate):
            return _draw(stored, number - (not is_first) if number else None, max_pixels, can_animate=True)
        return png_reader.decode(still, max_pixels=max_pixels).noted(*notes)
    except (MemoryError, PictureError):
        raise
    except Exception as error:  # any, of Pillow or zlib
        choose_frame(frame, 1)
        picture = png_reader.decode(still, max_pixels=max_pixels)
        return picture.noted(f"the still picture is taken, because its frames are broken: {error}")


def _draw(stored: Stored, frame: int | None, max_pixels: int, *, can_animate: bool) -> Picture | Animation:
    """Draws all frames, or one of them and as much as it needs of those before."""
    count = len(stored.durations)
    check_size(stored.width, stored.height, 1, max_pixels)  # first, so that the message gives the size of one frame
    if frame is None and can_animate and count > 1:
        check_size(stored.width, stored.height, count, max_pixels)
        frames = [_picture(samples, stored) for samples in composite(stored)]
        return Animation(_uniform(frames), stored.durations, stored.loop)
    number, notes = choose_frame(frame, count)
    return _picture(next(itertools.islice(composite(stored), number, None)), stored).noted(*notes)


def _picture(samples: Integer[np.ndarray, "h w c"], stored: Stored) -> Picture:
    """Returns a drawn frame, upright, without alpha if nothing is transparent and the file does not say otherwise."""
    picture = assemble(samples, stored.metadata, stored.orientation)
    assert picture.alpha is not None
    is_opaque = picture.alpha.min() == np.iinfo(samples.dtype).max
    return picture._replace(alpha=None) if is_opaque and not stored.has_alpha else picture


def is_animation(image: Image.Image) -> bool:
    """Tells whether an opened picture has several frames; several pictures in other formats are pages."""
    kind = formats.BY_NAME.get(image.format or "")
    return kind is not None and kind.has_frames and pillow.count_frames(image) > 1


def decode(image: Image.Image, file: BinaryIO | io.BytesIO, *, max_pixels: int) -> Animation:
    """Decodes all frames of an opened picture that Pillow draws rightly: WebP or AVIF.

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
    described, orientation = of_image.read(image, file)
    for i in range(count):
        image.seek(i)
        image.load()
        frames.append(assemble(pillow.decode_frame(image), described, orientation))
        durations.append(image.info.get("duration", 0))
    return Animation(_uniform(frames), durations, image.info.get("loop", 0))


def _uniform(frames: list[Picture]) -> list[Picture]:
    """Returns frames with alpha if any of them has it."""
    if all(frame.alpha is None for frame in frames):
        return frames
    return [frame if frame.alpha is not None else frame._replace(alpha=opaque(frame.pixels)) for frame in frames]


def write(
    path: str | os.PathLike[str],
    frames: Iterable[Picture],
    *,
    durations: Sequence[float | int],
    loop: int,
    quality: int | None = None,
    is_lossless: bool = False,
) -> tuple[str, ...]:
    """Writes frames, each of which replaces the one before, atomically.

    Args:
      frames: all with alpha, or none; the metadata of the first are those of the file.
      durations: milliseconds of each frame.
      loop: number of times that the animation is played; 0 means for ever.
      quality, is_lossless: as `writing.write` takes them.

    Returns:
      a note that the result is animated, and notes of all that the format cannot hold.

    Raises:
      PictureError: frames too large for the format, or a file that cannot be written.
    """
    frames = iter(frames)
    first = next(frames)
    kind = writing.check(path, *first.pixels.shape[:2])
    first, notes = writing.fit(first, kind)
    others = (writing.fit(frame, kind)[0] for frame in frames)
    with writing.atomic_file(path) as file:
        if kind.name == "GIF":
            notes += gif_writer.write(file, itertools.chain([first], others), durations=durations, loop=loop)
        elif kind.name == "PNG":
            _write_png(file, first, others, durations, loop)
        else:
            encoding = writing.pillow_options(kind.name, first.metadata, quality=quality, is_lossless=is_lossless)
            _write_webp(file, first, others, durations, loop, encoding)
    return (f"its {len(durations)} frames are written as {kind.animation}", *notes)


def _write_png(
    file: BinaryIO | io.BytesIO, first: Picture, others: Iterator[Picture], durations: Sequence[float | int], loop: int
) -> None:
    """Writes each frame as it comes; Pillow would keep them all in memory."""
    stored = (writing.samples(frame) for frame in itertools.chain([first], others))
    samples = next(stored)
    writer = Writer(file, samples.shape, samples.dtype, first.metadata, durations=durations, loop=loop)
    writer.write(samples)
    for samples in stored:
        writer.write(samples)
    writer.close()


def _write_webp(
    file: BinaryIO | io.BytesIO,
    first: Picture,
    others: Iterator[Picture],
    durations: Sequence[float | int],
    loop: int,
    encoding: dict[str, Any],
) -> None:
    Image.fromarray(writing.samples(first)).save(
        file,
        format="WEBP",
        save_all=True,
        loop=min(loop, MAX_WEBP_LOOP),
        duration=[round(d) for d in durations],
        append_images=[Image.fromarray(writing.samples(other)) for other in others],
        **encoding,
    )
