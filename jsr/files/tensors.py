"""Arrays in a safetensors file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import numpy

from jsr.files import atomic


def write(path: Path, tensors: Mapping[str, Any], metadata: Mapping[str, str]) -> None:
    """Writes arrays as a safetensors file, whole or not at all.

    Raises:
      OSError: it cannot be written; a full disk, say.
    """
    arrays = {name: np.asarray(value, order="C") for name, value in tensors.items()}
    try:
        with atomic.draft(path) as file:
            file.write(numpy.save(arrays, dict(metadata)))
    except OSError as error:  # of a full disk, which names no file
        raise OSError(f"{path}: cannot be written: {error}") from error
