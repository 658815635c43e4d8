"""A folder's `SHA256SUMS`: what each of its files held when it was written, as `sha256sum -c` reads it.

Orbax restores a checkpoint of which a byte has changed without a word; the sums notice.
"""

import hashlib
import os
from pathlib import Path

NAME = "SHA256SUMS"


def write(folder: Path) -> None:
    """Sums every file of a folder; the list is on disk, whole, when this returns.

    Raises:
      OSError: a file cannot be read, or the list not written.
    """
    sums = {name: _digest(folder / name) for name in _names(folder)}
    temporary = folder / f".{NAME}"
    with temporary.open("w", encoding="utf-8") as file:
        file.write(_text(sums))
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(folder / NAME)
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)  # else the new name may not outlive a power cut
    finally:
        os.close(handle)


def exists(folder: Path) -> bool:
    """Whether a folder has been summed; a folder without is an old one, or was still being written."""
    return (folder / NAME).exists()


def damage(folder: Path) -> str | None:
    """Returns in what a folder is not what was written, such as "d/4f2 has changed"; None where it is.

    Hidden files that came later, as desktops leave them, are no damage.
    """
    try:
        text = (folder / NAME).read_text("utf-8")
        sums = dict(line.split("  ", 1)[::-1] for line in text.splitlines())
        if text != _text(sums):  # cut off, say
            return f"{NAME} has changed"
        names = _names(folder)
        for name, expected in sums.items():
            if name not in names:
                return f"{name} is missing"
            if _digest(folder / name) != expected:
                return f"{name} has changed"
    except ValueError:
        return f"{NAME} has changed"
    except OSError as error:
        return f"{error.filename} cannot be read: {error.strerror}"
    foreign = [n for n in names if n not in sums and not Path(n).name.startswith(".")]
    return f"{NAME} lacks {foreign[0]}" if foreign else None


def _text(sums):
    return "".join(f"{digest}  {name}\n" for name, digest in sums.items())


def _names(folder):
    paths = (path for path in folder.rglob("*") if path.is_file())
    names = sorted(path.relative_to(folder).as_posix() for path in paths)
    return [name for name in names if name not in (NAME, f".{NAME}")]


def _digest(path):
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
