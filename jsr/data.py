"""Pictures to train on, a folder or a dataset by name, cut into patches to draw crops from.

Everything is RGB uint8 in [0, 255], rows first. Patches `[n, P, P, 3]` overlap so far that every
window of `size` pixels of every picture lies within one of them; `sizes [n, 2]` (rows, columns)
says how much of a patch is picture, since a picture smaller than a patch is padded with zeros on
the right and below.

Two kinds of source give the same crops, for both draw by `fold_in(key, step)`: `Resident`, the
whole set on the device, and `Streamed`, batches that the host prepared. Draws are for the global
batch, of which each device takes its share: what is drawn does not depend on how many devices there
are.
"""

import hashlib
import io
import json
import os
import shutil
import tempfile
import warnings
import zipfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Int, UInt8
from PIL import Image, ImageOps
from tqdm import tqdm

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
VALIDATION_SIDE = 384  # pixels; held-out pictures are cut, to be upscaled quickly and often
VALIDATION_MULTIPLE = 12  # divisible by the factors 2, 3 and 4
DEVICE_FRACTION = 0.4  # of the device's memory for patches; activations need the rest
NAMED = 10  # skipped pictures that a description names; the others are counted
FORMAT = 1  # of the cache; raised when the files below change


class DataError(ValueError):
    """Says in one line why there is nothing to train on."""


class Pictures(NamedTuple):
    """A set of pictures, ready to draw from."""

    patches: np.ndarray  # uint8 [n, P, P, 3], mapped from the cache
    sizes: np.ndarray  # int32 [n, 2]: the rows and columns of each patch that are picture
    validation: list[np.ndarray]  # uint8 [h, w, 3], not among the patches
    description: str


class Resident(NamedTuple):
    """The whole set on the device."""

    key: Array
    patches: UInt8[Array, "n p p 3"]
    sizes: Int[Array, "n 2"]


class Streamed(NamedTuple):
    """The batches of some consecutive steps, prepared by the host."""

    images: UInt8[Any, "k b s s 3"]
    first: Int[Any, ""]  # the step that images[0] belongs to


class Item(NamedTuple):
    """A picture not yet read."""

    name: str
    stamp: tuple[int, ...]  # changes when the picture does
    open: Callable[[], BinaryIO]


# Drawing.


def draw(
    key: Array, step: Int[Any, ""], sizes: Int[Array, "n 2"], *, batch: int, size: int
) -> tuple[Int[Array, " b"], Int[Array, "b 2"], Int[Array, " b"]]:
    """Draws the crops of a step.

    Returns:
      indices `[b]` of patches, uniform; origins `[b, 2]`, uniform over the windows of `size` pixels
      that lie within the picture; turns `[b]` in 0..7, of which bit 0 flips rows, bit 1 columns,
      and bit 2 then transposes.
    """
    index_key, origin_key, turn_key = jax.random.split(jax.random.fold_in(key, step), 3)
    indices = jax.random.randint(index_key, (batch,), 0, sizes.shape[0])
    origins = jax.random.randint(origin_key, (batch, 2), 0, sizes[indices] - size + 1)
    turns = jax.random.randint(turn_key, (batch,), 0, 8)
    return indices, origins, turns


def crops(
    source: Resident | Streamed,
    step: Int[Any, ""],
    *,
    batch: int,
    size: int,
    share: Any = 0,
    shares: int = 1,
) -> UInt8[Array, "b s s 3"]:
    """Returns a device's share of the crops of a step: `[batch / shares, size, size, 3]`.

    Pure, and the same for both kinds of source. `share`, 0 to `shares - 1`, may be traced. A
    `Streamed` source that is itself already split over the devices is taken with one share.

    Raises:
      ValueError: the shares do not divide the batch.
    """
    if batch % shares:
        raise ValueError(f"batch: expected a multiple of the {shares} shares, got {batch}")
    if isinstance(source, Streamed):
        images = lax.dynamic_index_in_dim(
            jnp.asarray(source.images), step - source.first, keepdims=False
        )
        return _share(images, share, shares)
    drawn = draw(source.key, step, source.sizes, batch=batch, size=size)
    indices, origins, turns = (_share(a, share, shares) for a in drawn)

    def crop(index, origin, turn):
        start = (index, origin[0], origin[1], jnp.zeros_like(index))
        image = lax.dynamic_slice(source.patches, start, (1, size, size, 3))[0]
        image = jnp.where(turn & 1, image[::-1], image)
        image = jnp.where(turn & 2, image[:, ::-1], image)
        return jnp.where(turn & 4, image.swapaxes(0, 1), image)

    return jax.vmap(crop)(indices, origins, turns)


def _share(array: Array, share: Any, shares: int) -> Array:
    if shares == 1:
        return array
    part = array.shape[0] // shares
    return lax.dynamic_slice_in_dim(array, share * part, part)


# Sources.


