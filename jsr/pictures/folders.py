"""The pictures of a folder."""

import os
from pathlib import Path

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")


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
        found += [Path(place, f) for f in files if f.lower().endswith(SUFFIXES) and not f.startswith(".")]
    return sorted(found, key=lambda p: p.relative_to(folder).as_posix())
