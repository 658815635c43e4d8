"""Weights files: one safetensors file a model, which says of what network it is.

The metadata holds, as JSON under `jsr`, the `model` (a name in `models.MODELS`), its `config` (fields) and `about`
(where it comes from). One entry, for safetensors writes several in random order, and equal weights should be equal
files. Tensors are named by their path in the variables, `params/head/kernel`. The released files lie in `pretrained/`
and are checked against the hashes there.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from flax import traverse_util
from safetensors import SafetensorError, safe_open

from jsr import models
from jsr.errors import WeightsError
from jsr.files.tensors import write
from jsr.models import Model

PRETRAINED = Path(__file__).parents[1] / "pretrained"
RUN_FILE = "generator.safetensors"  # what a training run exports


def save(
    path: Path,
    model: str,
    config: Mapping[str, Any],
    variables: Mapping[str, Any],
    about: Mapping[str, Any],
) -> None:
    """Writes a weights file, whole or not at all.

    Args:
      model: a name in `MODELS`; `config` holds the fields that differ from its defaults.
      about: where the weights come from, of JSON's types.
    """
    tensors = traverse_util.flatten_dict(dict(variables), sep="/")
    header = json.dumps({"model": model, "config": config, "about": about})
    write(path, tensors, {"jsr": header})


def read(path: Path) -> Model:
    try:
        with safe_open(path, framework="numpy") as file:
            header = json.loads((file.metadata() or {})["jsr"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        fields = {key: tuple(value) if isinstance(value, list) else value for key, value in header["config"].items()}
        module = models.MODELS[header["model"]](**fields)
        about = header["about"]
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise WeightsError(
            f"{path}: expected a weights file of jsr (safetensors naming one of"
            f" {', '.join(models.MODELS)}), got another file: {error}"
        ) from error
    return Model(module, traverse_util.unflatten_dict(tensors, sep="/"), about)


def read_checked(path):
    """Reads a file of no known hash: refuses tensors that are not those of the network, naming the first."""
    model = read(path)
    module = model.module
    tensors: dict[str, Any] = traverse_util.flatten_dict(model.variables, sep="/")
    like = jax.eval_shape(module.init, jax.random.key(0), jnp.zeros((1, 8, 8, 3)))
    leaves: dict[str, Any] = traverse_util.flatten_dict(dict(like), sep="/")
    wanted = {name: leaf.shape for name, leaf in leaves.items()}
    got = {k: v.shape for k, v in tensors.items()}
    for name in sorted(wanted.keys() | got.keys()):
        if wanted.get(name) != got.get(name):
            raise WeightsError(
                f"{path}: {name}: expected {wanted.get(name, 'no such tensor')}, got {got.get(name, 'none')}"
            )
    return model


def check_hash(path: Path) -> None:
    """Refuses a released file that is missing or is not the one released.

    Raises:
      WeightsError: so.
    """
    try:
        got = hashlib.sha256(path.read_bytes()).hexdigest()
        listed = (PRETRAINED / "SHA256SUMS").read_text().splitlines()
    except OSError as error:
        raise WeightsError(f"{path}: {error.strerror}; install jsr again") from error
    if f"{got}  {path.name}" not in listed:
        raise WeightsError(f"{path}: expected the released file, got another; install jsr again")
