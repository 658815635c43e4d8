"""A temporary folder that does not outlive its process for long: the next one removes what a killed one left."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from jsr.files import atomic

LOCK = "running"  # the name that a folder's lock would get at the end, if the folder were not removed before


@contextlib.contextmanager
def folder(prefix: str) -> Iterator[Path]:
    """Makes a folder that only its owner can read, and removes it with its contents at the end of the block.

    Folders of the same prefix are removed first, if the processes that made them have been killed.

    Raises:
      OSError: it cannot be made.
    """
    sweep(prefix)
    path = Path(tempfile.mkdtemp(prefix=prefix))
    try:
        with atomic.replacing(path / LOCK):  # a locked file, by which `sweep` knows that the process lives
            yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def sweep(prefix: str) -> None:
    """Removes the folders of killed processes. A failure to remove one, as another user's, is no error."""
    for path in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        if path.is_dir() and not path.is_symlink() and atomic.sweep(path) and not _is_locked(path):
            shutil.rmtree(path, ignore_errors=True)


def _is_locked(path: Path) -> bool:
    return any(atomic.TEMPORARY.fullmatch(file.name) for file in path.iterdir())
