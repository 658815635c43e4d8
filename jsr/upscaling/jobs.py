"""The jobs of one command: the pictures and videos to read, and the place of each result."""

import itertools
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from jsr.errors import PictureError
from jsr.pictures import folders, formats, reading
from jsr.video import containers, segments

WRITTEN = {**formats.WRITTEN, **containers.WRITTEN}
SAME = "same"  # the format of a result that has its picture's, if that is written
FORMATS = (SAME, *(suffix.removeprefix(".") for suffix in WRITTEN))
# The mark of a result beside its picture.
MARKS = r"_x[\d.]+|_w\d+|_h\d+|_w\d+h\d+|_max\d+|_compare"


class Job(NamedTuple):
    """One file to upscale, or one burst."""

    source: Path
    target: Path
    frames: tuple[Path, ...] = ()  # further ones, if the source is the first frame of a burst
    is_video: bool = False


class Naming(NamedTuple):
    """The names of results: `photo`, and then a mark and the format."""

    beside: str  # the mark of a result beside its picture
    elsewhere: str = ""  # the mark of a result in another folder
    format: str | None = None  # one of `FORMATS`; None for one that holds the picture or video, PNG for most

    def suffix(self, source: Path, *, is_video: bool = False) -> str:
        """Returns the suffix of a result, by which its format is known."""
        if f".{self.format}" in (containers if is_video else formats).WRITTEN:
            return f".{self.format}"
        if is_video:
            return containers.result_suffix(source)
        suffix = source.suffix.lower()
        if self.format == SAME and suffix in formats.WRITTEN:
            return suffix
        kind = formats.READ.get(suffix)
        if self.format == SAME and kind is not None and kind.suffixes:
            return kind.suffixes[0]
        return reading.result_suffix(source)


class Plan(NamedTuple):
    """The jobs of a command, and the files of its folders that are left out."""

    jobs: list[Job]
    earlier_results: list[Path]
    others: list[Path]  # files that are neither pictures nor videos
    empty: list[Path]  # folders without either, beside inputs that are or have some


def plan(inputs: list[Path], output: str | None, naming: Naming) -> Plan:
    """Pairs each file to read with the file to write, before any work.

    Where the name of a result is taken, as that of photo.png is by photo.gif, the second result bears the whole name of
    its picture, photo.png_x4.png, and where that is taken too, a number.

    Args:
      output: None for results beside their inputs, a folder, or, for one input, a file.

    Raises:
      PictureError: a folder without pictures and videos, an input that would be overwritten, or a file as output that
        does not agree with the naming or the input.
    """
    is_file = _names_a_file(output, inputs, naming)
    result = Plan([], [], [], [])
    seen, taken, real_folders = set(), set(), {}
    for source, name in _sources(inputs, None if is_file else output, naming, result):
        if _real(source) in seen:
            continue
        seen.add(_real(source))
        is_video = holds_video(source)
        if output is not None and is_file:
            _check_kind(output, is_video)
            result.jobs.append(Job(source, Path(output), is_video=is_video))
            continue
        place, mark = (source, naming.beside) if output is None else (Path(output, name), naming.elsewhere)
        # One look at each folder, and none at the names in it, of which many may be taken.
        if place.parent not in real_folders:
            real_folders[place.parent] = _real(place.parent)
        target = next(
            path
            for path in _names(place, mark + naming.suffix(source, is_video=is_video))
            if (real_folders[place.parent], os.path.normcase(path.name)) not in taken
        )
        taken.add((real_folders[place.parent], os.path.normcase(target.name)))
        result.jobs.append(Job(source, target, is_video=is_video))
    _check_targets(result.jobs, seen)
    return result


def plan_burst(inputs: list[Path], output: str | None, naming: Naming) -> Plan:
    """Makes one job of all files to read; its result is named after the first.

    Raises:
      PictureError: as `plan`.
    """
    result = Plan([], [], [], [])
    first, *frames = (source for source, _ in _sources(inputs, None, naming, result))
    job = plan([first], output, naming).jobs[0]
    _check_targets([job], {_real(path) for path in (first, *frames)})
    result.jobs.append(job._replace(frames=tuple(frames)))
    return result


def holds_video(path: Path) -> bool:
    """Tells whether a file is a video: one that begins like a picture is none, whatever its name."""
    try:
        # Without the check, a named pipe would be waited for.
        head = _head(path) if path.is_file() else b""
    except OSError:
        head = b""
    return formats.beginning_as(head) is None and containers.is_video(path, head)


