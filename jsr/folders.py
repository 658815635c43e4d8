"""Pictures to train on, found in folders and not yet read."""

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, NamedTuple

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")


class DataError(ValueError):
    """Says in one line why there is nothing to train on."""


class Item(NamedTuple):
    """A picture not yet read."""

    name: str
    stamp: tuple[int, ...]  # changes when the picture does
    open: Callable[[], BinaryIO]


def list_pictures(folder: str | os.PathLike) -> list[Path]:
    """Returns the pictures, by suffix, in a folder and below it, sorted by relative name.

    Hidden files are left out (a memory card's `._name.jpg` is none). Links are followed, each
    folder once.
    """
    if os.path.isfile(folder):
        return [Path(folder)]
    found, seen = [], set()
    for place, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        folders[:] = sorted(f for f in folders if not f.startswith(".") and real not in seen)
        if real in seen:
            continue
        seen.add(real)
        found += [
            Path(place, f) for f in files if f.lower().endswith(SUFFIXES) and not f.startswith(".")
        ]
    return sorted(found, key=lambda p: p.relative_to(folder).as_posix())


def items(folder: str | os.PathLike) -> list[Item]:
    """Returns the pictures of a folder, not yet read."""
    items = []
    for path in list_pictures(folder):
        try:
            stat = path.stat()
            stamp = (stat.st_size, stat.st_mtime_ns)
        except OSError:  # a dangling link; counted as broken when it is opened
            stamp = (0, 0)
        name = path.name if path == Path(folder) else path.relative_to(folder).as_posix()
        items.append(Item(name, stamp, lambda path=path: open(path, "rb")))
    return items


def bytes_item(name: str, stamp: tuple[int, ...], read: Callable[[], bytes]) -> Item:
    """Returns a picture whose file's bytes `read` returns."""
    return Item(name, stamp, lambda: io.BytesIO(read()))
