"""The photographs of a folder or a dataset, and the digest by which a run knows them again."""

import hashlib
import json
import os
from pathlib import Path
from typing import NamedTuple

from jsr.data import patch_layout, photos
from jsr.data.photos import Photo
from jsr.data.sets import pairs
from jsr.errors import DataError
from jsr.pictures import folders

SAMPLED = 64  # photographs whose content is looked at
SAMPLED_BYTES = 1 << 20  # of each, from its beginning


class Lows(NamedTuple):
    """The low-resolution pictures of photographs that have their own."""

    folder: str
    scale: int
    photos: dict[str, Photo]  # by the name of the photograph


class Collection(NamedTuple):
    """Photographs to train on."""

    name: str  # the folder, or that of the dataset
    train: list[Photo]
    validation: list[Photo] | None  # None where the collection has no such split
    others: list[str]  # names of the files that are no pictures, by their suffix
    lows: Lows | None = None  # None where they are to be made from the photographs


def find(data: str | os.PathLike[str], *, data_dir: str | os.PathLike[str] | None = None) -> Collection:
    """Lists the photographs of a folder with its subfolders, or of a dataset by its name.

    Args:
      data_dir: the folder of datasets; that of TFDS by default.

    Raises:
      DataError: no such folder or dataset, or a dataset that cannot be prepared.
    """
    data = os.path.expanduser(os.fspath(data))
    if os.path.exists(data):
        listing = folders.list_files(data)
        others = [path.relative_to(data).as_posix() for path in listing.others]
        return Collection(data, [photos.from_path(path, data) for path in listing.pictures], None, others)
    from jsr.data import datasets  # imports TFDS, which folders do without

    return Collection(data, *datasets.photographs(data, data_dir=data_dir), [])


def find_pairs(data: str | os.PathLike[str], lr: str | os.PathLike[str], *, scale: int) -> Collection:
    """Lists the photographs of a folder, each with a low-resolution picture of its own from another folder.

    Both have one path below their folders, as `pairs.match` says.

    Raises:
      DataError: one is not a folder, or a photograph has no low-resolution picture, or more than one.
    """
    data, lr = os.path.expanduser(os.fspath(data)), os.path.expanduser(os.fspath(lr))
    if not os.path.isdir(lr):
        hint = "; the step size is --learning-rate" if _is_number(lr) else ""
        raise DataError(f"--lr: expected a folder of low-resolution pictures, got {lr}{hint}")
    if not os.path.isdir(data):
        raise DataError(f"--data: expected a folder of the originals of those in {lr}, got {data}")
    matched = pairs.match(Path(data), Path(lr), scale=scale)
    train = [photos.from_path(high, data) for high, _ in matched]
    low = [photos.from_path(low, lr) for _, low in matched]
    lows = Lows(lr, scale, {photo.name: other for photo, other in zip(train, low, strict=True)})
    return find(data)._replace(train=train, lows=lows)


def digest(collection: Collection) -> str:
    """Returns a hash that is equal for equal photographs, wherever they lie.

    It covers the names and sizes of all of them and, since reading 100,000 would take long, the beginnings of a few,
    evenly spaced. The times of files are left out, because copies have others.
    """
    low = list(collection.lows.photos.values()) if collection.lows else []
    listed = [*collection.train, *(collection.validation or []), *low]
    splits = [len(collection.train), collection.validation is not None]
    result = hashlib.sha256(json.dumps([splits, [(photo.name, photo.size) for photo in listed]]).encode())
    for i in patch_layout.spaced(min(SAMPLED, len(listed)), len(listed)):
        result.update(_beginning(listed[i]))
    return result.hexdigest()


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _beginning(photo: Photo) -> bytes:
    """Returns the hash of the beginning of a photograph, or nothing where it cannot be read."""
    try:
        with photo.open() as file:
            return hashlib.sha256(file.read(SAMPLED_BYTES)).digest()
    except OSError:
        return b""
