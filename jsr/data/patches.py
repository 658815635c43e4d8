"""Photographs cut into patches to draw crops from, in the user's cache.

Patches `[n, P, P, 3]` overlap so far that every window of `size` pixels of every photograph lies within one of them;
a photograph smaller than a patch is padded with zeros on the right and below. P is the side for which overlaps and
padding take the least space. A photograph with a low-resolution picture of its own is cut together with it. A cached
set is a folder named by a hash of the photographs' names and stamps.
"""

import functools
import hashlib
import itertools
import json
import os
import shutil
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
from jaxtyping import UInt8
from tqdm import tqdm

from jsr.data import collection, decoding, patch_files, patch_layout
from jsr.data.collection import Collection
from jsr.data.patch_files import Cut, PatchSet
from jsr.data.patch_layout import Aligned
from jsr.data.photos import Photo
from jsr.errors import DataError
from jsr.files import atomic
from jsr.files.cache import default_cache
from jsr.pictures import formats

HOLDOUT = 8  # photographs for validation, at most
NAMED = 10  # files of a kind that a description names; the others are counted

T = TypeVar("T")


@dataclass
class Remarks:
    """The names of photographs that cannot be used, and of those that are not used as they are."""

    small: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    transparent: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """Returns "2 skipped (small: a.png; broken: b.jpg), 1 transparent, laid over white (c.png)", or nothing."""
        skipped = [("small", self.small), ("broken", self.broken)]
        kinds = "; ".join(f"{kind}: {_listed(names)}" for kind, names in skipped if names)
        count, flattened = len(self.small) + len(self.broken), len(self.transparent)
        return _joined(
            f"{count} skipped ({kinds})" if kinds else "",
            f"{flattened} transparent, laid over white ({_listed(self.transparent)})" if flattened else "",
        )


def load(
    data: str | os.PathLike[str] | Collection,
    *,
    size: int,
    cache_dir: str | os.PathLike[str] | None = None,
    data_dir: str | os.PathLike[str] | None = None,
    holdout: int = HOLDOUT,
) -> PatchSet:
    """Loads the photographs of a folder or dataset as patches; cuts them first unless the cache has them undamaged.

    Held out for validation are at most `holdout` photographs, evenly spaced by name and never more than a tenth of the
    set; from a dataset with a validation split, they are taken from that. Each is cut to its middle, at most 384x384.

    Args:
      data: a folder, searched with its subfolders; the name of a dataset; or what `collection.find` found in either.
      size: side in pixels of the crops to be drawn. Smaller photographs are skipped, and so are broken ones.
      cache_dir: the folder for patches; in the user's cache by default.
      data_dir: the folder of datasets; that of TFDS by default.
      holdout: photographs held out, at most.

    Raises:
      DataError: no such folder or dataset, no usable photograph in it, a low-resolution picture of another size than
        its photograph requires, or no space for the patches.
    """
    found = data if isinstance(data, Collection) else collection.find(data, data_dir=data_dir)
    root = Path(cache_dir) if cache_dir is not None else default_cache() / "patches"
    home = root / _key(found, size=size, holdout=holdout)
    if home.exists():
        try:
            return _read(home, found, size=size)
        except DataError:  # damaged; the photographs are here to be cut again
            shutil.rmtree(home, ignore_errors=True)
    try:
        atomic.sweep_folders(root)
        # Of several processes, one cuts the photographs while the others wait.
        with atomic.locked(home.with_suffix(".lock")):
            if not home.exists():
                with atomic.building(home) as folder:
                    _build(folder, found, size=size, holdout=holdout)
    except OSError as error:
        raise DataError(f"{root}: cannot keep patches there: {error.strerror or error}") from error
    return _read(home, found, size=size)


def _key(found: Collection, *, size: int, holdout: int) -> str:
    """Returns the name of the cached set, which changes with everything that its content depends on."""
    splits = (found.train, found.validation or [])
    sets = [[(photo.name, photo.stamp) for photo in photographs] for photographs in splits]
    key = [patch_files.FORMAT, size, holdout, found.validation is not None, sets]
    if found.lows:
        key += [found.lows.scale, [(photo.name, photo.stamp) for photo in found.lows.photos.values()]]
    return hashlib.sha256(json.dumps(key).encode()).hexdigest()


def _read(home: Path, found: Collection, *, size: int) -> PatchSet:
    """Reads a cached set, and adds the files that are no pictures to its description."""
    patches = patch_files.read(home, size=size, scale=found.lows.scale if found.lows else None)
    return patches._replace(description=_joined(patches.description, _others(found)))


