"""The pristine models that NIQE compares with: the bundled one, one of `jsr.fit_niqe`, or that of NIQE's authors."""

import json
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import scipy.io
from safetensors import SafetensorError, safe_open

from jsr.errors import WeightsError
from jsr.files import tensors
from jsr.metrics import niqe
from jsr.metrics.niqe import Pristine
from jsr.weights import file as weights_file

BUNDLED = weights_file.PRETRAINED / "niqe.safetensors"
# By suffix, the names of the mean and the covariance: ours, those of NIQE's authors, and those of its copy as npz.
NAMES = {
    ".safetensors": ("mean", "covariance"),
    ".mat": ("mu_prisparam", "cov_prisparam"),
    ".npz": ("mu_pris_param", "cov_pris_param"),
}


def load(path: Path | None = None) -> Pristine:
    """Loads a pristine model, by default the bundled one.

    Raises:
      WeightsError: no such file, or one of another kind or shape.
    """
    if path is None:
        path = BUNDLED
        weights_file.check_hash(path)
    try:
        mean, covariance = _read(path)
    except OSError as error:
        raise WeightsError(f"{path}: {error.strerror or error}") from error
    except (SafetensorError, BadZipFile, KeyError, ValueError, NotImplementedError) as error:
        expected = ", ".join(f"{' and '.join(names)} in {suffix}" for suffix, names in NAMES.items())
        raise WeightsError(f"{path}: expected {expected}, got another file: {error}") from error
    mean = mean.ravel()
    if mean.shape != (niqe.FEATURES,) or covariance.shape != (niqe.FEATURES, niqe.FEATURES):
        raise WeightsError(
            f"{path}: expected {niqe.FEATURES} means and their covariances, got {mean.shape} and {covariance.shape}"
        )
    return Pristine(mean, covariance)


def save(path: Path, pristine: Pristine, metadata: dict[str, object]) -> None:
    """Writes a pristine model as a safetensors file, atomically; the metadata says how it was fitted.

    Raises:
      OSError: it cannot be written.
    """
    tensors.write(path, pristine._asdict(), {"jsr": json.dumps(metadata)})


def _read(path: Path) -> list[np.ndarray]:
    """Returns the mean and the covariance as they are stored."""
    suffix = path.suffix.lower()
    names = NAMES[suffix]
    if suffix == ".safetensors":
        with safe_open(path, framework="numpy") as file:
            return [file.get_tensor(name) for name in names]
    with path.open("rb") as file:
        # Neither function runs code in a file: pickled arrays are refused.
        arrays = scipy.io.loadmat(file) if suffix == ".mat" else np.load(file)
        return [np.asarray(arrays[name], np.float64) for name in names]
