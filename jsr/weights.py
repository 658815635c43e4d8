"""Weights files: one safetensors file a model, which says of what network it is.

The metadata holds, as JSON under `jsr`, the `model` (a name in `models.MODELS`), its `config` (fields) and `about`
(where it comes from). One entry, for safetensors writes several in random order, and equal weights should be equal
files. Tensors are named by their path in the variables, `params/head/kernel`. The released files lie in `pretrained/`
and are checked against the hashes there.
"""

import hashlib
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import traverse_util
from safetensors import SafetensorError, numpy, safe_open

from jsr import compilation, drafts
from jsr.models import MODELS, Interpolation, Model, SRResNet, srresnet

PRETRAINED = Path(__file__).parent / "pretrained"
BUNDLED = ("srgan", "srresnet", "espcn", "srcnn")
BLEND = "blend:"  # and a number: from srresnet, 0, to srgan, 1
DEFAULT = f"{BLEND}0.8"  # as sharp as srgan to the eye, with less of the lines along edges
INTERPOLATIONS = ("bicubic", "bilinear", "nearest")
NAMES = BUNDLED + INTERPOLATIONS
RUN_FILE = "generator.safetensors"  # what a training run exports


class WeightsError(ValueError):
    """Weights that cannot be had, in one line."""


def load(name_or_path: str | os.PathLike[str]) -> Model:
    """Loads a model as it was trained.

    Args:
      name_or_path: one of `NAMES`, `blend:T`, a weights file, or the folder of a run.

    Raises:
      WeightsError: an unknown name, or a file that holds no weights of ours.
    """
    name = os.fspath(name_or_path)
    if name in INTERPOLATIONS:
        return Model(Interpolation(method=name), {}, {})
    if name.startswith(BLEND):
        return _blend(name)
    if name in BUNDLED:
        path = PRETRAINED / f"{name}_x4.safetensors"
        check_hash(path)
        return _read(path)
    path = Path(name).expanduser()
    if path.is_dir():
        if not (path / RUN_FILE).is_file():
            raise WeightsError(f"{path}: expected a run's folder with {RUN_FILE}, found none")
        return _read_foreign(path / RUN_FILE)
    if not path.is_file():
        raise WeightsError(
            f"model: expected one of {', '.join(NAMES)}, a weights file or a run's folder, got {name}"
        )
    return _read_foreign(path)


def _blend(name):
    """Weights between those of the two bundled networks, which works since the one went on from the other.

    Wang et al. 2019, "Deep network interpolation for continuous imagery effect transition", arXiv 1811.10515,
    section 3.1.
    """
    try:
        share = float(name.removeprefix(BLEND))
    except ValueError:
        share = math.nan
    if not 0 <= share <= 1:
        raise WeightsError(f"model: expected {BLEND} with a number from 0 to 1, got {name}")
    first, last = load("srresnet"), load("srgan")
    mixed = jax.tree.map(lambda a, b: (1 - share) * a + share * b, first.variables, last.variables)
    return Model(first.module, mixed, {"blend": share})


def ready(
    name_or_path: str | os.PathLike[str], *, precision: compilation.Precision = "fp32"
) -> Model:
    """Loads a model, as `load` does, ready to upscale with: folded, and computing in a precision.

    Raises:
      WeightsError: as `load` does.
    """
    model = inference(load(name_or_path))
    if precision == "fp32" or isinstance(model.module, Interpolation):  # those are exact and quick
        return model
    return model._replace(module=model.module.clone(dtype=compilation.DTYPES[precision]))


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


def write(path: Path, tensors: Mapping[str, Any], metadata: Mapping[str, str]) -> None:
    """Writes arrays as a safetensors file, whole or not at all.

    Raises:
      OSError: it cannot be written; a full disk, say.
    """
    arrays = {name: np.asarray(value, order="C") for name, value in tensors.items()}
    try:
        with drafts.draft(path) as file:
            file.write(numpy.save(arrays, dict(metadata)))
    except OSError as error:  # of a full disk, which names no file
        raise OSError(f"{path}: cannot be written: {error}") from error


def inference(model: Model) -> Model:
    """Folds BatchNorm into the convolutions, where there is any: the same function, computed faster."""
    if isinstance(model.module, SRResNet) and model.module.norm:
        folded = jax.tree.map(np.asarray, srresnet.fold(model.variables))
        return model._replace(module=model.module.clone(norm=False), variables=folded)
    return model


def _read(path: Path) -> Model:
    try:
        with safe_open(path, framework="numpy") as file:
            header = json.loads((file.metadata() or {})["jsr"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        fields = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in header["config"].items()
        }
        module = MODELS[header["model"]](**fields)
        about = header["about"]
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise WeightsError(
            f"{path}: expected a weights file of jsr (safetensors naming one of"
            f" {', '.join(MODELS)}), got another file: {error}"
        ) from error
    return Model(module, traverse_util.unflatten_dict(tensors, sep="/"), about)


def _read_foreign(path):
    """Reads a file of no known hash: refuses tensors that are not those of the network, naming the first."""
    model = _read(path)
    module = model.module
    tensors: dict[str, Any] = traverse_util.flatten_dict(model.variables, sep="/")
    like = jax.eval_shape(module.init, jax.random.key(0), jnp.zeros((1, 8, 8, 3)))
    leaves: dict[str, Any] = traverse_util.flatten_dict(dict(like), sep="/")
    wanted = {name: leaf.shape for name, leaf in leaves.items()}
    got = {k: v.shape for k, v in tensors.items()}
    for name in sorted(wanted.keys() | got.keys()):
        if wanted.get(name) != got.get(name):
            raise WeightsError(
                f"{path}: {name}: expected {wanted.get(name, 'no such tensor')},"
                f" got {got.get(name, 'none')}"
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
