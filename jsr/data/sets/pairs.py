"""Pairs of a benchmark set: an original, and its low-resolution picture or what another program has made of that."""

import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from jsr.data.sets import matching, set_layout
from jsr.data.sets.set_layout import Listing
from jsr.errors import DataError
from jsr.ops import observation as observations
from jsr.ops import pixels, resize
from jsr.ops.observation import Observation
from jsr.pictures import folders, reading
from jsr.pictures.picture import flatten, rgb


class Pair(NamedTuple):
    """The files of an original and of the pictures that belong to it."""

    name: str  # the path below `hr`
    hr: Path
    lr: Path | None  # None: made from hr
    result: Path | None = None  # of another program


def find(folder: Path, *, scale: int) -> list[Pair]:
    """Lists the originals of a benchmark set, each with its low-resolution picture if the set holds these.

    Both have one path below their folders, but for the suffix and for what is after the name, as in DIV2K's 0801.png
    and 0801x4.png.

    Raises:
      DataError: no set, no picture in it, or no low-resolution picture for one, or more than one.
    """
    hr, lr = set_layout.locate(folder, scale=scale)
    names = [path.relative_to(hr.folder).as_posix() for path in hr.pictures]
    lrs = [None] * len(names) if lr is None else _partners(hr, lr, scale=scale, kind="low-resolution picture")
    return [Pair(*files) for files in zip(names, hr.pictures, lrs, strict=True)]


def match(hr_folder: Path, lr_folder: Path, *, scale: int) -> list[tuple[Path, Path]]:
    """Lists the pictures of a folder, sorted, each with the low-resolution picture that belongs to it in another.

    Raises:
      DataError: no picture, or no low-resolution picture for one, or more than one.
    """
    hr, lr = (Listing(folder, folders.list_pictures(folder)) for folder in (hr_folder, lr_folder))
    for listing in (hr, lr):
        if not listing.pictures:
            raise DataError(f"{listing.folder}: no pictures")
    return list(zip(hr.pictures, _partners(hr, lr, scale=scale, kind="low-resolution picture"), strict=True))


def find_results(folder: Path, results: Path, *, scale: int) -> list[Pair]:
    """Lists the originals of a benchmark set, each with the picture that another program has made of it.

    These have the paths of the originals below `results`, but for the suffix and for what is after the name.

    Raises:
      DataError: as `find`, or no result for an original, or more than one.
    """
    if not results.is_dir():
        raise DataError(f"{results} is not a folder; expected one with the results for {folder}")
    pictures = folders.list_pictures(results)
    if not pictures:
        raise DataError(f"{results}: no pictures")
    hr, _ = set_layout.locate(folder, scale=scale)
    found = _partners(hr, Listing(results, pictures), scale=scale, kind="result")
    pairs = find(folder, scale=scale)
    return [pair._replace(result=path) for pair, path in zip(pairs, found, strict=True)]


def _partners(hr: Listing, others: Listing, *, scale: int, kind: str) -> list[Path]:
    """Finds the one picture that belongs to each original."""
    originals, candidates = (
        [path.relative_to(listing.folder) for path in listing.pictures] for listing in (hr, others)
    )
    found = matching.match(originals, candidates, scale=scale)
    for original, paths in zip(hr.pictures, found, strict=True):
        if len(paths) > 1:
            first, second = (others.folder / path for path in paths[:2])
            raise DataError(f"{original}: expected one {kind}, got {first} and {second}")
    missing = [name.as_posix() for name, paths in zip(originals, found, strict=True) if not paths]
    if missing:
        rest = f" and {len(missing) - 1} more of {hr.folder.name}" if len(missing) > 1 else ""
        raise DataError(f"{others.folder}: no picture for {missing[0]}{rest}")
    return [others.folder / path for (path,) in found]


def read(
    pair: Pair, *, scale: int, observation: Observation | None = None
) -> tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "sh sw 3"]]:
    """Reads `(lr, hr)`; `hr` is cut on the right and below to multiples of the scale, as is the custom.

    Transparent pictures are laid over white, as they are for training.

    Args:
      observation: the blur and the noise by which `lr` is made from `hr`, even where there is a file for it.

    Raises:
      DataError: the sizes do not fit the scale.
      PictureError: a picture cannot be read.
    """
    original = _read(pair.hr)
    hr = _cut(original, scale)
    height, width = hr.shape[:2]
    if observation is not None:
        return observe(hr, observation, scale=scale, seed=zlib.crc32(pair.name.encode())), hr
    lr = reduce(hr, scale=scale) if pair.lr is None else _read(pair.lr)
    if (height, width) != (scale * lr.shape[0], scale * lr.shape[1]):
        sizes = f"{width}x{height} for {lr.shape[1]}x{lr.shape[0]}"
        fitting = [n for n in (2, 3, 4) if _cut(original, n).shape == (n * lr.shape[0], n * lr.shape[1], 3)]
        hint = f"; --scale {fitting[0]} would fit" if fitting else ""
        raise DataError(f"{pair.hr}: expected hr {scale} times the size of lr, got {sizes}{hint}")
    return lr, hr


def read_result(pair: Pair, *, scale: int) -> tuple[UInt8[np.ndarray, "sh sw 3"], UInt8[np.ndarray, "sh sw 3"]]:
    """Reads `(result, hr)` as `read` reads `hr`; the result has the size of that or of the whole original.

    Raises:
      DataError: it has another size.
      PictureError: a picture cannot be read.
      ValueError: the pair has no result.
    """
    if pair.result is None:
        raise ValueError(f"{pair.name}: expected a pair that find_results has found")
    result, original = _read(pair.result), _read(pair.hr)
    hr = _cut(original, scale)
    if result.shape not in (hr.shape, original.shape):
        expected, found = (f"{image.shape[1]}x{image.shape[0]}" for image in (hr, result))
        raise DataError(f"{pair.result}: expected {expected} pixels, to fit {pair.hr}, got {found}")
    return _cut(result, scale), hr


def reduce(hr: UInt8[np.ndarray, "sh sw 3"], *, scale: int) -> UInt8[np.ndarray, "h w 3"]:
    """Returns the low-resolution picture of `hr`: bicubic, in whole grey levels, as in training."""
    lr = resize.downscale(pixels.to_unit(hr)[None], scale)[0]
    return np.round(np.asarray(lr) * 255).astype(np.uint8)


def observe(
    hr: UInt8[np.ndarray, "sh sw 3"], observation: Observation, *, scale: int, seed: int
) -> UInt8[np.ndarray, "h w 3"]:
    """Returns the low-resolution picture of `hr` with a blur and a noise, in whole grey levels."""
    lr = np.asarray(observations.observe(hr.astype(np.float32), scale, blur=observation.blur))
    lr = lr + np.random.default_rng(seed).normal(0, observation.noise, lr.shape)
    return np.clip(np.round(lr), 0, 255).astype(np.uint8)


def _read(path: Path) -> UInt8[np.ndarray, "h w 3"]:
    return rgb(flatten(reading.read(path)))


def _cut(image: UInt8[np.ndarray, "h w 3"], scale: int) -> UInt8[np.ndarray, "sh sw 3"]:
    """Cuts a picture on the right and below to multiples of the scale."""
    height, width = (n - n % scale for n in image.shape[:2])
    return image[:height, :width]