def _names(place: Path, ending: str) -> Iterator[Path]:
    """Yields the names that a result may have, best first."""
    yield place.with_name(f"{place.stem}{ending}")
    yield place.with_name(f"{place.name}{ending}")
    for number in itertools.count(2):
        yield place.with_name(f"{place.name}_{number}{ending}")


def _check_targets(jobs: list[Job], inputs: set[str]) -> None:
    """Refuses targets that are inputs, under another name too."""
    inodes = {_inode(path) for path in inputs} - {None}
    for source, target, *_ in jobs:
        real = _real(target)
        if real in inputs or _inode(real) in inodes:
            raise PictureError(f"{source}: its result {target} would overwrite an input")


def _names_a_file(output: str | None, inputs: list[Path], naming: Naming) -> bool:
    """Tells whether `-o` names the result of one picture; otherwise it names a folder."""
    if output is None or os.path.isdir(output) or output.endswith(("/", os.sep)):
        return False
    kind = WRITTEN.get(Path(output).suffix.lower())
    if os.path.isfile(output) or kind:
        if len(inputs) > 1 or inputs[0].is_dir():
            raise PictureError(f"-o {output}: expected a folder for several pictures, got a file")
    elif len(inputs) > 1 or inputs[0].is_dir() or not Path(output).suffix:
        return False
    if kind is None:
        names = ", ".join(WRITTEN)
        raise PictureError(f"-o {output}: expected a name that ends in one of {names}, or in / for a folder")
    if naming.format and WRITTEN.get(f".{naming.format}") != kind:
        raise PictureError(f"-o {output}: names a {kind.name}, so expected no --format {naming.format}")
    return True


def _sources(inputs: list[Path], output: str | None, naming: Naming, result: Plan) -> Iterator[tuple[Path, Path]]:
    """Yields each picture or video and its name below a folder of results; adds the files left out to the plan."""
    marks = f"{MARKS}|{re.escape(naming.beside)}"
    suffixes = "|".join(map(re.escape, WRITTEN))
    # The group is the stem of a result's picture, or its whole name.
    results = re.compile(f"(.+)(?:{marks})(?:{suffixes})", re.IGNORECASE | re.DOTALL)
    for place in inputs:
        if not place.is_dir():
            yield place, Path(place.name)
            continue
        pictures, others = folders.list_files(place)
        if output is not None and _real(output) not in {_real(place), *_parents(place)}:
            # A folder of results inside a folder of inputs, or linked from there, holds no inputs.
            pictures, others = ([p for p in paths if _real(output) not in _parents(p)] for paths in (pictures, others))
        videos = {path for path in others if holds_video(path)}
        pictures = sorted([*pictures, *videos], key=lambda path: path.relative_to(place).as_posix())
        result.others.extend(p for p in others if p not in videos and p.parent.suffix != segments.ENDING)
        inputs_of_results = {p.with_suffix("") for p in pictures} | set(pictures)
        earlier_results = []
        for picture in pictures:
            match = results.fullmatch(picture.name)
            if match and picture.with_name(match[1]) in inputs_of_results:
                earlier_results.append(picture)
            else:
                yield picture, picture.relative_to(place)
        result.earlier_results.extend(earlier_results)
        if len(pictures) == len(earlier_results):
            result.empty.append(place)
    if len(result.empty) == len(inputs):
        found = f"; other files: {len(result.others)}, such as {result.others[0]}" if result.others else ""
        raise PictureError(f"{inputs[0]}: no pictures or videos in this folder{found}")


def _check_kind(output: str, is_video: bool) -> None:
    """Refuses a picture's name for a video, and a video's for a picture."""
    written = (containers if is_video else formats).WRITTEN
    if Path(output).suffix.lower() not in written:
        kind = "video" if is_video else "picture"
        raise PictureError(f"-o: expected a name in {', '.join(written)} for a {kind}")


def _head(path: Path) -> bytes:
    with open(path, "rb") as file:
        return file.read(max(containers.HEAD, formats.HEAD))


def _real(path: str | os.PathLike[str]) -> str:
    """Returns one name for each file, the same for all links to it."""
    return os.path.normcase(os.path.realpath(path))


def _inode(path: str) -> tuple[int, int] | None:
    """Returns the device and inode that all hard links of a file share, or None if there is no file."""
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return stat.st_dev, stat.st_ino


def _parents(path: Path) -> set[str]:
    return {str(parent) for parent in Path(_real(path)).parents}
