"""VGG19 as Keras Applications has it."""

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from jsr.errors import WeightsError
from jsr.weights.conversion import CONVOLUTIONS, Converted, check, flatten, metadata

KERAS_WEIGHT = 0.006
KERAS_MEAN = (123.68, 116.779, 103.939)  # RGB in [0, 255]; there was no division afterwards


def vgg19_from_keras(weights: Mapping[str, np.ndarray]) -> Converted:
    """Converts Keras' VGG19, which was trained on BGR in [0, 255] less its mean.

    Args:
      weights: `block1_conv1/kernel` `[3, 3, in, out]`, `block1_conv1/bias`, ... as `read_keras`
        returns them.

    Raises:
      WeightsError: names or shapes are not those of VGG19; it lists all that differ.
    """
    names = {}
    for name in CONVOLUTIONS:
        layer = "block{}_conv{}".format(*name.removeprefix("conv").split("_"))
        names[name] = (f"{layer}/kernel", f"{layer}/bias")
    check("Keras", weights, names, CONVOLUTIONS)
    flat = flatten(weights, names, lambda kernel: kernel)
    first = "params/conv1_1/kernel"
    flat[first] = np.ascontiguousarray(flat[first][:, :, ::-1])  # BGR -> RGB
    mean = tuple(value / 255 for value in KERAS_MEAN)
    return flat, metadata(mean, (1 / 255,) * 3, KERAS_WEIGHT, "Keras Applications")


def read_keras(path: Path) -> dict[str, np.ndarray]:
    """Reads the convolutions of a Keras VGG19 file, with the names that `vgg19_from_keras` takes.

    Keras 1 wrote `block1_conv1/block1_conv1_W_1:0`, Keras 2 `block1_conv1/block1_conv1/kernel:0`.

    Raises:
      WeightsError: the file is no HDF5 file, or is broken.
    """
    import h5py  # here, since whoever has the ported file needs no h5py

    pattern = re.compile(r"(?:.*/)?(block\d_conv\d)/(?:\1[/_])?(W|kernel|b|bias)(?:_\d+)?(?::0)?")
    found = {}

    def visit(name, item):
        match = pattern.fullmatch(name)
        if match and isinstance(item, h5py.Dataset) and not name.startswith("optimizer_weights/"):
            kind = "kernel" if match[2] in ("W", "kernel") else "bias"
            found[f"{match[1]}/{kind}"] = item[()]

    try:
        with h5py.File(path, "r") as file:
            file.visititems(visit)
    except (OSError, RuntimeError, KeyError) as e:
        raise WeightsError("expected an HDF5 file of Keras, got one that h5py cannot read") from e
    return found
