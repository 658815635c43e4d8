"""Models by name: the released ones, blends of them, interpolations, reconstructions, runs and files."""

import functools
import math
import os
from pathlib import Path

import jax
import numpy as np

from jsr.devices.compilation import Precision
from jsr.errors import WeightsError
from jsr.models import Model
from jsr.models.classical.interpolation import Interpolation
from jsr.models.classical.reconstruction import BackProjection, ConvexSets, MaximumAPosteriori, Reconstruction
from jsr.models.consistency import Consistent
from jsr.models.edsr import EDSR
from jsr.models.espcn import ESPCN
from jsr.models.srcnn import SRCNN
from jsr.models.srresnet import SRResNet
from jsr.ops import resize
from jsr.weights import file as weights_file
from jsr.weights import hub

BUNDLED = (
    *("srresnet", "srgan", "srresnet-photo", "srgan-photo", "light", "light-photo"),
    *("espcn", "srcnn", "aplus", "sparse", "ne"),
)
SCALE = 4  # of the models whose scale is not asked for
BLEND = "blend:"  # followed by texture, or by texture and restore, each from 0 to 1
# What a blend mixes, by texture and restore. Weights mix only where one training went on from another's: all began at
# srresnet.
CORNERS: dict[tuple[float, float], str] = {
    (0, 0): "srresnet",
    (1, 0): "srgan",
    (0, 1): "srresnet-photo",
    (1, 1): "srgan-photo",
}
DEFAULT = f"{BLEND}0.8,0.8"  # better than bicubic on clean, compressed, noisy and blurred pictures alike
# Of videos: the fastest that is clearly better than bicubic, also on compressed ones (jsr/video/README.md).
VIDEO = "light-photo"
RECONSTRUCTIONS: dict[str, type[Reconstruction]] = {
    "ibp": BackProjection,
    "pocs": ConvexSets,
    "map": MaximumAPosteriori,
}
INTERPOLATIONS = resize.METHODS
NETWORKS = (SRResNet, ESPCN, SRCNN, EDSR)  # whose results are made consistent; those of the other methods are, anyway
NAMES = (*BUNDLED, *RECONSTRUCTIONS, *INTERPOLATIONS)


def load(name_or_path: str | os.PathLike[str], *, scale: int | None = None) -> Model:
    """Loads a model as it was trained.

    Args:
      name_or_path: one of `NAMES`, `blend:T`, `blend:T,R`, a weights file, the folder of a run or of a model of
        the Hugging Face Hub, or `hf://owner/name`, a model there.
      scale: that of the model; by default 4, or that of the file.

    Raises:
      WeightsError: an unknown name, a file that is missing, damaged or not a weights file of jsr, or a scale that the
        model does not have.
    """
    name = os.fspath(name_or_path)
    if name in INTERPOLATIONS:
        model = Model(Interpolation(method=name), {}, {})
    elif name in RECONSTRUCTIONS:
        model = Model(RECONSTRUCTIONS[name](), {}, {})
    elif name.startswith(BLEND):
        model = _blend(name)
    elif name.startswith(hub.SCHEME):
        model = hub.read(name)
    elif name in BUNDLED:
        return _released(name, scale or SCALE)
    else:
        model = _read(name)
    return model if scale is None else model.with_scale(scale)


def _released(name: str, scale: int) -> Model:
    path = weights_file.PRETRAINED / f"{name}_x{scale}.safetensors"
    if scale != SCALE and not path.is_file():
        others = sorted(other.stem for other in path.parent.glob(f"{name}_x*.safetensors"))
        raise WeightsError(f"{name}: no weights of scale {scale} are released, only {', '.join(others)}")
    return weights_file.read_released(path)


def _read(name: str) -> Model:
    path = Path(name).expanduser()
    if path.is_dir():
        if (path / hub.MODEL_FILE).is_file():
            return hub.read_folder(path)
        if not (path / weights_file.RUN_FILE).is_file():
            raise WeightsError(f"{path}: expected a run's folder with {weights_file.RUN_FILE}, found no such file")
        return weights_file.read(path / weights_file.RUN_FILE)
    if not path.is_file():
        raise WeightsError(
            f"model: expected one of {', '.join(NAMES)}, a weights file, a run's folder or hf://owner/name, got {name}"
        )
    return weights_file.read(path)


def blend_name(texture: float, restore: float) -> str:
    """Names a blend, or the released model that it equals."""
    return CORNERS.get((texture, restore)) or f"{BLEND}{texture:g},{restore:g}"


def shares(name: str) -> tuple[float, float]:
    """Reads the texture and the restore out of a blend's name; restore is 0 where the name has none.

    Raises:
      WeightsError: the name is no `blend:T` or `blend:T,R` with numbers from 0 to 1.
    """
    texture, comma, restore = name.removeprefix(BLEND).partition(",")
    try:
        numbers = float(texture), float(restore) if comma else 0.0
    except ValueError:
        numbers = math.nan, math.nan
    if not all(0 <= number <= 1 for number in numbers):
        raise WeightsError(f"model: expected {BLEND}T or {BLEND}T,R with numbers from 0 to 1, got {name}")
    return numbers


def _blend(name: str) -> Model:
    """Interpolates bilinearly between the weights of `CORNERS`.

    Wang et al. 2019, "Deep network interpolation for continuous imagery effect transition", arXiv 1811.10515,
    section 3.1, along one axis; two axes are the bilinear case.
    """
    texture, restore = shares(name)
    weights = {
        corner: (texture if x else 1 - texture) * (restore if y else 1 - restore) for (x, y), corner in CORNERS.items()
    }
    weights = {corner: weight for corner, weight in weights.items() if weight}  # the others need not be read
    models = [load(corner) for corner in weights]

    def mixed(*leaves: np.ndarray) -> np.ndarray:
        # Not sum(), which begins with 0 and so would turn a corner's -0.0 into 0.0.
        return np.asarray(functools.reduce(np.add, map(np.multiply, weights.values(), leaves)))

    variables = jax.tree.map(mixed, *(model.variables for model in models))
    return Model(models[0].module, variables, {"texture": texture, "restore": restore})


def ready(name_or_path: str | os.PathLike[str], *, precision: Precision = "fp32", scale: int | None = None) -> Model:
    """Loads a model, as `load` does, to upscale pictures with: in its fastest form, in a precision, consistent.

    An imported network stays as it is, so that it gives the results, and reaches the scores, that it has elsewhere.

    Raises:
      WeightsError: as `load` does.
    """
    model = load(name_or_path, scale=scale).folded().with_precision(precision)
    is_ours = isinstance(model.module, NETWORKS) and weights_file.IMPORTED not in model.metadata
    return model._replace(module=Consistent(model.module)) if is_ours else model
