"""Models by name: the released ones, blends of them, interpolations, runs and files."""

import math
import os
from pathlib import Path

import jax
import numpy as np

from jsr.devices import compilation
from jsr.devices.compilation import Precision
from jsr.errors import WeightsError
from jsr.models import Model, srresnet
from jsr.models.interpolation import Interpolation
from jsr.models.srresnet import SRResNet
from jsr.weights import file as weights_file

BUNDLED = ("srgan", "srresnet", "espcn", "srcnn")
BLEND = "blend:"  # and a number: from srresnet, 0, to srgan, 1
DEFAULT = f"{BLEND}0.8"  # as sharp as srgan to the eye, with less of the lines along edges
INTERPOLATIONS = ("bicubic", "bilinear", "nearest")
NAMES = BUNDLED + INTERPOLATIONS


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
        path = weights_file.PRETRAINED / f"{name}_x4.safetensors"
        weights_file.check_hash(path)
        return weights_file.read(path)
    path = Path(name).expanduser()
    if path.is_dir():
        if not (path / weights_file.RUN_FILE).is_file():
            raise WeightsError(f"{path}: expected a run's folder with {weights_file.RUN_FILE}, found none")
        return weights_file.read_checked(path / weights_file.RUN_FILE)
    if not path.is_file():
        raise WeightsError(f"model: expected one of {', '.join(NAMES)}, a weights file or a run's folder, got {name}")
    return weights_file.read_checked(path)


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


def ready(name_or_path: str | os.PathLike[str], *, precision: Precision = "fp32") -> Model:
    """Loads a model, as `load` does, ready to upscale with: folded, and computing in a precision.

    Raises:
      WeightsError: as `load` does.
    """
    model = inference(load(name_or_path))
    if precision == "fp32" or isinstance(model.module, Interpolation):  # those are exact and quick
        return model
    return model._replace(module=model.module.clone(dtype=compilation.DTYPES[precision]))


def inference(model: Model) -> Model:
    """Folds BatchNorm into the convolutions, where there is any: the same function, computed faster."""
    if isinstance(model.module, SRResNet) and model.module.norm:
        folded = jax.tree.map(np.asarray, srresnet.fold(model.variables))
        return model._replace(module=model.module.clone(norm=False), variables=folded)
    return model
