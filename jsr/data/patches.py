"""A set of pictures cut into patches to draw crops from, kept in the user's cache.

Everything is RGB uint8 in [0, 255], rows first. Patches `[n, P, P, 3]` overlap so far that every window of `size`
pixels of every picture lies within one of them; `sizes [n, 2]` (rows, columns) says how much of a patch is picture,
since a picture smaller than a patch is padded with zeros on the right and below. P is the side for which the overlaps
and the padding take the least room.
"""

import hashlib
import json
import os
import shutil
import tempfile
import time
import warnings
import zipfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from PIL import Image
from tqdm import tqdm

from jsr.data import patch_layout, photos
from jsr.data.photos import Item
from jsr.errors import DataError
from jsr.files.cache import default_cache
from jsr.pictures import reading
from jsr.pictures.picture import rgb

NAMED = 10  # skipped pictures that a description names; the others are counted
UNFINISHED = "unfinished-"  # what a folder of the cache is called till it is whole
STALE = 24 * 3600  # seconds without a byte written, after which nobody is at work on it
FORMAT = 2  # of the cache; raised when the files below change


class PatchSet(NamedTuple):
    """A set of pictures, ready to draw from."""

    patches: np.ndarray  # uint8 [n, P, P, 3], mapped from the cache
    sizes: np.ndarray  # int32 [n, 2]: the rows and columns of each patch that are picture
    validation: list[np.ndarray]  # uint8 [h, w, 3], not among the patches
    description: str


def load(
    data: str | os.PathLike,
    *,
    size: int,
    cache_dir: str | os.PathLike | None = None,
    data_dir: str | os.PathLike | None = None,
    holdout: int = 8,
) -> PatchSet:
    """Loads the pictures of a folder or dataset, cut into patches; a second call takes the cached, unless damaged.

    Held out for validation are at most `holdout` pictures, evenly spaced by name and never more
    than a tenth of the set; from a dataset with a validation split, they are that split's. Each is
    cut to its middle, at most 384x384.

    Args:
      data: a folder, searched with its subfolders for PNG, JPEG, WebP, BMP and TIFF; or the name of
        a dataset.
      size: side of the crops to be drawn; pictures smaller than that are skipped, as are broken
        ones.
      cache_dir: where patches are kept; the user's cache by default.
      data_dir: where datasets are kept; TFDS's own place by default.
      holdout: the most pictures held out.

    Raises:
      DataError: no such folder or dataset, nothing usable in it, or no room for the patches.
    """
    data = os.path.expanduser(os.fspath(data))
    if os.path.exists(data):
        train, validation = photos.items(data), None
    else:
        from jsr.data import datasets  # imports TFDS, which folders do without

        train, validation = datasets.items(data, data_dir=data_dir)
    sets = [[(i.name, i.stamp) for i in items] for items in (train, validation or [])]
    key = json.dumps([FORMAT, size, holdout, validation is not None, sets])
    root = Path(cache_dir) if cache_dir is not None else default_cache() / "patches"
    home = root / hashlib.sha256(key.encode()).hexdigest()
    if home.exists():
        try:
            return _open(home, size)
        except DataError:  # damaged; the pictures are here to be cut again
            shutil.rmtree(home, ignore_errors=True)
    temporary = None
    try:
        root.mkdir(parents=True, exist_ok=True)
        _sweep(root)
        temporary = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=root))
        _build(temporary, data, train, validation, size, holdout)
        try:
            temporary.rename(home)
        except OSError:
            if not home.exists():  # else another process was quicker; its patches are the same
                raise
    except OSError as e:
        raise DataError(f"{root}: cannot keep patches there: {e.strerror or e}") from e
    finally:
        if temporary:
            shutil.rmtree(temporary, ignore_errors=True)
    return _open(home, size)


def _sweep(root):
    """Deletes what processes that were killed left half built, which no other process is still at."""
    for stray in root.glob(f"{UNFINISHED}*"):
        times = [p.stat().st_mtime for p in (stray, *stray.glob("*"))]
        if time.time() - max(times) > STALE:
            shutil.rmtree(stray, ignore_errors=True)


