"""Atomic writes: a file or folder appears under its name complete, or not at all.

The content goes to a temporary file beside the target, which is renamed at the end. A killed process leaves its
temporary file behind. `sweep` recognises such a file by its name, and sees that nobody writes to it any more because
its lock is free.
"""

import contextlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # Windows, where an open file cannot be removed
    fcntl = None

TEMPORARY = re.compile(r"\.jsr-\w{8}\.part")
UNFINISHED = "unfinished-"  # the first part of a temporary folder's name
STALE = 24 * 3600  # seconds without a write, after which a temporary folder counts as abandoned


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Opens a temporary file that replaces `path` at the end of the block, or is removed where the block raises.

    Raises:
      OSError: it cannot be written.
    """
    path = Path(path)
    handle, name = _create(path.parent)
    try:
        with open(name, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # Without this, a power cut can leave the new name with no content.
        os.chmod(name, 0o644)  # mkstemp's files are private
        if fcntl is None:
            os.close(handle)
        os.replace(name, path)
    except BaseException:
        if fcntl is None:
            with contextlib.suppress(OSError):
                os.close(handle)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
        raise
    finally:
        with contextlib.suppress(OSError):
            os.close(handle)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Writes a text file as UTF-8.

    Raises:
      OSError: it cannot be written.
    """
    with replacing(path) as file:
        file.write(text.encode("utf-8"))


@contextlib.contextmanager
def building(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Makes a temporary folder that is renamed to `path` at the end of the block, or removed where the block raises.

    Where another process has made `path` meanwhile, its folder stays and ours is removed.

    Raises:
      OSError: the folder cannot be made or renamed.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=path.parent))
    try:
        yield temporary
        try:
            temporary.rename(path)
        except OSError:
            if not path.exists():
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds the lock of a file, made for the time of the block; waits while another process has it.

    It saves work and protects nothing: where a file system has no locks, or a third process comes while the second
    holds the file that the first has removed, two hold it at once.

    Raises:
      OSError: the file cannot be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as file:
        with contextlib.suppress(OSError):
            if fcntl:
                fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                path.unlink()


def sweep(folder: str | os.PathLike[str]) -> int:
    """Removes the temporary files of killed processes; returns how many. A failure to remove one is no error."""
    removed = 0
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            with contextlib.suppress(OSError):  # another process writes it, or we may not remove it
                if TEMPORARY.fullmatch(name):
                    _remove(Path(folder, name))
                    removed += 1
    return removed


def sweep_folders(root: Path) -> None:
    """Removes the temporary folders of killed processes from a folder of our own, such as the cache."""
    for folder in root.glob(f"{UNFINISHED}*"):
        last_write = max(path.stat().st_mtime for path in (folder, *folder.glob("*")))
        if time.time() - last_write > STALE:
            shutil.rmtree(folder, ignore_errors=True)


def sync_folder(folder: str | os.PathLike[str]) -> None:
    """Puts a folder's list of names on disk, so that a new name outlives a power cut. Windows has no such call."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _create(folder: Path) -> tuple[int, str]:
    """Returns a new temporary file, open and locked."""
    while True:
        handle, name = tempfile.mkstemp(dir=folder, prefix=".jsr-", suffix=".part")
        if fcntl:
            with contextlib.suppress(OSError):  # a file system without locks
                fcntl.flock(handle, fcntl.LOCK_EX)
        if os.path.exists(name):  # else it was swept between its creation and its lock
            return handle, name
        os.close(handle)


def _remove(path: Path) -> None:
    with open(path, "rb") as file:
        if fcntl:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    path.unlink()