def resident(pictures: Pictures, key: Array) -> Resident:
    """Places the whole set on the default device."""
    return Resident(key, jnp.asarray(pictures.patches), jnp.asarray(pictures.sizes))


def stream(
    pictures: Pictures, key: Array, first: int, count: int, *, batch: int, size: int
) -> Streamed:
    """Prepares on the host the crops of `count` steps from `first` on, the same as `crops` draws.

    Returns:
      a source whose leaves are NumPy arrays: images `[count, batch, size, size, 3]`.
    """
    images = np.empty((count, batch, size, size, 3), np.uint8)
    # Drawn on the CPU, so as not to wait for the accelerator, which is busy with the steps before.
    device = _cpu()
    key, sizes = jax.device_put((key, pictures.sizes), device)
    with jax.default_device(device):
        for k in range(count):
            drawn = _draw(key, first + k, sizes, batch=batch, size=size)
            for b, (index, (y, x), turn) in enumerate(zip(*map(np.asarray, drawn), strict=True)):
                image = pictures.patches[index, y : y + size, x : x + size]
                image = image[::-1] if turn & 1 else image
                image = image[:, ::-1] if turn & 2 else image
                images[k, b] = image.swapaxes(0, 1) if turn & 4 else image
    return Streamed(images, np.asarray(first, np.int32))


_draw = jax.jit(draw, static_argnames=("batch", "size"))


def _cpu() -> Any:
    try:
        return jax.local_devices(backend="cpu")[0]
    except RuntimeError:  # JAX_PLATFORMS names the accelerator alone
        return jax.local_devices()[0]


def fits(pictures: Pictures) -> tuple[bool, str]:
    """Whether the patches leave the device memory enough to be `Resident`, and why, in words."""
    stats = jax.local_devices()[0].memory_stats() or {}
    memory = stats.get("bytes_limit") or os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    need = pictures.patches.nbytes
    fit = need < DEVICE_FRACTION * memory
    sign = "under" if fit else "not under"
    reason = f"patches take {need / 1e9:.2f} GB, {sign} {DEVICE_FRACTION:.0%} of the device's"
    return fit, f"{reason} {memory / 1e9:.1f} GB"


# Loading.


