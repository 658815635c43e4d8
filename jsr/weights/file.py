"""Weights files: one safetensors file a model, which names its network.

The metadata has one entry, `jsr`, JSON of the `model` (a name in `models.MODELS`), its `config` (the fields that differ
from the defaults) and `about` (where the weights come from). A single entry, because safetensors writes several in
random order and equal weights should give identical files. Tensors are named by their path in the variables, such as
`params/head/kernel`. They are float32, or float16 in released files, which are half as large; either way they are read
as float32. The released files lie in `pretrained/`, with their SHA-256.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from flax import traverse_util
from safetensors import SafetensorError, safe_open

from jsr.errors import WeightsError
from jsr.files import checksums, tensors
from jsr.models import MODELS, Model, Network

PRETRAINED = Path(__file__).parents[1] / "pretrained"
DTYPES = ("F32", "F16")  # of tensors, as safetensors names them
IMPORTED = "imported_from"  # the key of `about` that names the project of an imported network
RUN_FILE = "generator.safetensors"  # exported by a training run to its folder


def save(
    path: Path,
    model: str,
    config: Mapping[str, Any],
    variables: Mapping[str, Any],
    about: Mapping[str, Any],
    *,
    dtype: Literal["float32", "float16"] = "float32",
) -> None:
    """Writes a weights file, atomically.

    Args:
      model: a name in `MODELS`.
      config: the fields of the network that differ from its defaults.
      about: where the weights come from, of JSON's types.
      dtype: of the tensors; float16, for released files, rounds to 11 bits.

    Raises:
      FloatingPointError: float16 cannot hold a value, because it is larger than 65504.
      OSError: it cannot be written.
    """
    header = json.dumps({"model": model, "config": config, "about": about})
    with np.errstate(over="raise"):
        arrays = {name: np.asarray(leaf).astype(dtype) for name, leaf in _flatten(variables).items()}
    tensors.write(path, arrays, {"jsr": header})


def read(path: Path) -> Model:
    """Reads a weights file, as float32, and checks its tensors against the network that it names.

    Raises:
      WeightsError: the file cannot be read, is not a weights file of jsr, or has other tensors than its network; then
        the message lists all differences.
    """
    network, model = _parse(path)
    found = differences(network, model.variables)
    if found:
        raise WeightsError(f"{path}: expected the tensors of its network, got {'; '.join(found)}")
    return model


def differences(network: Network, variables: Mapping[str, Any]) -> list[str]:
    """Compares variables with those of a network; returns every difference as a phrase."""
    expected = jax.eval_shape(network.init, jax.random.key(0), jnp.zeros((1, 8, 8, 3)))
    return tensors.differences(_shapes(expected), _shapes(variables))


def make_network(model: str, config: Mapping[str, Any]) -> Network:
    """Returns a network of `MODELS`; the tuples of its fields may be lists, as JSON has them.

    Raises:
      KeyError, TypeError: there is no such network, or it has no such field.
    """
    fields: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in config.items()}
    return MODELS[model](**fields)


def read_released(path: Path) -> Model:
    """Reads a released weights file, as float32, and checks its SHA-256, which needs no network to compare with.

    Raises:
      WeightsError: as `check_hash` does.
    """
    check_hash(path)
    return _parse(path)[1]


def check_hash(path: Path) -> None:
    """Checks the SHA-256 of a released file.

    Raises:
      WeightsError: the file is missing, or is not the released one.
    """
    try:
        digest = checksums.sha256(path)
        released = (PRETRAINED / checksums.NAME).read_text().splitlines()
    except OSError as error:
        raise WeightsError(f"{path}: {error.strerror}; install jsr again") from error
    if f"{digest}  {path.name}" not in released:
        raise WeightsError(f"{path}: expected the released file, got another; install jsr again")


def _parse(path: Path) -> tuple[Network, Model]:
    try:
        with safe_open(path, framework="numpy") as file:
            header = json.loads((file.metadata() or {})["jsr"])
            names = file.keys()
            for name in names:
                if (dtype := file.get_slice(name).get_dtype()) not in DTYPES:
                    raise ValueError(f"{name} of type {dtype}, not {' or '.join(DTYPES)}")
            arrays = {name: file.get_tensor(name).astype(np.float32, copy=False) for name in names}
        network = make_network(header["model"], header["config"])
        metadata = header["about"]
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise WeightsError(
            f"{path}: expected a weights file of jsr (safetensors that names one of {', '.join(MODELS)}), got another"
            f" file: {error}"
        ) from error
    return network, Model(network, traverse_util.unflatten_dict(arrays, sep="/"), metadata)


def _flatten(variables: Mapping[str, Any]) -> dict[str, Any]:
    return traverse_util.flatten_dict(dict(variables), sep="/")


def _shapes(variables: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    return {name: leaf.shape for name, leaf in _flatten(variables).items()}
