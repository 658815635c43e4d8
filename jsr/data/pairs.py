"""Benchmark sets: folders with high-resolution pictures in `hr` and, optionally, low-resolution ones in `lr`."""

import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import UInt8

from jsr.errors import DataError
from jsr.ops import observation as observations
from jsr.ops import pixels, resize
from jsr.ops.observation import Observation
from jsr.pictures import folders, reading
from jsr.pictures.picture import flatten, rgb


class Pair(NamedTuple):
    """The files of a high-resolution picture and of the low-resolution one that belongs to it."""

    name: str  # the path below `hr`
    hr: Path
    lr: Path | None  # None: made from hr


def label(folder: Path) -> str:
    """Returns a set's name, "Set5": that of its folder, after its parent's where it names only the scale, "Set5 x4"."""
    path = folder.resolve()
    is_scale = path.name[:1] == "x" and path.name[1:].isdigit()
    return f"{path.parent.name} {path.name}" if is_scale else path.name


def find(folder: Path, *, scale: int) -> list[Pair]:
    """Lists the pictures of `folder/hr`, each with its file in `folder/lr` if there is that folder.

    Raises:
      DataError: no folder, no `hr`, no picture in it, or no low-resolution picture for one, or more than one.
    """
    if not (folder / "hr").is_dir():
        reason = "has no sub-folder 'hr'" if folder.is_dir() else "is not a folder"
        raise DataError(f"{folder} {reason}; expected SET_DIR/hr and, optionally, SET_DIR/lr{_hint(folder, scale)}")
    if (folder / "lr").is_dir():
        matched: Any = match(folder / "hr", folder / "lr", scale=scale)
    else:
        matched = [(hr, None) for hr in _pictures(folder / "hr")]
    return [Pair(hr.relative_to(folder / "hr").as_posix(), hr, lr) for hr, lr in matched]


def match(hr_folder: Path, lr_folder: Path, *, scale: int) -> list[tuple[Path, Path]]:
    """Lists the pictures of a folder, sorted, each with the low-resolution picture that belongs to it in another.

    Both files have one path below their folders, but for the suffix; or the low-resolution one has the scale after its
    name as in DIV2K: 0801.png, 0801x4.png.

    Raises:
      DataError: no picture, or no low-resolution picture for one, or more than one.
    """
    lrs: dict[Path, list[Path]] = {}
    for path in folders.list_pictures(lr_folder):
        lrs.setdefault(path.relative_to(lr_folder).with_suffix(""), []).append(path)
    matched, missing = [], []
    for hr in _pictures(hr_folder):
        name = hr.relative_to(hr_folder)
        place = name.with_suffix("")
        found = lrs.get(place, []) + lrs.get(place.with_name(f"{place.name}x{scale}"), [])
        if len(found) > 1:
            raise DataError(f"{hr}: expected one low-resolution picture, got {found[0]} and {found[1]}")
        matched += [(hr, lr) for lr in found]
        missing += [name.as_posix()] * (not found)
    if missing:
        rest = f" and {len(missing) - 1} more of {hr_folder.name}" if len(missing) > 1 else ""
        raise DataError(f"{lr_folder}: no picture for {missing[0]}{rest}")
    return matched


def _pictures(folder: Path) -> list[Path]:
    found = folders.list_pictures(folder)
    if not found:
        raise DataError(f"{folder}: no pictures")
    return found


def _hint(folder: Path, scale: int) -> str:
    """Names the set that may be meant: the one of the scale in a folder of several, or the one that a folder is of."""
    places = [folder / f"x{scale}", *([folder.parent] if folder.name in ("hr", "lr") else [])]
    return next((f", perhaps {place}" for place in places if (place / "hr").is_dir()), "")


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
    hr = rgb(flatten(reading.read(pair.hr)))
    height, width = (n - n % scale for n in hr.shape[:2])
    hr = hr[:height, :width]
    if observation is not None:
        return observe(hr, observation, scale=scale, seed=zlib.crc32(pair.name.encode())), hr
    lr = reduce(hr, scale=scale) if pair.lr is None else rgb(flatten(reading.read(pair.lr)))
    if (height, width) != (scale * lr.shape[0], scale * lr.shape[1]):
        raise DataError(
            f"{pair.hr}: expected hr {scale} times the size of lr, got {width}x{height} for {lr.shape[1]}x{lr.shape[0]}"
        )
    return lr, hr


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
