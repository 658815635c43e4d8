"""Videos, read: what a file holds, and its frames one after the other, upright, in bounded memory.

Files may be hostile: only the containers of the table are tried, no file opens another, and a frame's size is checked
before memory is allocated for it.
"""

import contextlib
import os
from collections.abc import Callable, Generator, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Disposition
from av.video.stream import VideoStream

from jsr.errors import VideoError
from jsr.video import colour as colours
from jsr.video.colour import Colour
from jsr.video.encoding import Frame

# Without the first, a playlist under the name of a video could open files and addresses; without the second, so could
# an exotic container.
SAFE = {
    "format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegvideo,mpegts,asf,flv,ogg,yuv4mpegpipe",
    "protocol_whitelist": "file",
}
# Of tags that are not UTF-8; PyAV 19 knows no other way.
REPLACED: dict[str, Any] = {"metadata_errors": "replace"} if int(av.__version__.partition(".")[0]) < 19 else {}
TIMED = ("mov", "matroska", "avi", "asf", "flv")  # containers whose head tells the duration; others' is estimated
TOLERANCE = 0.5  # seconds that may be missing at the end of a whole file, because heads round
DEFAULT_RATE = Fraction(25)  # frames a second, of a stream that does not tell


class Video(NamedTuple):
    """What a video file holds, of what is enlarged: one stream of pictures."""

    path: Path
    height: int  # upright
    width: int
    turns: int  # quarter turns, counterclockwise, that make a stored frame upright
    colour: Colour
    rate: Fraction  # frames a second, on average
    time_base: Fraction  # seconds
    aspect: Fraction | None  # of a pixel, width by height, upright
    length: int | None  # in frames, as the head tells or by the duration
    codec: str
    notes: tuple[str, ...]

    @property
    def description(self) -> str:
        """Describes the frames: 320x180 h264 of 8 bits, 24 frames a second."""
        size = f"{self.width}x{self.height}"
        return f"{size} {self.codec} of {self.colour.description}, {float(self.rate):g} frames a second"


@contextlib.contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[InputContainer]:
    """Opens a video file.

    Raises:
      VideoError: it cannot be read, or holds no known container.
    """
    with naming(path), av.open(os.fspath(path), options=SAFE, **REPLACED) as container:
        yield container


@contextlib.contextmanager
def naming(path: str | os.PathLike[str]) -> Iterator[None]:
    """Names the file in errors of libav and our own.

    Raises:
      VideoError: in their place.
    """
    try:
        yield
    except FFmpegError as error:
        is_system = isinstance(error, OSError)
        reason = error.strerror if is_system else f"broken or not a video: {error.strerror}"
        raise VideoError(f"{path}: {reason}") from error
    except VideoError as error:
        raise VideoError(f"{path}: {str(error).removeprefix(f'{path}: ')}") from error


def picture_stream(container: InputContainer) -> VideoStream:
    """Returns the stream of pictures: the first that is no cover.

    Raises:
      VideoError: there is none.
    """
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            return stream
    raise VideoError("expected a video, found no stream of pictures")


def describe(path: str | os.PathLike[str], *, max_pixels: int) -> Video:
    """Reads the head of a video and its first frame.

    Args:
      max_pixels: the limit, of a frame.

    Raises:
      VideoError: it cannot be read, is too large, interlaced, or of colours that are not supported.
    """
    with opened(path) as container:
        stream = picture_stream(container)
        if stream.width * stream.height > max_pixels:
            limit = f"{max_pixels / 10**6:g} million pixels"
            raise VideoError(f"{stream.width}x{stream.height}: more than {limit}; --max-pixels sets this limit")
        frame = next(container.decode(stream), None)
        if frame is None or stream.time_base is None:
            raise VideoError("expected a video, found no frame that can be decoded")
        if frame.interlaced_frame:
            raise VideoError(
                "interlaced, expected progressive frames; ffmpeg -i IN -vf bwdif -c:a copy OUT makes them so"
            )
        turns, notes = _orientation(frame)
        rate = stream.average_rate or stream.guessed_rate or DEFAULT_RATE
        duration = stream.duration and stream.duration * stream.time_base
        if not duration and container.duration:
            duration = Fraction(container.duration, av.time_base)
        height, width, aspect = frame.height, frame.width, stream.sample_aspect_ratio
        if turns % 2:
            height, width, aspect = width, height, 1 / aspect if aspect else None
        return Video(
            path=Path(path),
            height=height,
            width=width,
            turns=turns,
            colour=colours.of_frame(frame),
            rate=rate,
            time_base=stream.time_base,
            aspect=aspect,
            length=stream.frames or (round(duration * rate) if duration else None),
            codec=stream.codec_context.codec.canonical_name,
            notes=(*notes, *_losses(frame)),
        )


