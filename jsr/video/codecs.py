"""The codecs that results are written in, with their encoders' settings and limits."""

from typing import NamedTuple

from jsr.errors import VideoError
from jsr.video.containers import Container


class Codec(NamedTuple):
    """A codec, and the encoder of PyAV's wheels that writes it."""

    name: str  # of `--codec`
    standard: str
    encoder: str  # libavcodec's name
    pixels: dict[int, str]  # libavutil's pixel format by the bits of a sample
    options: dict[str, str]  # of the encoder
    crf: int | None = None  # the constant rate factor by default, lower is better; None for a lossless codec
    max_crf: int = 0
    max_width: int = 0  # of the highest level that players decode; 0 for no limit
    max_height: int = 0
    min_width: int = 0


# 4:2:0, because players decode nothing else in hardware, and a result twice as large or more holds all of its source's
# chroma in it. FFV1, for further editing, is 4:4:4.
EIGHT = {8: "yuv420p"}  # few players decode H.264 of 10 bits; the wheels' VP9 has none
EIGHT_OR_TEN = EIGHT | {10: "yuv420p10le"}
ALL = (
    Codec(
        "x264",
        "H.264",
        "libx264",
        EIGHT,
        # With mbtree, the encoder reads memory that it has not written where pictures are small, so that two runs would
        # differ. Without it, superfast needs as many bytes as veryfast for the same error, and half of its time.
        {"preset": "superfast", "x264-params": "mbtree=0"},
        18,
        51,
        4096,
        2304,
    ),
    Codec(
        "x265",
        "H.265",
        "libx265",
        EIGHT_OR_TEN,
        # Without "none", the encoder prints some 20 lines for each segment.
        {"preset": "fast", "x265-params": "log-level=none"},
        20,
        51,
        8192,
        4320,
        min_width=64,  # Below it, the encoder writes past its own memory.
    ),
    Codec("av1", "AV1", "libsvtav1", EIGHT_OR_TEN, {"preset": "8"}, 25, 63, 8192, 4352),
    # "b:v" of 0 lets the factor alone decide.
    Codec(
        "vp9",
        "VP9",
        "libvpx-vp9",
        EIGHT,
        {"deadline": "good", "cpu-used": "5", "row-mt": "1", "b:v": "0"},
        24,
        63,
        8192,
        4352,
    ),
    Codec("ffv1", "FFV1", "ffv1", {8: "yuv444p", 10: "yuv444p10le"}, {"level": "3", "slicecrc": "1"}),
)
CODECS = {codec.name: codec for codec in ALL}


def choose(name: str | None, container: Container, *, bits: int, height: int, width: int) -> tuple[Codec, str | None]:
    """Returns the codec of a result, and a note where it is not the container's usual one.

    Args:
      name: the codec that is asked for, or None for the first of the container's that holds the result.
      bits: of the result's samples.
      height, width: of the result, in pixels.

    Raises:
      VideoError: a codec that the container does not hold, or that does not hold the result.
    """
    if name and name not in container.codecs:
        raise VideoError(f"{container.name} is not written with {name}, only with {', '.join(container.codecs)}")
    usual = CODECS[name or container.codecs[0]]
    for codec in [usual] if name else [CODECS[other] for other in container.codecs]:
        if _limit(codec, bits, height, width) is None:
            reason = _limit(usual, bits, height, width)
            return codec, f"written as {codec.standard}, because {reason}" if reason else None
    others = [codec.name for codec in ALL if _limit(codec, bits, height, width) is None]
    raise VideoError(f"{_limit(usual, bits, height, width)}; --codec {' or '.join(others)} in a .mkv holds it")


def check_quality(codec: Codec, quality: int | None, is_lossless: bool) -> None:
    """Refuses a constant rate factor, or to lose nothing, where the codec has no such thing.

    Raises:
      VideoError: it has none.
    """
    if is_lossless and codec.crf is not None:
        raise VideoError(f"--lossless: {codec.standard} loses detail; --codec ffv1 in a .mkv does not")
    if quality is None:
        return
    if codec.crf is None:
        raise VideoError(f"--quality: {codec.standard} is lossless, so expected none")
    if quality > codec.max_crf:
        raise VideoError(f"--quality: expected a CRF of 1 to {codec.max_crf} for {codec.standard}, got {quality}")


def _limit(codec: Codec, bits: int, height: int, width: int) -> str | None:
    """Tells why a codec does not hold a result, or None where it does."""
    if bits not in codec.pixels:
        return f"{codec.standard} is written with 8 bits, and the video has {bits}"
    if width < codec.min_width:
        return f"{width}x{height} is narrower than the {codec.min_width} pixels of {codec.standard}"
    # In portrait too.
    if codec.max_width and (max(height, width) > codec.max_width or min(height, width) > codec.max_height):
        return f"{width}x{height} is beyond the {codec.max_width}x{codec.max_height} of {codec.standard}"
    return None
