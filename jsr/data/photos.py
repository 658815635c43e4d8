"""Pictures to train on, found in folders and not yet read."""

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, NamedTuple

from jsr.pictures import folders


class Item(NamedTuple):
    """A picture not yet read."""

    name: str
    stamp: tuple[int, ...]  # changes when the picture does
    open: Callable[[], BinaryIO]


def items(folder: str | os.PathLike) -> list[Item]:
    """Returns the pictures of a folder, not yet read."""
    items = []
    for path in folders.list_pictures(folder):
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
