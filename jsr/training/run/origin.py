"""The weights that a run starts from: those of another run, of a weights file or of a model, released or on the Hub.

Networks that differ in their scale alone share their trunk, the layers that are the same at every scale. A run starts
from it as Lim et al. 2017 ("Enhanced deep residual networks for single image super-resolution", arXiv 1707.02921,
section 3.2) train scales 3 and 4 from scale 2; its upsampling begins anew.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from flax import traverse_util
from jaxtyping import Array, Key

from jsr import models
from jsr.errors import ConfigError, WeightsError
from jsr.models import Network
from jsr.training.config import FACTORS
from jsr.training.run import checkpoints
from jsr.training.run.run_folder import RunFolder
from jsr.weights import hub, zoo

SIDE = 8  # pixels of the pictures that networks are initialised with; no array's shape depends on it


def load(name: str, generator: Network, key: Key[Array, ""]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Loads a generator's variables, or its trunk where the origin has another scale.

    Args:
      name: the folder of a run or of a model, a weights file, the name of a released model, or `hf://owner/name`.
      generator: the network that the variables are for.
      key: for the initial values of the layers that the origin does not have.

    Returns:
      the variables, and notes that say where they come from, for the user to read.

    Raises:
      ConfigError: the origin is missing, or another network in more than its scale.
      CheckpointError: the run has no intact checkpoint.
      WeightsError: the file is damaged, or no weights file.
    """
    module, variables, title, notes = _read(name)
    if mismatch := _mismatch(generator, module):
        raise ConfigError(f"--init: expected {type(generator).__name__}, got {name}, which is {mismatch}")
    if module.factors == generator.factors:
        return variables, (*notes, f"generator: from {title}")
    variables, fresh = _with_trunk(generator, variables, key)
    rest = f"new: {', '.join(fresh)}" if fresh else "all of it fits"
    return variables, (*notes, f"generator: from the trunk of {title}, which has scale {module.scale}; {rest}")


def _read(name: str) -> tuple[Any, dict[str, Any], str, tuple[str, ...]]:
    """Returns the network, the variables and a title of an origin, and notes on damage."""
    path = Path(name).expanduser()
    folder = RunFolder(path)
    if folder.checkpoints.is_dir():
        recorded = folder.recorded()
        try:
            module = models.MODELS[recorded["model"]](factors=FACTORS[recorded["scale"]])
        except (KeyError, TypeError) as error:
            raise ConfigError(f"{folder.config}: expected a run's configuration, got {error}") from error
        variables, notes = checkpoints.restore_average(folder.checkpoints, _shapes(module))
        return module, variables, f"the run {name}", notes
    if not (path.exists() or name in zoo.NAMES or name.startswith((zoo.BLEND, hub.SCHEME))):
        raise ConfigError(
            "--init: expected the folder of a run or of a model, a weights file, a released model, such as srresnet, or"
            f" hf://owner/name, got {name}"
        )
    try:
        model = zoo.load(name)
    except WeightsError as error:  # which may name its argument instead of the option
        raise WeightsError(f"--init: {str(error).removeprefix('model: ')}") from error
    title = "the bundled SRResNet weights" if name == "srresnet" else f"the weights {name}"
    return model.module, model.variables, title, ()


def _mismatch(expected: Network, actual: Any) -> str | None:
    """Describes a network that differs from the expected one in more than its scale; returns None for any other."""
    kind = type(actual).__name__
    if type(actual) is not type(expected):
        return kind
    names = [field.name for field in dataclasses.fields(expected) if field.name not in ("factors", "parent", "name")]
    pairs = [(name, getattr(actual, name), getattr(expected, name)) for name in names]
    others = [f"{name} {value} instead of {wanted}" for name, value, wanted in pairs if value != wanted]
    return f"{kind} with {', '.join(others)}" if others else None


def _with_trunk(
    generator: Network, variables: Mapping[str, Any], key: Key[Array, ""]
) -> tuple[dict[str, Any], list[str]]:
    """Initialises a generator and replaces its trunk; returns its variables and the names of its other layers."""
    trunk = _trunk(generator)
    initial = traverse_util.flatten_dict(generator.init(key, jnp.zeros((1, SIDE, SIDE, 3))))
    given = traverse_util.flatten_dict(dict(variables))
    mixed = {path: given[path] if path[1] in trunk else value for path, value in initial.items()}
    return traverse_util.unflatten_dict(mixed), sorted({path[1] for path in initial} - trunk)


def _trunk(generator: Network) -> set[str]:
    """Returns the names of the layers that are the same at every scale.

    A sub-pixel layer of one scale may have the shape of another scale's, but it stands before other layers there.
    """
    first, *others = [_layers(generator.clone(factors=factors)) for factors in FACTORS.values()]
    return {name for name, shapes in first.items() if all(other.get(name) == shapes for other in others)}


def _layers(generator: Network) -> dict[str, dict[tuple[str, ...], tuple[int, ...]]]:
    """Returns the shapes of each layer's arrays by their paths."""
    flat: dict[tuple[str, ...], Any] = traverse_util.flatten_dict(_shapes(generator))
    layers = {}
    for path, leaf in flat.items():
        layers.setdefault(path[1], {})[path] = leaf.shape
    return layers


def _shapes(generator: Network) -> dict[str, Any]:
    """Returns the variables of a generator with shapes in place of arrays."""
    return dict(jax.eval_shape(generator.init, jax.random.key(0), jnp.zeros((1, SIDE, SIDE, 3))))