def _build(home, data, train, validation, size, holdout) -> None:
    """Reads all pictures and writes what `_open` reads to the folder `home`."""
    small: list[str] = []
    broken: list[str] = []

    def usable(items: list[Item]) -> Iterator[tuple[Item, tuple[int, int]]]:
        # Only the files' heads: what is broken farther on is found when it is decoded.
        for item, shape in _mapped(_shape, items, "look at pictures"):
            if shape is None:
                broken.append(item.name)
            elif min(shape) < max(size, patch_layout.MIDDLE_MULTIPLE):
                small.append(item.name)
            else:
                yield item, shape

    found = list(usable(train))
    side = patch_layout.best_side([shape for _, shape in found], size=size) if found else size
    # Room for what is to come, as Mpx say more than a disk that is full after an hour.
    count = sum(int(patch_layout.counts(np.array(shape), side, size).prod()) for _, shape in found)
    need, free = count * side * side * 3, shutil.disk_usage(home).free
    if need > free:
        raise DataError(
            f"{home.parent}: expected room for {need / 1e9:.1f} GB of patches, "
            f"got {free / 1e9:.1f} GB (XDG_CACHE_HOME names another place)"
        )
    pictures = [item for item, _ in found]
    if validation is None:
        chosen = set(patch_layout.spaced(min(holdout, len(pictures) // 10), len(pictures)))
        held = [p for i, p in enumerate(pictures) if i in chosen]
        pictures = [p for i, p in enumerate(pictures) if i not in chosen]
    else:
        held = [item for item, _ in usable(validation)]
        held = [held[i] for i in patch_layout.spaced(min(holdout, len(held), len(pictures) // 10), len(held))]

    def patches(item: Item) -> tuple[int, np.ndarray, list[tuple[int, int]]] | None:
        image = _decode(item)
        if image is None or min(image.shape[:2]) < size:
            return None
        return image.shape[0] * image.shape[1], *patch_layout.cut(image, side=side, size=size)

    sizes: list[tuple[int, int]] = []
    used = pixels = 0
    with open(home / "patches.npy", "wb") as file:
        _write_header(file, 0, side)
        # Threads read and cut; writing, in order, takes less time than reading does on as many cores as there are.
        for item, done in _mapped(patches, pictures, "cut pictures"):
            if done is None:
                broken.append(item.name)
                continue
            used, pixels = used + 1, pixels + done[0]
            file.write(done[1].data)
            sizes += done[2]
        end = file.tell()
        file.seek(0)
        _write_header(file, len(sizes), side)  # NumPy leaves room for a first axis that grew
        assert file.tell() + len(sizes) * side * side * 3 == end
    os.chmod(home / "patches.npy", 0o444)  # whoever cuts off what runs have mapped ends them
    kept = []
    for item, image in _mapped(_decode, held, "held-out pictures"):
        if image is None or min(image.shape[:2]) < patch_layout.MIDDLE_MULTIPLE:  # changed since
            broken.append(item.name)
        else:
            kept.append(patch_layout.middle(image))
    if validation is None:
        kept = kept[: (used + len(kept)) // 10]  # pictures that proved broken are none of the set
    skipped = _skipped(small, broken)
    if not used:
        kinds = "PNG, JPEG, WebP, BMP or TIFF"
        what = f"pictures ({kinds}) of at least {size}x{size} pixels"
        raise DataError(f"{data}: expected {what}, got none{', ' + skipped if skipped else ''}")
    description = f"{used} picture{'s' * (used != 1)}, {pixels / 1e6:.1f} Mpx"
    if kept:
        description += f", {len(kept)} more held out"
    if skipped:
        description += f", {skipped}"
    np.save(home / "sizes.npy", np.array(sizes, np.int32))
    np.savez(home / "validation.npz", *kept)
    (home / "about.json").write_text(json.dumps({"description": description}), "utf-8")


def _open(home: Path, size: int) -> PatchSet:
    try:
        patches = np.load(home / "patches.npy", mmap_mode="r")
        sizes = np.load(home / "sizes.npy")
        with np.load(home / "validation.npz") as archive:
            validation = [archive[f"arr_{i}"] for i in range(len(archive.files))]
        about = json.loads((home / "about.json").read_text("utf-8"))
        description = about["description"]
        whole = (home / "patches.npy").stat().st_size == patches.offset + patches.nbytes
        fitting = sizes.shape == (len(patches), 2) and (size <= sizes.min() <= sizes.max() <= patches.shape[1])
        if not (whole and fitting):
            raise ValueError("sizes that are not those of the patches")
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as e:
        raise DataError(f"{home}: the patches kept there are damaged; delete that folder") from e
    return PatchSet(patches, sizes, validation, description)


def _write_header(file: BinaryIO, count: int, side: int) -> None:
    header = {"descr": "|u1", "fortran_order": False, "shape": (count, side, side, 3)}
    np.lib.format.write_array_header_1_0(file, header)


def _skipped(small: list[str], broken: list[str]) -> str:
    """Returns "2 skipped (small: a.png; broken: b.jpg)", or nothing."""

    def names(kind: str, items: list[str]) -> str:
        more = f" and {len(items) - NAMED} more" if len(items) > NAMED else ""
        return f"{kind}: {', '.join(items[:NAMED])}{more}"

    kinds = [names(k, i) for k, i in (("small", small), ("broken", broken)) if i]
    return f"{len(small) + len(broken)} skipped ({'; '.join(kinds)})" if kinds else ""


def _shape(item: Item) -> tuple[int, int] | None:
    """Returns a picture's sides, before it is turned, or None where it is no picture."""
    try:
        with item.open() as file, Image.open(file) as image:
            return image.height, image.width
    except Exception:  # Pillow raises nearly anything for a broken file
        return None


def _decode(item: Item) -> np.ndarray | None:
    try:
        with item.open() as file:
            return rgb(reading.decode(file.read()))
    except Exception:  # as above; it may have vanished or changed since its head was read
        return None


def _mapped(function: Callable[[Item], Any], items: Iterable[Item], label: str) -> Iterator:
    """Yields `(item, function(item))` in order, computed by threads that run a little ahead."""
    items = list(items)
    threads = min(16, os.cpu_count() or 1)
    # disable=None: no bar where there is no terminal.
    bar = tqdm(total=len(items), desc=label, unit=" pictures", disable=None, leave=False)
    with bar, warnings.catch_warnings(), ThreadPoolExecutor(threads) as pool:
        warnings.simplefilter("ignore")  # Pillow's, of odd metadata and of large pictures
        ahead: deque = deque()
        for item in items:
            ahead.append((item, pool.submit(function, item)))
            if len(ahead) > 2 * threads:
                item, future = ahead.popleft()
                yield item, future.result()
                bar.update()
        for item, future in ahead:
            yield item, future.result()
            bar.update()
