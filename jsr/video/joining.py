"""Segments and the source's other streams, joined to a video without encoding again: sound is copied by the packet."""

import contextlib
import heapq
import io
import itertools
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from jsr.errors import VideoError
from jsr.files import atomic
from jsr.video import encoding as encodings
from jsr.video.containers import Container
from jsr.video.encoding import Encoding
from jsr.video.reading import opened, picture_stream

# Tags of a file or of its stream of pictures that would be untrue of the result; writers make their own.
UNTRUE = (
    *("encoder", "major_brand", "minor_version", "compatible_brands", "rotate", "vendor_id"),
    *("BPS", "DURATION", "NUMBER_OF_FRAMES", "NUMBER_OF_BYTES", "SOURCE_ID"),
)
OPTIONS = {"mp4": {"movflags": "+faststart"}, "mov": {"movflags": "+faststart"}}  # plays while it is downloaded
TAGS = {"x265": "hvc1"}  # of a codec in MP4; players of Apple know H.265 by this one alone
IN_ISO = ("mp4", "mov")


class Copies(NamedTuple):
    """The streams of a source that its result holds, by their indices, and notes of the others."""

    indices: frozenset[int]
    notes: tuple[str, ...]


def check(source: Path, kind: Container) -> Copies:
    """Finds the streams that a container can hold beside the pictures, before there are any.

    Raises:
      VideoError: it does not hold the sound.
    """
    indices, notes = [], []
    with opened(source) as container:
        pictures = picture_stream(container)
        for stream in container.streams:
            if stream is pictures or (stream.type == "data" and container.chapters()):
                continue  # MP4 repeats its chapters as data
            name = f"{stream.type} {_codec(stream)}".strip()
            if _is_held(stream, kind):
                indices.append(stream.index)
            elif stream.type == "audio":
                raise VideoError(f"{source}: {kind.name} does not hold its sound, {_codec(stream)}; -o NAME.mkv does")
            else:
                hint = "" if kind.muxer == "matroska" or stream.type != "subtitle" else "; -o NAME.mkv keeps it"
                notes.append(f"not kept: {name}, which {kind.name} does not hold{hint}")
    return Copies(frozenset(indices), tuple(notes))


def join(target: Path, segments: list[Path], source: Path, kind: Container, encoding: Encoding, copies: Copies) -> None:
    """Writes a video of the segments' pictures and the source's other streams, chapters and tags, atomically.

    Raises:
      VideoError: the source cannot be read any more.
      OSError: the video cannot be written.
    """
    options = OPTIONS.get(kind.muxer, {})
    with (
        opened(source) as container,
        _opened_segment(segments[0]) as first,
        atomic.replacing(target) as file,
        av.open(file.name, "w", format=kind.muxer, container_options=options) as result,
    ):
        result.metadata.update(_true(container.metadata))
        result.set_chapters(container.chapters())
        pictures, streams = picture_stream(container), {}
        for stream in container.streams:
            if stream.index == pictures.index:
                streams[stream.index] = _add_pictures(result, first, pictures, kind, encoding)
            elif stream.index in copies.indices:
                streams[stream.index] = _add_copy(result, stream)
        video = ((packet, streams[pictures.index]) for packet in _retimed(segments))
        packets = (_copied(container, streams, pictures.index), video) if copies.indices else (video,)
        for packet, stream in heapq.merge(*packets, key=_time):
            packet.stream = stream
            result.mux(packet)


def _time(item: tuple[Packet, Stream]) -> Fraction:
    packet, _ = item
    assert packet.dts is not None
    return packet.dts * packet.time_base


def _retimed(segments: list[Path]) -> Iterator[Packet]:
    """Yields the packets of all segments, with times of decoding that grow over all of them.

    Each encoder began its own. Here packet i is decoded at the i-th time of presentation, in order of size, and all
    are moved forward so far that none is shown before it is decoded.
    """
    times = [packet.pts * packet.time_base for packet in _packets(segments) if packet.pts is not None]
    order = sorted(times)
    delay = max((decoded - shown for decoded, shown in zip(order, times, strict=True)), default=Fraction(0))
    # The time until the next frame; of the last, as long as of the one before.
    pauses = [after - before for before, after in itertools.pairwise(order)]
    lengths = dict(zip(order, [*pauses, *(pauses[-1:] or [Fraction(0)])], strict=True))
    for packet, decoded, shown in zip(_packets(segments), order, times, strict=True):
        packet.dts = round((decoded - delay) / packet.time_base)
        packet.duration = round(lengths[shown] / packet.time_base)
        yield packet


def _packets(segments: list[Path]) -> Iterator[Packet]:
    for segment in segments:
        with _opened_segment(segment) as container:
            yield from (packet for packet in container.demux(container.streams.video[0]) if packet.size)


def _copied(container: InputContainer, streams: dict[int, Stream], pictures: int) -> Iterator[tuple[Packet, Stream]]:
    """Yields the packets of the source's other streams, as they are, each with its new stream."""
    chosen = [container.streams[index] for index in streams if index != pictures]
    packets = container.demux(*chosen)
    while True:
        try:
            packet = next(packets, None)
        except FFmpegError:  # a truncated source, as the decoder has noticed too
            return
        if packet is None:
            return
        if packet.size:
            # A cover has neither.
            packet.dts = packet.dts if packet.dts is not None else packet.pts or 0
            packet.pts = packet.pts if packet.pts is not None else packet.dts
            yield packet, streams[packet.stream.index]


def _add_pictures(
    result: OutputContainer, segment: InputContainer, source: VideoStream, kind: Container, encoding: Encoding
) -> VideoStream:
    # "opaque" takes the codec from the stream; otherwise, one that has no encoder of its decoder's name would fail.
    stream = result.add_stream_from_template(segment.streams.video[0], opaque=True)
    encodings.describe(stream, encoding)
    if kind.muxer in IN_ISO and encoding.codec.name in TAGS:
        stream.codec_context.codec_tag = TAGS[encoding.codec.name]
    stream.time_base, stream.codec_context.framerate = encoding.time_base, encoding.rate
    _label(stream, source)
    return stream


def _add_copy(result: OutputContainer, source: Stream) -> Stream:
    """Adds a stream for packets as the source has them.

    Raises:
      ValueError: the container does not hold its codec.
    """
    stream = result.add_stream_from_template(source, opaque=True)
    _label(stream, source)
    return stream


def _label(stream: Stream, source: Stream) -> None:
    stream.metadata.update(_true(source.metadata) if source.type == "video" else source.metadata)
    stream.disposition = source.disposition


def _true(tags: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in tags.items() if name.split("-")[0] not in UNTRUE and name[:1] != "_"}


def _is_held(stream: Stream, kind: Container) -> bool:
    """Tells whether a container holds a stream of another file, by a file that is begun and thrown away."""
    if stream.type == "data" or (stream.type == "attachment" and kind.muxer != "matroska"):
        return False
    if stream.type == "video" and not stream.disposition & Disposition.attached_pic:
        return False  # further pictures, which would stay small
    trial = av.open(io.BytesIO(), "w", format=kind.muxer)
    try:
        _add_copy(trial, stream)
        trial.start_encoding()
        trial.close()
    except (FFmpegError, ValueError):
        return False
    return True


def _codec(stream: Stream) -> str:
    return stream.codec_context.codec.canonical_name if stream.codec_context else ""


@contextlib.contextmanager
def _opened_segment(path: Path) -> Iterator[InputContainer]:
    with av.open(str(path), format="nut") as container:
        yield container
