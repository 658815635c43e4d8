"""Clips for tests, made by PyAV, and the ffmpeg program of imageio-ffmpeg, which judges results independently."""

import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

av = pytest.importorskip("av", reason="needs PyAV: pip install 'jax-srgan[video]'")
HEIGHT, WIDTH, RATE = 32, 48, 24
TICKS = 12800  # a second, in units of a clip's time base


def smooth(count, *, height=HEIGHT, width=WIDTH, seed=0):
    """Frames of coloured squares that move, uint8 `[count, height, width, 3]`."""
    colours = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8)
    large = colours.repeat(16, axis=0).repeat(16, axis=1)
    return np.stack([np.roll(large, (i, 2 * i), (0, 1))[:height, :width] for i in range(count)])


def write(
    path,
    frames,
    *,
    times=None,
    codec="libx264",
    pixels="yuv420p",
    matrix=1,
    full=False,
    aspect=None,
    sound=True,
    interlaced=False,
    options=None,
):
    """Writes a clip with a tone; times are those of the frames, in ticks."""
    times = [i * TICKS // RATE for i in range(len(frames))] if times is None else times
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream(codec, rate=RATE)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pixels
        stream.time_base = stream.codec_context.time_base = Fraction(1, TICKS)
        stream.options = {"crf": "12"} if codec.startswith("libx26") else {}
        if codec == "libx265":
            stream.options["x265-params"] = "log-level=none"
        if codec == "libx264":  # without mbtree, the same frames make the same file
            stream.options["x264-params"] = "mbtree=0:tff=1" if interlaced else "mbtree=0"
        context = stream.codec_context
        context.colorspace, context.color_range = matrix, 2 if full else 1
        context.color_primaries = context.color_trc = 1
        if aspect:
            context.sample_aspect_ratio = aspect
        tone = container.add_stream("libopus" if Path(path).suffix == ".webm" else "aac", rate=48000) if sound else None
        for pixels_, time in zip(frames, times, strict=True):
            frame = av.VideoFrame.from_ndarray(pixels_, format="rgb24" if pixels_.dtype == np.uint8 else "rgb48le")
            frame = frame.reformat(
                format=pixels, dst_colorspace=matrix, src_color_range=2, dst_color_range=2 if full else 1
            )
            frame.pts, frame.time_base = time, Fraction(1, TICKS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if tone:
            _add_tone(container, tone, seconds=times[-1] / TICKS)


def _add_tone(container, stream, *, seconds):
    wave = np.sin(np.arange(int(48000 * seconds)) * 0.05).astype(np.float32)
    for start in range(0, len(wave), 960):
        frame = av.AudioFrame.from_ndarray(wave[None, start : start + 960], format="flt", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48000, start, Fraction(1, 48000)
        container.mux(stream.encode(frame))
    container.mux(stream.encode())


def ffmpeg(*arguments):
    """Runs the ffmpeg program; returns what it prints. Skips the test where it is not installed."""
    judge = pytest.importorskip("imageio_ffmpeg", reason="needs an independent judge: pip install imageio-ffmpeg")
    command = [judge.get_ffmpeg_exe(), "-v", "error", "-nostdin", *map(str, arguments)]
    process = subprocess.run(command, capture_output=True)
    assert process.returncode == 0 and not process.stderr, process.stderr.decode()
    return process.stdout


def packets(path):
    """Returns, for each stream, its codec and its packets: time of presentation in ms, and a hash."""
    codecs, streams, bases = {}, {}, {}
    for line in (
        ffmpeg("-i", path, "-map", "0", "-c", "copy", "-f", "framehash", "-hash", "md5", "-").decode().splitlines()
    ):
        name, _, value = line.partition(" ")
        if name == "#tb":
            number, base = value.split(":")
            bases[int(number)] = Fraction(base.strip())
        elif name == "#codec_id":
            number, codec = value.split(":")
            codecs[int(number)], streams[int(number)] = codec.strip(), []
        elif not name.startswith("#"):
            number, _, time, _, _, digest = (part.strip() for part in line.split(",")[:6])
            streams[int(number)].append((round(float(1000 * int(time) * bases[int(number)])), digest))
    return [(codecs[number], found) for number, found in streams.items()]


def shown(path, height, width, *, deep=False):
    """Returns the frames as ffmpeg shows them, upright, uint8 or uint16 `[n, height, width, 3]`."""
    name, kind = ("rgb48le", np.uint16) if deep else ("rgb24", np.uint8)
    flags = "flags=accurate_rnd+full_chroma_int+full_chroma_inp+bicubic:out_range=full"
    content = ffmpeg(
        "-i", path, "-vf", f"scale={flags}", "-fps_mode", "passthrough", "-pix_fmt", name, "-f", "rawvideo", "-"
    )
    return np.frombuffer(content, kind).reshape(-1, height, width, 3)


def times(path):
    """Returns the times of presentation of the frames, in ms."""
    codec_and_packets = packets(path)[0]
    return sorted(time for time, _ in codec_and_packets[1])
