"""Pictures that move: GIF, WebP, APNG and AVIF read frame by frame as they are seen, WebP and APNG written."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from jsr.pictures import pillow, tiff, writing
from jsr.pictures.picture import MAX_PIXELS, Picture, assemble, check_size, explained, named, rgb, to_8_bits
from jsr.pictures.png_rows import Writer

SOURCES = ("GIF", "WEBP", "PNG", "AVIF")  # several pictures in other formats are pages
TARGETS = {"PNG": "an animated PNG", "WEBP": "an animated WebP"}


class Animation(NamedTuple):
    # RGB of 8 bits, each as it is seen: what it leaves of the one before is in it.
    frames: list[Picture]
    durations: list[float]  # milliseconds
    loop: int  # how often it is shown, as the file says; 0 is for ever


def read(path: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS) -> Animation | None:
    """Reads a picture file of several frames; returns None for any other.

    Raises:
      PictureError: as `images.read`; the limit is of all frames together.
    """
    with named(path):
        content = Path(path).read_bytes()
        if content[:4] in tiff.TIFF_HEADS:
            return None
        with explained(), pillow.opened(content) as image:
            check_size(*image.size, 1, max_pixels)
            count = getattr(image, "n_frames", 1)
            if image.format not in SOURCES or count == 1:
                return None
            check_size(*image.size, count, max_pixels)
            return _read(image, count)


def _read(image, count):
    frames, durations = [], []
    first = int(image.info.get("default_image", False))  # for viewers that show no frames
    loop = image.info.get("loop", 1 if image.format == "GIF" else 0)
    for i in range(first, count):
        image.seek(i)
        image.load()
        samples = pillow.decode_frame(image)
        notes = ("16 bits become 8: frames have no more",) * (samples.dtype != np.uint8)
        icc = image.info.get("icc_profile")
        frame = assemble(samples, icc, image.getexif, notes, is_tiff=False)
        frames.append(to_8_bits(frame))
        durations.append(image.info.get("duration", 0))
    return Animation([_rgb(frame, frames) for frame in frames], durations, loop)


def _rgb(frame, frames):
    """All frames alike: in three channels, and with transparency if one has it."""
    alpha = frame.alpha
    if alpha is None and any(other.alpha is not None for other in frames):
        alpha = np.full(frame.pixels.shape[:2], 255, np.uint8)
    return frame._replace(pixels=rgb(frame), alpha=alpha)


def holds(path: str | os.PathLike[str]) -> bool:
    """Says whether the format of a file's suffix is written with several frames."""
    return writing.format_of(path) in TARGETS


def write(
    path: str | os.PathLike[str], frames: Iterable[Picture], *, durations: list[float], loop: int
) -> tuple[str, ...]:
    """Writes frames, each replacing the one before, as `encoding.write` writes a picture.

    Raises:
      PictureError: frames too large for the format, or a file that cannot be written.
    """
    frames = iter(frames)
    first = next(frames)
    kind = writing.check(path, *first.pixels.shape[:2])
    with writing.draft(path) as file:
        if kind == "PNG":
            _write_png(file, first, frames, durations, loop)
        else:
            _write_webp(file, first, frames, durations, loop)
    return (f"its {len(durations)} frames are written as {TARGETS[kind]}",)


def _write_png(file, first, others, durations, loop):
    """One frame after the other: Pillow would keep all in memory."""
    samples = writing.samples(first)
    writer = Writer(
        file,
        samples.shape,
        samples.dtype,
        icc=first.icc,
        exif=first.exif,
        durations=durations,
        loop=loop,
    )
    writer.write(samples)
    for other in others:
        writer.write(writing.samples(other))
    writer.close()


def _write_webp(file, first, others, durations, loop):
    kept = {"icc_profile": first.icc, "exif": first.exif}
    Image.fromarray(writing.samples(first)).save(
        file,
        format="WEBP",
        save_all=True,
        loop=loop,
        duration=[round(d) for d in durations],
        append_images=[Image.fromarray(writing.samples(other)) for other in others],
        **{key: value for key, value in kept.items() if value},
        **writing.OPTIONS["WEBP"],
    )
