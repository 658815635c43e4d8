"""The trained parts of LPIPS: AlexNet and its heads, from the file that `jsr fetch lpips` puts into the cache."""

from pathlib import Path

from jsr.files.cache import default_cache
from jsr.metrics.lpips import Reference
from jsr.models import alexnet
from jsr.models.alexnet import AlexNet
from jsr.weights import feature_file

COMMAND = "jsr fetch lpips"  # makes the file


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
    shapes = {}
    for i, (name, shape) in enumerate(alexnet.kernel_shapes().items(), 1):
        shapes |= {f"params/{name}/kernel": shape, f"params/{name}/bias": shape[3:], f"heads/{i}": shape[3:]}
    tensors, metadata = feature_file.read(path, "lpips", shapes, command=COMMAND)
    heads = tuple(tensors["heads"][f"{i}"] for i in range(1, len(tensors["heads"]) + 1))
    return Reference(AlexNet(metadata["mean"], metadata["std"]), {"params": tensors["params"]}, heads)
