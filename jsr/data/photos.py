"""Photographs as files that are not yet decoded."""

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, NamedTuple

from jsr.pictures import folders


class Photo(NamedTuple):
    """The file of a photograph, not yet decoded."""

    name: str
    stamp: tuple[int, ...]  # changes when the file does
    open: Callable[[], BinaryIO]  # raises OSError where the file is gone
    size: int | None = None  # bytes; None where only reading it would tell


def in_folder(folder: str | os.PathLike[str]) -> list[Photo]:
    """Returns the photographs of a folder and its subfolders, sorted by relative path; of a file, that one."""
    return [from_path(path, folder) for path in folders.list_pictures(folder)]


def from_path(path: Path, folder: str | os.PathLike[str]) -> Photo:
    """Returns the photograph of a file, named by its path below a folder, or by its own name where it is that."""
    try:
        stat = path.stat()
        size, changed = stat.st_size, stat.st_mtime_ns
    except OSError:  # a dangling link, which counts as broken once it is opened
        size = changed = 0
    name = path.name if path == Path(folder) else path.relative_to(folder).as_posix()
    return Photo(name, (size, changed), lambda: path.open("rb"), size)


def from_bytes(name: str, stamp: tuple[int, ...], read: Callable[[], bytes]) -> Photo:
    """Returns the photograph whose file's content `read` returns."""
    return Photo(name, stamp, lambda: io.BytesIO(read()))