def load(
    data: str | os.PathLike,
    *,
    size: int,
    cache_dir: str | os.PathLike | None = None,
    data_dir: str | os.PathLike | None = None,
    holdout: int = 8,
    patch: int = 256,
) -> Pictures:
    """Loads the pictures of a folder or dataset, cut into patches; a second call takes the cached.

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
      patch: the least side of a patch.

    Raises:
      DataError: no such folder or dataset, nothing usable in it, or no room for the patches.
    """
    data = os.path.expanduser(os.fspath(data))
    if os.path.exists(data):
        train, validation = folder_items(data), None
    else:
        from jsr import datasets  # imports TFDS, which folders do without

        train, validation = datasets.items(data, data_dir=data_dir)
    side = max(patch, 2 * size)
    stride = max((side - size + 1) // 4 * 4, 1)
    sets = [[(i.name, i.stamp) for i in items] for items in (train, validation or [])]
    key = json.dumps([FORMAT, size, side, stride, holdout, validation is not None, sets])
    root = Path(cache_dir) if cache_dir is not None else default_cache() / "patches"
    home = root / hashlib.sha256(key.encode()).hexdigest()
    if not home.exists():
        try:
            root.mkdir(parents=True, exist_ok=True)
            temporary = Path(tempfile.mkdtemp(prefix="unfinished-", dir=root))
        except OSError as e:
            raise DataError(f"{root}: cannot keep patches there: {e.strerror or e}") from e
        try:
            _build(temporary, data, train, validation, size, side, stride, holdout)
            try:
                temporary.rename(home)
            except OSError:
                if not home.exists():  # else another process was quicker; its patches are the same
                    raise
        except OSError as e:
            raise DataError(f"{root}: cannot keep patches there: {e.strerror or e}") from e
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return _open(home)


def default_cache() -> Path:
    """Returns the folder of this package in the user's cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "jsr"


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
        found += [
            Path(place, f) for f in files if f.lower().endswith(SUFFIXES) and not f.startswith(".")
        ]
    return sorted(found, key=lambda p: p.relative_to(folder).as_posix())


def folder_items(folder: str | os.PathLike) -> list[Item]:
    """Returns the pictures of a folder, not yet read."""
    items = []
    for path in list_pictures(folder):
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


def decode(file: BinaryIO) -> UInt8[np.ndarray, "h w 3"]:
    """Reads a picture as RGB, turned as EXIF says; 16 bits scaled to 8, transparency dropped.

    Raises:
      ValueError: it is a picture of floating-point numbers, whose range is not known.
      OSError, SyntaxError and others of Pillow's: it is broken.
    """
    with Image.open(file) as image:
        image = ImageOps.exif_transpose(image)
        if image.mode.startswith("I"):  # 16 bits of grey, which convert("RGB") would clip
            grey = np.asarray(image).astype(np.int64)
            grey = np.clip((grey + 128) // 257, 0, 255).astype(np.uint8)
            return np.repeat(grey[..., None], 3, axis=-1)
        if image.mode == "F":
            raise ValueError("expected a picture of whole numbers, got floating-point ones")
        return np.array(image.convert("RGB"))


def origins(length: int, *, side: int, stride: int) -> list[int]:
    """Returns where patches of `side` pixels start along an edge; the last ends with it."""
    if length <= side:
        return [0]
    return [*range(0, length - side, stride), length - side]


def cut(
    image: UInt8[np.ndarray, "h w 3"], *, side: int, stride: int
) -> Iterator[tuple[np.ndarray, tuple[int, int]]]:
    """Yields the patches `[side, side, 3]` of a picture, each with its size in rows and columns."""
    for y in origins(image.shape[0], side=side, stride=stride):
        for x in origins(image.shape[1], side=side, stride=stride):
            part = image[y : y + side, x : x + side]
            height, width = part.shape[:2]
            if (height, width) != (side, side):
                part = np.pad(part, ((0, side - height), (0, side - width), (0, 0)))
            yield part, (height, width)


def middle(image: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w 3"]:
    """Returns the middle of a picture, at most 384x384, its sides multiples of 12."""
    height, width = (
        min(n, VALIDATION_SIDE) // VALIDATION_MULTIPLE * VALIDATION_MULTIPLE
        for n in image.shape[:2]
    )
    y, x = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    return image[y : y + height, x : x + width]


def spaced(count: int, total: int) -> list[int]:
    """Returns `count` indices below `total`, evenly spaced: the middles of as many equal parts."""
    return [(2 * i + 1) * total // (2 * count) for i in range(count)]


def _build(home, data, train, validation, size, side, stride, holdout) -> None:
    """Reads all pictures and writes what `_open` reads to the folder `home`."""
    small: list[str] = []
    broken: list[str] = []

    def usable(items: list[Item]) -> Iterator[tuple[Item, tuple[int, int]]]:
        # Only the files' heads: what is broken farther on is found when it is decoded.
        for item, shape in _mapped(_shape, items, "look at pictures"):
            if shape is None:
                broken.append(item.name)
            elif min(shape) < max(size, VALIDATION_MULTIPLE):
                small.append(item.name)
            else:
                yield item, shape

    found = list(usable(train))
    # Room for what is to come, as Mpx say more than a disk that is full after an hour.
    count = sum(
        len(origins(h, side=side, stride=stride)) * len(origins(w, side=side, stride=stride))
        for _, (h, w) in found
    )
    need, free = count * side * side * 3, shutil.disk_usage(home).free
    if need > free:
        raise DataError(
            f"{home.parent}: expected room for {need / 1e9:.1f} GB of patches, "
            f"got {free / 1e9:.1f} GB (XDG_CACHE_HOME names another place)"
        )
    pictures = [item for item, _ in found]
    if validation is None:
        chosen = set(spaced(min(holdout, len(pictures) // 10), len(pictures)))
        held = [p for i, p in enumerate(pictures) if i in chosen]
        pictures = [p for i, p in enumerate(pictures) if i not in chosen]
    else:
        held = [item for item, _ in usable(validation)]
        held = [held[i] for i in spaced(min(holdout, len(held), len(pictures) // 10), len(held))]

    sizes: list[tuple[int, int]] = []
    used = pixels = 0
    with open(home / "patches.npy", "wb") as file:
        _write_header(file, 0, side)
        for item, image in _mapped(_decode, pictures, "cut pictures"):
            if image is None or min(image.shape[:2]) < size:
                broken.append(item.name)
                continue
            used, pixels = used + 1, pixels + image.shape[0] * image.shape[1]
            for part, shape in cut(image, side=side, stride=stride):
                file.write(np.ascontiguousarray(part).data)
                sizes.append(shape)
        end = file.tell()
        file.seek(0)
        _write_header(file, len(sizes), side)  # NumPy leaves room for a first axis that grew
        assert file.tell() + len(sizes) * side * side * 3 == end
    kept = []
    for item, image in _mapped(_decode, held, "held-out pictures"):
        if image is None:
            broken.append(item.name)
        else:
            kept.append(middle(image))
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


def _open(home: Path) -> Pictures:
    try:
        patches = np.load(home / "patches.npy", mmap_mode="r")
        sizes = np.load(home / "sizes.npy")
        with np.load(home / "validation.npz") as archive:
            validation = [archive[f"arr_{i}"] for i in range(len(archive.files))]
        about = json.loads((home / "about.json").read_text("utf-8"))
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as e:
        raise DataError(f"{home}: the patches kept there are damaged; delete that folder") from e
    return Pictures(patches, sizes, validation, about["description"])


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
            return decode(file)
    except Exception:  # as above
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
            if len(ahead) > 4 * threads:
                item, future = ahead.popleft()
                yield item, future.result()
                bar.update()
        for item, future in ahead:
            yield item, future.result()
            bar.update()
