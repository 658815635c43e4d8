"""The pictures of a folder."""

import os
from pathlib import Path
from typing import NamedTuple

from jsr.pictures import formats


class Listing(NamedTuple):
    """The files in a folder and below it, each list sorted by relative name."""

    pictures: list[Path]
    others: list[Path]


def list_pictures(folder: str | os.PathLike) -> list[Path]:
    """Returns the pictures that `list_files` lists."""
    return list_files(folder).pictures


def list_files(folder: str | os.PathLike) -> Listing:
    """Lists the pictures and the other files in a folder and below it; a file counts as a picture.

    A file whose suffix is none of a picture, or that has none, is one if it begins like one. Hidden files are left out:
    `._name.jpg` on a memory card is no picture. Links are followed, but each folder is entered only once.
    """
    if os.path.isfile(folder):
        return Listing([Path(folder)], [])
    files, seen = [], set()
    for place, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        folders[:] = sorted(f for f in folders if not f.startswith(".") and real not in seen)
        if real in seen:
            continue
        seen.add(real)
        files += [Path(place, name) for name in names if not name.startswith(".")]
    listing = Listing([], [])
    for path in sorted(files, key=lambda path: path.relative_to(folder).as_posix()):
        (listing.pictures if _is_picture(path) else listing.others).append(path)
    return listing


def _is_picture(path: Path) -> bool:
    if formats.is_picture(path):
        return True
    try:
        # Without the check, a named pipe would be waited for.
        return path.is_file() and formats.begins_as_picture(path, _head(path))
    except OSError:
        return False


def _head(path: Path) -> bytes:
    with open(path, "rb") as file:
        return file.read(formats.HEAD)
