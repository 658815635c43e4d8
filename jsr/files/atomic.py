"""Files that appear whole or not at all: written as a draft beside their target, and renamed.

A process that is killed leaves its draft behind. It is known by its name, and to be nobody's any more by its lock,
which ended with the process; `sweep` removes it.
"""

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # Windows, where a file that is open cannot be removed
    fcntl = None

DRAFT = re.compile(r"\.jsr-\w{8}\.part")


@contextlib.contextmanager
def draft(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Opens a file to write, which replaces `path` at the end, unless an error is raised; then it is removed.

    Raises:
      OSError: it cannot be written.
    """
    path = Path(path)
    handle, name = _create(path.parent)
    try:
        with open(name, "wb") as file:
            yield file
        os.chmod(name, 0o644)  # mkstemp's files are private
        if fcntl is None:
            os.close(handle)
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
        raise
    finally:
        with contextlib.suppress(OSError):
            os.close(handle)


def sweep(folder: str | os.PathLike[str]) -> int:
    """Removes the drafts of processes that are no more from a folder; returns how many. Failing to is no error."""
    removed = 0
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            with contextlib.suppress(OSError):  # written by another process, or not ours to remove
                if DRAFT.fullmatch(name):
                    _remove(Path(folder, name))
                    removed += 1
    return removed


def _create(folder):
    """Returns a new draft, open and locked."""
    while True:
        handle, name = tempfile.mkstemp(dir=folder, prefix=".jsr-", suffix=".part")
        if fcntl:
            with contextlib.suppress(OSError):  # a file system without locks
                fcntl.flock(handle, fcntl.LOCK_EX)
        if os.path.exists(name):  # not swept between its creation and its lock
            return handle, name
        os.close(handle)


def _remove(path):
    with open(path, "rb") as file:
        if fcntl:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    path.unlink()
