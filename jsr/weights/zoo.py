"""Models by name: the released ones, blends of them, interpolations, runs and files."""

import math
import os
from pathlib import Path

import jax

from jsr.devices.compilation import Precision
from jsr.errors import WeightsError
from jsr.models import Model
from jsr.models.interpolation import Interpolation
from jsr.weights import file as weights_file

BUNDLED = ("srgan", "srresnet", "srresnet-2", "espcn", "srcnn")
BLEND = "blend:"  # followed by the share of srgan, from 0 to 1
# Weights mix only where one training went on from the other: srgan's began at srresnet-2, an earlier srresnet.
BLENDED = ("srresnet-2", "srgan")
DEFAULT = f"{BLEND}0.8"  # looks as sharp as srgan, with fainter false lines along edges
INTERPOLATIONS = ("bicubic", "bilinear", "nearest")
NAMES = BUNDLED + INTERPOLATIONS


def load(name_or_path: str | os.PathLike[str]) -> Model:
    """Loads a model as it was trained.

    Args:
      name_or_path: one of `NAMES`, `blend:T`, a weights file, or the folder of a run.

    Raises:
      WeightsError: an unknown name, or a file that is missing, damaged or not a weights file of jsr.
    """
    name = os.fspath(name_or_path)
    if name in INTERPOLATIONS:
        return Model(Interpolation(method=name), {}, {})
    if name.startswith(BLEND):
        return _blend(name)
    if name in BUNDLED:
        path = weights_file.PRETRAINED / f"{name}_x4.safetensors"
        return weights_file.read_released(path)
    path = Path(name).expanduser()
    if path.is_dir():
        if not (path / weights_file.RUN_FILE).is_file():
            raise WeightsError(f"{path}: expected a run's folder with {weights_file.RUN_FILE}, found no such file")
        return weights_file.read(path / weights_file.RUN_FILE)
    if not path.is_file():
        raise WeightsError(f"model: expected one of {', '.join(NAMES)}, a weights file or a run's folder, got {name}")
    return weights_file.read(path)


def _blend(name: str) -> Model:
    """Interpolates between the weights of `BLENDED`.

    Wang et al. 2019, "Deep network interpolation for continuous imagery effect transition", arXiv 1811.10515,
    section 3.1.
    """
    try:
        share = float(name.removeprefix(BLEND))
    except ValueError:
        share = math.nan
    if not 0 <= share <= 1:
        raise WeightsError(f"model: expected {BLEND} with a number from 0 to 1, got {name}")
    first, last = map(load, BLENDED)
    mixed = jax.tree.map(lambda a, b: (1 - share) * a + share * b, first.variables, last.variables)
    return Model(first.module, mixed, {"blend": share})


def ready(name_or_path: str | os.PathLike[str], *, precision: Precision = "fp32") -> Model:
    """Loads a model, as `load` does, in its fastest form and computing in a precision.

    Raises:
      WeightsError: as `load` does.
    """
    return load(name_or_path).folded().with_precision(precision)
