"""Upscales a video: frames are decoded, enlarged and encoded at the same time, and all else is copied."""

import contextlib
import hashlib
import itertools
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import NamedTuple

import av
import jax
import numpy as np

from jsr.errors import VideoError
from jsr.files import checksums
from jsr.models import Model
from jsr.upscaling.prefetch import prefetched
from jsr.version import __version__
from jsr.video import codecs, containers, encoding, joining, reading, segments
from jsr.video.encoding import Encoding, Frame
from jsr.video.reading import Decoder


class Target(NamedTuple):
    """The video that is asked for."""

    path: Path
    size: Callable[[int, int], tuple[int, int]]  # from height and width of a frame to those of the result
    enlarge: Callable[[np.ndarray], np.ndarray]  # from R'G'B' of uint8 or uint16 to the same of that size
    description: dict[str, str]  # all that decides what `enlarge` returns, by the words that an error calls it by
    codec: str | None = None  # as `codecs.choose` takes it
    crf: int | None = None  # as `codecs.check_quality` takes it
    is_lossless: bool = False


class Summary(NamedTuple):
    """The size of a written video in pixels, the notes to print of it, and what was read."""

    height: int
    width: int
    notes: tuple[str, ...]
    contents: str


def upscale(
    source: Path,
    target: Target,
    *,
    max_pixels: int,
    report: Callable[[int, int | None], None],
    resumed: Callable[[int], None],
) -> Summary:
    """Upscales a video, from where a stopped run of the same settings has left it.

    Sizes are rounded up to even ones, because 4:2:0 has half the chroma.

    Args:
      max_pixels: the limit, of a frame of the source.
      report: called as `report(finished, total)` after each frame; the total may be unknown.
      resumed: called with the number of frames that an earlier run has finished.

    Raises:
      VideoError: a source that cannot be read, a target that cannot hold it, parts of another run beside it, or, after
        the target was written, a source that is damaged.
      OSError: the target cannot be written.
    """
    video = reading.describe(source, max_pixels=max_pixels)
    height, width = (n + n % 2 for n in target.size(video.height, video.width))
    kind = containers.written_as(target.path)
    if kind is None:
        raise VideoError(f"{target.path}: expected a name that ends in one of {', '.join(containers.WRITTEN)}")
    codec, note = codecs.choose(target.codec, kind, bits=video.colour.bits, height=height, width=width)
    codecs.check_quality(codec, target.crf, target.is_lossless)
    crf = target.crf or codec.crf
    copies = joining.check(source, kind)
    stored = Encoding(codec, crf, height, width, video.colour, video.rate, video.time_base, video.aspect)

    place = segments.folder(target.path)
    segments.prepare(
        place,
        {
            "source": checksums.sha256(source),
            "size": f"{width}x{height}",
            "codec": codec.name,
            "quality": str(crf),
            "version": f"jsr {__version__}, PyAV {av.__version__}",
            **target.description,
        },
    )
    finished = segments.finished(place)
    if finished:
        resumed(len(finished) * segments.LENGTH)
    decoder, clock = Decoder(video), _Clock()

    def enlarged(small: Iterator[tuple[int, Frame]]) -> Generator[tuple[int, Frame], None, None]:
        for number, frame in small:
            pixels = target.enlarge(frame.pixels)
            if pixels.shape[:2] != (height, width):
                missing = [(0, height - pixels.shape[0]), (0, width - pixels.shape[1]), (0, 0)]
                pixels = np.pad(pixels, missing, mode="edge")
            yield number, frame._replace(pixels=pixels)

    def counted(frames: Iterator[tuple[int, Frame]]) -> Iterator[Frame]:
        for number, frame in frames:
            yield frame
            clock.tick()
            report(number + 1, video.length)

    # The network runs in a thread, and the decoder in another, ahead of this one, which encodes.
    with contextlib.ExitStack() as stack:
        unfinished = decoder.frames(lambda number: number // segments.LENGTH not in finished)
        small = stack.enter_context(prefetched(unfinished))
        large = stack.enter_context(prefetched(enlarged(small)))
        for number, frames in itertools.groupby(large, key=lambda item: item[0] // segments.LENGTH):
            encoding.write(segments.path(place, number), counted(frames), stored)

    files = [segments.path(place, number) for number in sorted(segments.finished(place))]
    joining.join(target.path, files, source, kind, stored, copies)
    segments.remove(place)
    if decoder.damage:
        raise VideoError(f"{decoder.damage}; {target.path} has the {decoder.count} frames that can be decoded")
    notes = (*video.notes, *decoder.notes, *copies.notes, *([note] if note else []), *clock.notes(decoder.count))
    return Summary(height, width, notes, f"{decoder.count} frames of {video.description}")


def fingerprint(model: Model) -> str:
    """Returns a hash of a model's module and variables."""
    digest = hashlib.sha256(repr(model.module).encode())
    for path, leaf in jax.tree.leaves_with_path(model.variables):
        digest.update(f"{path}".encode() + np.ascontiguousarray(leaf).tobytes())
    return digest.hexdigest()


class _Clock:
    """The speed of a run, without its first frame, before which the network is compiled."""

    def __init__(self) -> None:
        self._count, self._start = 0, 0.0

    def tick(self) -> None:
        """Counts a frame."""
        self._count += 1
        if self._count == 1:
            self._start = time.monotonic()

    def notes(self, total: int) -> tuple[str, ...]:
        """Tells the speed, and how many frames an earlier run had finished."""
        seconds, count = time.monotonic() - self._start, self._count
        speed = (f"{(count - 1) / seconds:.3g} frames a second",) if count > 1 else ()
        return (
            *([f"{total - count} of {total} frames were finished by an earlier run"] if count < total else []),
            *speed,
        )
