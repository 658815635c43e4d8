"""Benchmarks: the sets that pictures are scored on, by the names that tables give them."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from jsr.ops.observation import Observation


class Benchmark(NamedTuple):
    """A column of the table: a set with its own low-resolution pictures, or with those that an observation makes."""

    label: str
    folder: Path
    observation: Observation | None = None


def label(folder: Path) -> str:
    """Returns a set's name, "Set5": that of its folder, after its parent's where it names only the scale, "Set5 x4"."""
    return " ".join(_names(folder))


def labels(folders: Sequence[Path]) -> list[str]:
    """Returns the names of sets, or their paths where two sets have one name."""
    names = [label(folder) for folder in folders]
    return names if len(set(names)) == len(names) else [str(folder) for folder in folders]


def benchmarks(folders: Sequence[Path], observations: Sequence[Observation]) -> list[Benchmark]:
    """Returns each set, or each of them once with every observation."""
    sets = [Benchmark(name, folder) for name, folder in zip(labels(folders), folders, strict=True)]
    if not observations:
        return sets
    return [Benchmark(f"{name} {seen}", folder, seen) for name, folder, _ in sets for seen in observations]


def results_folder(results: Path, folder: Path) -> Path:
    """Returns the folder of a program's results for a set: that of the set's name in `results`, if there is one.

    For Set5/x4 it is `results/Set5/x4` or `results/Set5`; otherwise `results` itself.
    """
    names = _names(folder)
    places = [results.joinpath(*names), results / names[0], results]
    return next((place for place in places if place.is_dir()), results)


def _names(folder: Path) -> list[str]:
    path = folder.resolve()
    is_scale = path.name[:1] == "x" and path.name[1:].isdigit()
    return [path.parent.name, path.name] if is_scale else [path.name]
