"""Pickles of nested dictionaries of NumPy arrays, read without running anything that they ask for.

`NAMES` are those by which NumPy pickles an array, with a stand-in for each; every other is refused.
"""

import io
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from jsr.errors import WeightsError
from jsr.weights.foreign.unpickler import Unpickler

TYPES = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1")


def read(content: bytes) -> dict[str, np.ndarray]:
    """Reads the arrays of a pickle.

    Returns:
      the arrays, read-only, by the keys that lead to each: `AlexNet_0/Conv_0/kernel`.

    Raises:
      WeightsError: the pickle is damaged, or holds anything but dictionaries of arrays.
    """
    try:
        return dict(_flatten(Unpickler(io.BytesIO(content), NAMES).load(), ()))
    except Exception as error:  # a damaged pickle can raise anything, even MemoryError
        reason = f": {error}" if isinstance(error, ValueError) else ""
        raise WeightsError(f"expected a pickle of NumPy arrays, got another{reason}") from error


class _Type:
    """Stands in for `numpy.dtype`: a type of numbers, without objects and fields."""

    def __init__(self, name: str, *_: Any) -> None:
        if name not in TYPES:
            raise ValueError("it has an array of something else than numbers")
        self.name = name
        self.order = "="

    def __setstate__(self, state: tuple) -> None:
        _, self.order, *_ = state
        if self.order not in ("<", ">", "=", "|"):
            raise ValueError("it has numbers of an unknown byte order")


class _Array:
    """Stands in for `numpy.ndarray`: made empty, then given its shape and its numbers."""

    def __init__(self, *_: Any) -> None:
        self.array: np.ndarray | None = None

    def __setstate__(self, state: tuple) -> None:
        _, shape, dtype, is_fortran, numbers = state
        if not isinstance(dtype, _Type) or not isinstance(numbers, bytes):
            raise ValueError("it has an array of something else than numbers")
        row = np.frombuffer(numbers, np.dtype(dtype.order + dtype.name))
        if math.prod(shape) != len(row):
            raise ValueError("it has an array whose shape is not that of its numbers")
        self.array = row.reshape(shape, order="F" if is_fortran else "C")


NAMES = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Type,
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy._core.multiarray", "_reconstruct"): _Array,
}


def _flatten(tree: Any, keys: tuple[str, ...]) -> Iterator[tuple[str, np.ndarray]]:
    """Yields each array of nested dictionaries with its keys, joined by slashes."""
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from _flatten(value, (*keys, str(key)))
    elif isinstance(tree, _Array) and tree.array is not None and keys:
        yield "/".join(keys), tree.array
    else:
        raise ValueError("it holds something else than arrays by name")
