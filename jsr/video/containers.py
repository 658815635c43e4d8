"""The containers of video files, in one table for reading, writing, listing folders, help texts and errors.

A file with a suffix of the table is a video, and one without a suffix if it begins like one. The suffix decides the
container of a result.
"""

import os
import re
from pathlib import Path
from typing import NamedTuple


class Container(NamedTuple):
    """A container of video files."""

    name: str
    suffixes: tuple[str, ...]
    signature: bytes  # a regular expression that the first `HEAD` bytes match
    muxer: str = ""  # libavformat's name of the writer; empty for a container that is only read
    codecs: tuple[str, ...] = ()  # those that are written to it, by their names in `codecs.CODECS`; the default first
    is_ambiguous: bool = False  # other files have this suffix too, so the signature must match


ISO = rb".{4}(ftyp|moov|mdat|wide|free|skip)"
EBML = rb"\x1a\x45\xdf\xa3"
CONTAINERS = (
    Container("MP4", (".mp4", ".m4v"), ISO, "mp4", ("x264", "x265", "av1", "vp9")),
    Container("Matroska", (".mkv",), EBML, "matroska", ("x264", "x265", "av1", "vp9", "ffv1")),
    Container("WebM", (".webm",), EBML, "webm", ("vp9", "av1")),
    Container("QuickTime", (".mov",), ISO, "mov", ("x264", "x265")),
    Container("3GP", (".3gp",), ISO),
    Container("AVI", (".avi",), rb"RIFF.{4}AVI "),
    Container("MPEG", (".mpg", ".mpeg", ".m2v", ".vob"), rb"\x00\x00\x01[\xba\xb3]"),
    # TypeScript has the suffix .ts too.
    Container("MPEG-TS", (".ts", ".mts", ".m2ts"), rb"G.{187}G|.{4}G.{191}G", is_ambiguous=True),
    Container("ASF", (".wmv", ".asf"), rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),
    Container("Flash", (".flv",), rb"FLV\x01"),
    Container("Ogg", (".ogv",), rb"OggS"),
    Container("YUV4MPEG2", (".y4m",), rb"YUV4MPEG2 "),
)
HEAD = 200  # bytes
WRITTEN = {suffix: kind for kind in CONTAINERS if kind.muxer for suffix in kind.suffixes}
READ = {suffix: kind for kind in CONTAINERS for suffix in kind.suffixes}
RESULT = ".mkv"  # suffix of results whose own container is not written; it holds every codec


def is_video(path: str | os.PathLike[str], head: bytes) -> bool:
    """Tells whether a file that is no picture is a video, by its suffix or, without one, by how it begins.

    Args:
      head: its first `HEAD` bytes; fewer, or none, of a file that is shorter or cannot be read.
    """
    suffix = Path(path).suffix.lower()
    kind = READ.get(suffix)
    if kind and not kind.is_ambiguous:
        return True
    kinds = (kind,) if kind else CONTAINERS if not suffix else ()
    return any(re.match(k.signature, head, re.DOTALL) for k in kinds)


def written_as(path: str | os.PathLike[str]) -> Container | None:
    """Returns the container that a file of this suffix is written as, or None if there is none."""
    return WRITTEN.get(Path(path).suffix.lower())


def result_suffix(path: str | os.PathLike[str]) -> str:
    """Returns the suffix of a video's result: its own where that is written."""
    suffix = Path(path).suffix.lower()
    return suffix if suffix in WRITTEN else RESULT
