"""The files of a set of patches: `patches.npy`, `sizes.npy`, `validation.npz`, and `about.json` with the description.

A set of pairs has `low_patches.npy` too, and in `validation.npz` the low-resolution pictures after the originals.
Pixels are RGB uint8 in [0, 255], rows first.
"""

import contextlib
import json
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from jaxtyping import UInt8

from jsr.data.patch_layout import Aligned
from jsr.errors import DataError

FORMAT = 3  # raised when the files or their pixels change; since 3, transparent photographs are laid over white


class PatchSet(NamedTuple):
    """A set of photographs, ready to draw crops from."""

    patches: Any  # uint8 [n, P, P, 3], mapped from its file; of pairs, `Aligned`
    sizes: np.ndarray  # int32 [n, 2], the rows and columns of each patch that are photograph
    validation: list[Any]  # uint8 [h, w, 3] each, not among the patches; of pairs, `Aligned`
    description: str


class Cut(NamedTuple):
    """A photograph cut into patches."""

    pixels: int  # of the photograph
    patches: UInt8[np.ndarray, "n side side 3"] | Aligned
    sizes: list[tuple[int, int]]  # the rows and columns of each patch that are photograph
    is_transparent: bool  # the photograph was, somewhere, and is laid over white


def write_patches(folder: Path, cuts: Iterable[Cut], *, side: int, scale: int | None = None) -> list[int]:
    """Writes `patches.npy` and `sizes.npy` as the photographs come; returns the pixels of each photograph.

    Args:
      side: of a patch, in pixels.
      scale: of pairs, for which `low_patches.npy` is written too.

    Raises:
      OSError: a file cannot be written.
    """
    sizes: list[tuple[int, int]] = []
    pixels = []
    sides = {folder / "patches.npy": side} | ({folder / "low_patches.npy": side // scale} if scale else {})
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(path.open("wb")) for path in sides]
        for file, length in zip(files, sides.values(), strict=True):
            _write_header(file, 0, length)
        for cut in cuts:
            parts = cut.patches if isinstance(cut.patches, Aligned) else (cut.patches,)
            for file, patches in zip(files, parts, strict=True):
                file.write(patches.data)
            sizes += cut.sizes
            pixels.append(cut.pixels)
        for file, length in zip(files, sides.values(), strict=True):
            end = file.tell()
            file.seek(0)
            # As long as the first: NumPy pads headers for a first axis that grows.
            _write_header(file, len(sizes), length)
            assert file.tell() + len(sizes) * length * length * 3 == end
    for path in sides:
        path.chmod(0o444)  # read-only, because truncating a memory-mapped file would crash the runs that use it
    np.save(folder / "sizes.npy", np.array(sizes, np.int32))
    return pixels


def write_rest(folder: Path, validation: list[Any], description: str) -> None:
    """Writes `validation.npz` and `about.json`.

    Raises:
      OSError: a file cannot be written.
    """
    pairs = [pair for pair in validation if isinstance(pair, Aligned)]
    originals = [pair.hr for pair in pairs] or validation
    np.savez(folder / "validation.npz", *originals, *(pair.lr for pair in pairs))
    (folder / "about.json").write_text(json.dumps({"description": description}), "utf-8")


def read(folder: Path, *, size: int, scale: int | None = None) -> PatchSet:
    """Reads a set of patches for crops of `size` pixels.

    Args:
      scale: of a set of pairs.

    Raises:
      DataError: a file is missing or damaged, or belongs to another set.
    """
    try:
        patches = _read_patches(folder / "patches.npy")
        sizes = np.load(folder / "sizes.npy")
        # Opened here, because NumPy would leave a damaged file open.
        with open(folder / "validation.npz", "rb") as file, np.load(file) as archive:
            validation = [archive[f"arr_{i}"] for i in range(len(archive.files))]
        description = json.loads((folder / "about.json").read_text("utf-8"))["description"]
        if not (sizes.shape == (len(patches), 2) and (size <= sizes.min() <= sizes.max() <= patches.shape[1])):
            raise ValueError("sizes that are not those of the patches")
        if scale:
            low, half = _read_patches(folder / "low_patches.npy"), len(validation) // 2
            if len(low) != len(patches) or low.shape[1] * scale != patches.shape[1]:
                raise ValueError("low-resolution patches that are not those of the patches")
            pairs = [Aligned(hr, lr) for hr, lr in zip(validation[:half], validation[half:], strict=True)]
            return PatchSet(Aligned(patches, low), sizes, pairs, description)
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise DataError(f"{folder}: the patches kept there are damaged; delete that folder") from error
    return PatchSet(patches, sizes, validation, description)


def _read_patches(path: Path) -> np.ndarray:
    patches = np.load(path, mmap_mode="r")
    if path.stat().st_size != patches.offset + patches.nbytes:
        raise ValueError("a file of another length")
    return patches


def _write_header(file: BinaryIO, count: int, side: int) -> None:
    header = {"descr": "|u1", "fortran_order": False, "shape": (count, side, side, 3)}
    np.lib.format.write_array_header_1_0(file, header)
