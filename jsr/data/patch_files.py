"""The files of a set of patches: `patches.npy`, `sizes.npy`, `validation.npz`, and `about.json` with the description.

Pixels are RGB uint8 in [0, 255], rows first.
"""

import json
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from jaxtyping import UInt8

from jsr.errors import DataError

FORMAT = 3  # raised when the files or their pixels change; since 3, transparent photographs are laid over white


class PatchSet(NamedTuple):
    """A set of photographs, ready to draw crops from."""

    patches: np.ndarray  # uint8 [n, P, P, 3], mapped from its file
    sizes: np.ndarray  # int32 [n, 2], the rows and columns of each patch that are photograph
    validation: list[np.ndarray]  # uint8 [h, w, 3] each, not among the patches
    description: str


class Cut(NamedTuple):
    """A photograph cut into patches."""

    pixels: int  # of the photograph
    patches: UInt8[np.ndarray, "n side side 3"]
    sizes: list[tuple[int, int]]  # the rows and columns of each patch that are photograph
    is_transparent: bool  # the photograph was, somewhere, and is laid over white


def write_patches(folder: Path, cuts: Iterable[Cut], *, side: int) -> list[int]:
    """Writes `patches.npy` and `sizes.npy` as the photographs come; returns the pixels of each photograph.

    Raises:
      OSError: a file cannot be written.
    """
    sizes: list[tuple[int, int]] = []
    pixels = []
    path = folder / "patches.npy"
    with path.open("wb") as file:
        _write_header(file, 0, side)
        for cut in cuts:
            file.write(cut.patches.data)
            sizes += cut.sizes
            pixels.append(cut.pixels)
        end = file.tell()
        file.seek(0)
        _write_header(file, len(sizes), side)  # as long as the first: NumPy pads headers for a first axis that grows
        assert file.tell() + len(sizes) * side * side * 3 == end
    path.chmod(0o444)  # read-only, because truncating a memory-mapped file would crash the runs that use it
    np.save(folder / "sizes.npy", np.array(sizes, np.int32))
    return pixels


def write_rest(folder: Path, validation: list[np.ndarray], description: str) -> None:
    """Writes `validation.npz` and `about.json`.

    Raises:
      OSError: a file cannot be written.
    """
    np.savez(folder / "validation.npz", *validation)
    (folder / "about.json").write_text(json.dumps({"description": description}), "utf-8")


def read(folder: Path, *, size: int) -> PatchSet:
    """Reads a set of patches for crops of `size` pixels.

    Raises:
      DataError: a file is missing or damaged, or belongs to another set.
    """
    try:
        patches = np.load(folder / "patches.npy", mmap_mode="r")
        sizes = np.load(folder / "sizes.npy")
        # Opened here, because NumPy would leave a damaged file open.
        with open(folder / "validation.npz", "rb") as file, np.load(file) as archive:
            validation = [archive[f"arr_{i}"] for i in range(len(archive.files))]
        description = json.loads((folder / "about.json").read_text("utf-8"))["description"]
        is_whole = (folder / "patches.npy").stat().st_size == patches.offset + patches.nbytes
        has_sizes = sizes.shape == (len(patches), 2) and (size <= sizes.min() <= sizes.max() <= patches.shape[1])
        if not (is_whole and has_sizes):
            raise ValueError("sizes that are not those of the patches")
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise DataError(f"{folder}: the patches kept there are damaged; delete that folder") from error
    return PatchSet(patches, sizes, validation, description)


def _write_header(file: BinaryIO, count: int, side: int) -> None:
    header = {"descr": "|u1", "fortran_order": False, "shape": (count, side, side, 3)}
    np.lib.format.write_array_header_1_0(file, header)
