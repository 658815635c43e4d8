"""What `jsr.infer` is to do: which pictures are read, and where each result goes."""

import os
import re
from pathlib import Path
from typing import NamedTuple

from jsr.pictures import folders, writing

EARLIER_RESULT = re.compile(r"(.+)_(?:x\d+|compare)\.png")  # the stem of its input


class Job(NamedTuple):
    source: Path
    target: Path


def plan(
    inputs: list[Path], output: str | None, *, scale: int, comparing: bool = False
) -> tuple[list[Job], list[Path]]:
    """Says which files to read and to write, before any work.

    Args:
      output: None for results beside their inputs, a folder, or, for one picture, a file.

    Returns:
      the jobs, and the pictures left out because they are earlier results.

    Raises:
      ValueError: a folder without pictures, an input that would be overwritten, or two results of one name.
    """
    mark = "_compare" if comparing else f"_x{scale}"
    is_file = _names_a_file(output, inputs)
    jobs, left_out, seen = [], [], set()
    for source, name in _sources(inputs, None if is_file else output, left_out):
        if _real(source) in seen:
            continue
        seen.add(_real(source))
        if output is None:
            target = source.with_name(f"{source.stem}{mark}.png")
        elif is_file:
            target = Path(output)
        else:
            ending = f"{mark}.png" if comparing else ".png"
            target = Path(output, name.with_name(f"{name.stem}{ending}"))
        jobs.append(Job(source, target))
    targets, inputs_as_files = {}, {_file(path) for path in seen} - {None}
    for source, target in jobs:
        real = _real(target)
        if real in seen or _file(real) in inputs_as_files:
            raise ValueError(f"{source}: its result {target} would overwrite an input")
        if real in targets:
            raise ValueError(f"{targets[real]} and {source} would both become {target}")
        targets[real] = source
    return jobs, left_out


def _names_a_file(output, inputs):
    """Says whether `-o` names the result of one picture; otherwise it is a folder."""
    if output is None or os.path.isdir(output) or output.endswith(("/", os.sep)):
        return False
    if os.path.isfile(output) or writing.format_of(output):
        if len(inputs) > 1 or inputs[0].is_dir():
            raise ValueError(f"-o {output}: expected a folder for several pictures, got a file")
    elif len(inputs) > 1 or inputs[0].is_dir() or not Path(output).suffix:
        return False
    writing.check(output, 1, 1)
    return True


def _sources(inputs, output, left_out):
    """Yields each picture and its name below a folder of results; appends those left out."""
    for place in inputs:
        if not place.is_dir():
            yield place, Path(place.name)
            continue
        pictures = folders.list_pictures(place)
        if output is not None and _real(output) not in {_real(place), *_parents(place)}:
            # A folder of results within the folder of inputs, or linked to there, is none of them.
            pictures = [p for p in pictures if _real(output) not in _parents(p)]
        stems = {p.with_suffix("") for p in pictures}
        earlier = []
        for picture in pictures:
            match = EARLIER_RESULT.fullmatch(picture.name)
            if match and picture.with_name(match[1]) in stems:
                earlier.append(picture)
            else:
                yield picture, picture.relative_to(place)
        left_out += earlier
        if len(pictures) == len(earlier):
            raise ValueError(f"{place}: no pictures in this folder")


def _real(path):
    """One name for each file, whatever way leads to it."""
    return os.path.normcase(os.path.realpath(path))


def _file(path):
    """One name for all hard links of a file; None where there is none."""
    try:
        about = os.stat(path)
    except OSError:
        return None
    return about.st_dev, about.st_ino


def _parents(path):
    return {str(parent) for parent in Path(_real(path)).parents}