def _orientation(frame: av.VideoFrame) -> tuple[int, tuple[str, ...]]:
    """Returns quarter turns and notes."""
    turns, rest = divmod(frame.rotation, 90)
    return (0, (f"its rotation by {frame.rotation} degrees is not applied",)) if rest else (turns % 4, ())


def _losses(frame: av.VideoFrame) -> Iterator[str]:
    """Yields notes of all in a frame that its result does not hold."""
    depth = max(component.bits for component in frame.format.components)
    if depth > 10:
        yield f"its {depth} bits become 10"
    if any(component.is_alpha for component in frame.format.components):
        yield "its transparency is not kept"
    if frame.color_trc in colours.HDR:
        yield f"its {colours.HDR[frame.color_trc]} colours are enlarged as they are, by networks that know sRGB alone"


class Decoder:
    """The frames of a video, in the order of their presentation, and after the last, what was wrong with them."""

    def __init__(self, video: Video) -> None:
        """Takes what `describe` returned."""
        self.count = 0  # of the frames that were decoded
        self._video = video
        self._end = 0.0  # seconds, of all streams
        self._packets = 0  # of the pictures
        self._broken = 0
        self._interlaced = 0
        self._duration = 0.0  # seconds, of the file's head; 0 if it does not tell
        self._expected = 0  # packets

    @property
    def damage(self) -> str | None:
        """Tells, after the last frame, what is broken or missing."""
        reasons = []
        if self._broken:
            reasons.append(f"{self._broken} {'places' if self._broken > 1 else 'place'} cannot be decoded")
        if self._end < self._duration - TOLERANCE or self._packets < self._expected:
            reasons.append(f"it ends at {self._end:.1f} of {self._duration:.1f} s")
        return " and ".join(reasons) or None

    @property
    def notes(self) -> tuple[str, ...]:
        """Tells, after the last frame, what a viewer may see."""
        return (f"{self._interlaced} of its frames are interlaced",) if self._interlaced else ()

    def frames(self, is_wanted: Callable[[int], bool]) -> Generator[tuple[int, Frame], None, None]:
        """Yields frames with their numbers, from 0.

        Broken packets are passed over, as players do.

        Args:
          is_wanted: tells by its number whether a frame is yielded; the others are decoded and counted.

        Raises:
          VideoError: the file cannot be read any more.
        """
        video, time = self._video, None
        to_rgb = colours.ToRGB(video.colour, *((video.width, video.height)[:: 1 if video.turns % 2 else -1]))
        step = max(1, round(1 / (video.rate * video.time_base)))
        for number, frame in enumerate(self._decoded()):
            # Encoders want times that grow. Some streams have none, and broken ones have some twice.
            least = 0 if time is None else time + 1
            time = (least if time is None else time + step) if frame.pts is None else frame.pts
            time = time if number == 0 else max(time, least)
            self._interlaced += frame.interlaced_frame
            self.count += 1
            if is_wanted(number):
                pixels = np.rot90(to_rgb(frame), video.turns)
                yield number, Frame(np.ascontiguousarray(pixels), time)

    def _decoded(self) -> Iterator[av.VideoFrame]:
        with opened(self._video.path) as container:
            stream = picture_stream(container)
            stream.thread_type = "AUTO"
            if container.format.name.split(",")[0] in TIMED:
                self._duration = (container.duration or 0) / av.time_base
                self._expected = stream.frames
            start = (container.start_time or 0) / av.time_base
            packets = container.demux()
            while True:
                try:
                    packet = next(packets, None)
                except FFmpegError:  # the rest of the file cannot be read
                    self._broken += 1
                    packet = None
                if packet is None:
                    break
                if not packet.size:  # a repeated frame in AVI, or the end; to a decoder, it would be the end
                    continue
                if packet.pts is not None and packet.time_base:
                    self._end = max(self._end, float((packet.pts + (packet.duration or 0)) * packet.time_base) - start)
                if packet.stream is stream:
                    self._packets += 1
                    yield from self._pictures(stream, packet)
            yield from self._pictures(stream, None)

    def _pictures(self, stream: VideoStream, packet: Packet | None) -> Iterator[av.VideoFrame]:
        """Decodes a packet, or what the decoder still holds."""
        try:
            frames = stream.decode(packet)
        except FFmpegError:
            self._broken += 1
            return
        for frame in frames:
            self._broken += frame.is_corrupt
            yield frame
