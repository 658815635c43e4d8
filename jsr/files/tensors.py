"""Named arrays: written as a safetensors file, and compared with what a network expects."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, numpy

from jsr.errors import WeightsError
from jsr.files import atomic


def write(path: Path, tensors: Mapping[str, Any], metadata: Mapping[str, str]) -> None:
    """Writes arrays as a safetensors file, atomically.

    Raises:
      OSError: it cannot be written; the disk is full, for example.
    """
    arrays = {name: np.asarray(value, order="C") for name, value in tensors.items()}
    try:
        with atomic.replacing(path) as file:
            file.write(numpy.save(arrays, dict(metadata)))
    except OSError as error:  # a full disk names no file
        raise OSError(f"{path}: cannot be written: {error}") from error


def read(path: Path) -> dict[str, np.ndarray]:
    """Reads a safetensors file.

    Raises:
      WeightsError: it is none, or has tensors of a type that NumPy lacks, such as bfloat16.
      OSError: it cannot be read.
    """
    try:
        return numpy.load(path.read_bytes())
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"{path}: expected a safetensors file, got another: {error}") from error


def differences(expected: Mapping[str, tuple[int, ...]], actual: Mapping[str, tuple[int, ...]]) -> list[str]:
    """Compares the shapes of named arrays.

    Returns:
      every difference as a phrase, such as "no params/head/bias" or "params/head/kernel of shape (3, 3), not (9, 9)";
      empty where there is none.
    """
    missing = [f"no {name}" for name in expected if name not in actual]
    foreign = [f"an unknown {name}" for name in actual if name not in expected]
    others = [
        f"{name} of shape {actual[name]}, not {shape}"
        for name, shape in expected.items()
        if name in actual and actual[name] != shape
    ]
    return missing + foreign + others
