"""Segments, encoded: RGB frames in, a NUT file out, which keeps timestamps of any time base (Matroska rounds them)."""

import os
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from av.container import OutputContainer
from av.video.stream import VideoStream
from jaxtyping import Shaped

from jsr.files import atomic
from jsr.video.codecs import Codec
from jsr.video.colour import Colour, FromRGB


class Encoding(NamedTuple):
    """The settings of a result's video stream."""

    codec: Codec
    crf: int | None
    height: int
    width: int
    colour: Colour
    rate: Fraction  # frames a second, on average; the timestamps decide
    time_base: Fraction  # seconds of a unit of timestamps
    aspect: Fraction | None  # of a pixel, width by height


class Frame(NamedTuple):
    """A frame and its time of presentation, in units of the time base."""

    pixels: Shaped[np.ndarray, "h w 3"]  # R'G'B' of uint8 or uint16
    time: int


def add_stream(container: OutputContainer, encoding: Encoding) -> VideoStream:
    """Adds a stream with an encoder to a container."""
    os.environ.setdefault("SVT_LOG", "1")  # Without this, SVT-AV1 prints its settings for each segment.
    stream = container.add_stream(encoding.codec.encoder, rate=encoding.rate)
    assert isinstance(stream, VideoStream)
    stream.height, stream.width = encoding.height, encoding.width
    stream.pix_fmt = encoding.codec.pixels[encoding.colour.bits]
    stream.time_base = stream.codec_context.time_base = encoding.time_base
    stream.options = dict(encoding.codec.options)
    if encoding.crf is not None:
        stream.options["crf"] = str(encoding.crf)
    describe(stream, encoding)
    return stream


def describe(stream: VideoStream, encoding: Encoding) -> None:
    """Tells a stream its colours and the shape of its pixels, which its codec may not store."""
    context = stream.codec_context
    context.colorspace, context.color_range = encoding.colour.matrix, encoding.colour.range
    context.color_primaries, context.color_trc = encoding.colour.primaries, encoding.colour.transfer
    if encoding.aspect:
        context.sample_aspect_ratio = encoding.aspect


def write(path: Path, frames: Iterable[Frame], encoding: Encoding) -> None:
    """Encodes frames into a segment, atomically.

    Raises:
      OSError: it cannot be written.
    """
    from_rgb = FromRGB(encoding.colour, encoding.codec.pixels[encoding.colour.bits])
    # Without the option, libavformat would shift a segment whose first packet is decoded before time 0.
    with (
        atomic.replacing(path) as file,
        av.open(file.name, "w", format="nut", options={"avoid_negative_ts": "disabled"}) as container,
    ):
        stream = add_stream(container, encoding)
        for pixels, time in frames:
            frame = from_rgb(pixels)
            frame.pts, frame.time_base = time, encoding.time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
