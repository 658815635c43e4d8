"""VGG19 from Keras Applications."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jsr.errors import WeightsError
from jsr.models import vgg
from jsr.weights import conversion
from jsr.weights.conversion import Converted

# Keras subtracts this mean of RGB in [0, 255] and does not divide, so that a unit of its inputs is one grey level.
MEAN = (123.68, 116.779, 103.939)
# Ledig et al. 2017, section 3.2: features are divided by 12.75, and 1 / 12.75^2 = 0.006. It belongs to networks that
# see pictures in [0, 255], as this one does.
CONTENT_WEIGHT = 0.006


def vgg19_from_keras(weights: Mapping[str, np.ndarray]) -> Converted:
    """Converts Keras' VGG19, which was trained on BGR in [0, 255] less its mean.

    Args:
      weights: `block1_conv1/kernel` `[3, 3, in, out]`, `block1_conv1/bias` `[out]`, ... as `read_keras` returns them.

    Raises:
      WeightsError: names or shapes are not those of VGG19; the message lists all differences.
    """
    names = {}
    for name in vgg.kernel_shapes(19):
        layer = "block{}_conv{}".format(*name.removeprefix("conv").split("_"))
        names[name] = (f"{layer}/kernel", f"{layer}/bias")
    shapes = vgg.kernel_shapes(19)
    converted = conversion.convert(weights, "VGG19 of Keras", shapes=shapes, names=names, axes=(0, 1, 2, 3))
    first = "params/conv1_1/kernel"
    converted[first] = np.ascontiguousarray(converted[first][:, :, ::-1])  # BGR -> RGB
    metadata = conversion.metadata(
        mean=[value / 255 for value in MEAN],
        std=[1 / 255] * 3,
        content_weight=CONTENT_WEIGHT,
        source=f"{conversion.VGG19}, as Keras Applications has it",
    )
    return converted, metadata


def read_keras(path: Path) -> dict[str, np.ndarray]:
    """Reads the convolutions of a Keras VGG19 file, by the names that `vgg19_from_keras` takes.

    Keras 1 wrote `block1_conv1/block1_conv1_W_1:0`, Keras 2 `block1_conv1/block1_conv1/kernel:0`.

    Raises:
      WeightsError: the file is not HDF5, or is damaged.
    """
    import h5py  # at first use, because it is needed only once, to convert the file

    pattern = re.compile(r"(?:.*/)?(block\d_conv\d)/(?:\1[/_])?(W|kernel|b|bias)(?:_\d+)?(?::0)?")
    weights = {}

    def visit(name: str, item: Any) -> None:
        match = pattern.fullmatch(name)
        if match and isinstance(item, h5py.Dataset) and not name.startswith("optimizer_weights/"):
            kind = "kernel" if match[2] in ("W", "kernel") else "bias"
            weights[f"{match[1]}/{kind}"] = item[()]

    try:
        with h5py.File(path, "r") as file:
            file.visititems(visit)
    except (OSError, RuntimeError, KeyError) as error:
        raise WeightsError("expected an HDF5 file of Keras, got one that h5py cannot read") from error
    return weights
