"""The trained parts of LPIPS, from the files that `jsr fetch` puts into the cache.

AlexNet and its heads measure. VGG16 and its heads serve as a loss: whoever trains on a measure makes it worthless.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jax.typing import DTypeLike

from jsr.files.cache import default_cache
from jsr.metrics.lpips import Reference
from jsr.models.judges import alexnet, vgg
from jsr.models.judges.alexnet import AlexNet
from jsr.models.judges.vgg import VGG
from jsr.weights import feature_file
from jsr.weights import vgg as vgg_file

COMMAND = "jsr fetch lpips"  # makes the file
VGG16_LAYERS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3")  # of LPIPS; one head each


def default_path() -> Path:
    """Returns the path of the file in the user's cache."""
    return default_cache() / "lpips.safetensors"


def load() -> Reference | None:
    """Loads the file in the user's cache; returns None where there is none.

    Raises:
      WeightsError: it is damaged or of another kind.
    """
    path = default_path()
    if not path.exists():
        return None
    kernels = alexnet.kernel_shapes()
    shapes = _shapes(kernels, [shape[-1] for shape in kernels.values()])
    tensors, metadata = feature_file.read(path, "lpips", shapes, command=COMMAND)
    return Reference(AlexNet(metadata["mean"], metadata["std"]), {"params": tensors["params"]}, _heads(tensors))


def load_vgg16(dtype: DTypeLike) -> Reference:
    """Loads VGG16 and the heads on its features.

    Args:
      dtype: of the convolutions.

    Raises:
      WeightsError: the file is missing, damaged or of another kind.
    """
    kernels = vgg.kernel_shapes(16)
    shapes = _shapes(kernels, [kernels[f"conv{layer.removeprefix('relu')}"][-1] for layer in VGG16_LAYERS])
    tensors, metadata = feature_file.read(vgg_file.default_path(16), "vgg16", shapes, command=vgg_file.COMMANDS[16])
    network = VGG(16, VGG16_LAYERS, metadata["mean"], metadata["std"], pooling="l2", dtype=dtype)
    return Reference(network, {"params": tensors["params"]}, _heads(tensors))


def _shapes(kernels: Mapping[str, tuple[int, ...]], widths: list[int]) -> dict[str, tuple[int, ...]]:
    """Returns the shapes of all tensors in a file.

    Args:
      kernels: the shape of each convolution's kernel.
      widths: the features of each layer that has a head.
    """
    shapes = {f"params/{name}/kernel": shape for name, shape in kernels.items()}
    shapes |= {f"params/{name}/bias": shape[3:] for name, shape in kernels.items()}
    return shapes | {f"heads/{i}": (width,) for i, width in enumerate(widths, 1)}


def _heads(tensors: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(tensors["heads"][f"{i}"] for i in range(1, len(tensors["heads"]) + 1))
