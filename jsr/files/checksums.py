"""SHA-256 of files, and the list of those of a folder, `SHA256SUMS`, as `sha256sum -c` reads it.

Orbax restores a checkpoint with a changed byte without an error; the list tells.
"""

import hashlib
import os
from pathlib import Path

from jsr.files import atomic

NAME = "SHA256SUMS"


def sha256(path: str | os.PathLike[str]) -> str:
    """Returns the SHA-256 of a file, in hex.

    Raises:
      OSError: it cannot be read.
    """
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write(folder: Path) -> None:
    """Writes the list for every file of a folder; it is on disk when this returns.

    Raises:
      OSError: a file cannot be read, or the list cannot be written.
    """
    sums = {name: sha256(folder / name) for name in _names(folder)}
    atomic.write_text(folder / NAME, _text(sums))
    atomic.sync_folder(folder)


def exists(folder: Path) -> bool:
    """Returns whether a folder has a list; one without is old, or a process was killed before it wrote the list."""
    return (folder / NAME).exists()


def damage(folder: Path) -> str | None:
    """Returns how a folder differs from its list, such as "d/4f2 has changed", or None where it does not.

    Hidden files that came later, as desktops leave them, are no damage.
    """
    try:
        text = (folder / NAME).read_text("utf-8")
        sums = dict(line.split("  ", 1)[::-1] for line in text.splitlines())
        if text != _text(sums):  # truncated, for example
            return f"{NAME} has changed"
        names = _names(folder)
        for name, expected in sums.items():
            if name not in names:
                return f"{name} is missing"
            if sha256(folder / name) != expected:
                return f"{name} has changed"
    except ValueError:
        return f"{NAME} has changed"
    except OSError as error:
        return f"{error.filename} cannot be read: {error.strerror}"
    foreign = [name for name in names if name not in sums and not Path(name).name.startswith(".")]
    return f"{NAME} lacks {foreign[0]}" if foreign else None


def _text(sums: dict[str, str]) -> str:
    return "".join(f"{digest}  {name}\n" for name, digest in sums.items())


def _names(folder: Path) -> list[str]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    names = sorted(path.relative_to(folder).as_posix() for path in paths)
    return [name for name in names if name != NAME and not atomic.TEMPORARY.fullmatch(name)]