def _build(folder: Path, found: Collection, *, size: int, holdout: int) -> None:
    """Reads all photographs and writes the files of the set.

    Raises:
      DataError: no usable photograph, a low-resolution picture of a wrong size, or no space for the patches.
      OSError: a file cannot be written.
    """
    remarks = Remarks()
    scale = found.lows.scale if found.lows else None
    shapes = _scan(found, found.train, remarks, size=size)
    side = patch_layout.best_side(shapes.values(), size=size, grid=scale or 1) if shapes else size
    _check_space(folder, list(shapes.values()), side=side, size=size, scale=scale)
    split = None if found.validation is None else list(_scan(found, found.validation, remarks, size=size))
    chosen, held_out = _hold_out(list(shapes), split, holdout)
    # Threads read and cut; this thread writes, in order, in less time than reading takes on as many cores as there are.
    cuts = _cut(found, chosen, remarks, side=side, size=size)
    pixels = patch_files.write_patches(folder, cuts, side=side, scale=scale)
    middles = list(_middles(found, held_out, remarks))
    if split is None:
        middles = middles[: (len(pixels) + len(middles)) // 10]  # a tenth of the photographs that proved whole
    if not pixels:
        expected = f"pictures ({formats.NAMES}) of at least {size}x{size} pixels"
        raise DataError(_joined(f"{found.name}: expected {expected}, got none", str(remarks), _others(found)))
    patch_files.write_rest(folder, middles, _describe(pixels, len(middles), remarks))


def _scan(found: Collection, photographs: list[Photo], remarks: Remarks, *, size: int) -> dict[Photo, tuple[int, int]]:
    """Returns the height and width of each usable photograph; damage beyond the header is found when it is cut."""
    shapes = {}
    for photo, shape in _in_threads(functools.partial(decoding.shape, found), photographs, "look at pictures"):
        if shape is None:
            remarks.broken.append(photo.name)
        elif min(shape) < max(size, patch_layout.MIDDLE_MULTIPLE):
            remarks.small.append(photo.name)
        else:
            shapes[photo] = shape
    return shapes


def _check_space(folder: Path, shapes: list[tuple[int, int]], *, side: int, size: int, scale: int | None) -> None:
    """Checks the free space first, because an error now is better than a full disk in an hour."""
    edges = np.array(shapes, int).reshape(-1, 2)
    count = int(patch_layout.counts(edges, side=side, size=size, grid=scale or 1).prod(axis=1).sum())
    need = count * 3 * (side**2 + ((side // scale) ** 2 if scale else 0))
    free = shutil.disk_usage(folder).free
    if need > free:
        raise DataError(
            f"{folder.parent}: expected room for {need / 1e9:.1f} GB of patches, got {free / 1e9:.1f} GB"
            " (XDG_CACHE_HOME names another place)"
        )


def _hold_out(train: list[Photo], split: list[Photo] | None, holdout: int) -> tuple[list[Photo], list[Photo]]:
    """Returns the photographs to train on and those to validate on, which come from the validation split if any."""
    count = min(holdout, len(train) // 10)
    if split is not None:
        count = min(count, len(split))
        return train, [split[i] for i in patch_layout.spaced(count, len(split))]
    indices = set(patch_layout.spaced(count, len(train)))
    rest = [photo for i, photo in enumerate(train) if i not in indices]
    return rest, [photo for i, photo in enumerate(train) if i in indices]


def _cut(found: Collection, photographs: list[Photo], remarks: Remarks, *, side: int, size: int) -> Iterator[Cut]:
    """Yields the patches of each photograph."""

    def cut(photo: Photo) -> Cut | None:
        decoded = decoding.decode(found, photo)
        if decoded is None or min(decoded.shape) < size:  # changed since it was scanned
            return None
        height, width = decoded.shape
        parts = patch_layout.cut(decoded.pixels, side=side, size=size)
        return Cut(height * width, *parts, decoded.is_transparent)

    for photo, result in _in_threads(cut, photographs, "cut pictures"):
        if result is None:
            remarks.broken.append(photo.name)
            continue
        remarks.transparent += [photo.name] * result.is_transparent
        yield result


def _middles(
    found: Collection, photographs: list[Photo], remarks: Remarks
) -> Iterator[UInt8[np.ndarray, "h w 3"] | Aligned]:
    """Yields the middle of each photograph."""
    for photo, decoded in _in_threads(functools.partial(decoding.decode, found), photographs, "held-out pictures"):
        # It may have changed since it was scanned.
        if decoded is None or min(decoded.shape) < patch_layout.MIDDLE_MULTIPLE:
            remarks.broken.append(photo.name)
            continue
        remarks.transparent += [photo.name] * decoded.is_transparent
        yield patch_layout.middle(decoded.pixels)


def _describe(pixels: list[int], held_out: int, remarks: Remarks) -> str:
    """Returns "27 pictures, 3.1 Mpx, 3 more held out, 1 skipped (broken: a.png)", without the parts that are nought."""
    count = f"{len(pixels)} picture{'s' * (len(pixels) != 1)}"
    return _joined(count, f"{sum(pixels) / 1e6:.1f} Mpx", f"{held_out} more held out" * bool(held_out), str(remarks))


def _others(found: Collection) -> str:
    """Returns "2 other files (a.txt, b.jpg_large)", or nothing: a picture may be among them, with a wrong suffix."""
    count = len(found.others)
    return f"{count} other file{'s' * (count != 1)} ({_listed(found.others)})" if count else ""


def _listed(names: list[str]) -> str:
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")


def _joined(*parts: str) -> str:
    return ", ".join(part for part in parts if part)


def _in_threads(function: Callable[[Photo], T], photographs: list[Photo], label: str) -> Iterator[tuple[Photo, T]]:
    """Yields `(photo, function(photo))` in order, computed by threads that run a little ahead."""
    threads = min(16, os.cpu_count() or 1)
    # disable=None: no bar where there is no terminal.
    bar = tqdm(total=len(photographs), desc=label, unit=" pictures", disable=None, leave=False)
    with bar, ThreadPoolExecutor(threads) as pool:
        waiting = iter(photographs)
        results = deque(pool.submit(function, photo) for photo in itertools.islice(waiting, 2 * threads))
        for photo in photographs:
            result = results.popleft().result()
            results.extend(pool.submit(function, next_photo) for next_photo in itertools.islice(waiting, 1))
            yield photo, result
            bar.update()
