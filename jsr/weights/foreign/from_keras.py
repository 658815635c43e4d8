"""Networks from Keras: VGG19 of Keras Applications, and the generator of krasserm/super-resolution."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jsr.errors import WeightsError
from jsr.models.judges import vgg
from jsr.weights.foreign import conversion, generators
from jsr.weights.foreign.conversion import Converted
from jsr.weights.foreign.generators import Generator

# Keras subtracts this mean of RGB in [0, 255] and does not divide, so that a unit of its inputs is one grey level.
MEAN = (123.68, 116.779, 103.939)
# Ledig et al. 2017, section 3.2: features are divided by 12.75, and 1 / 12.75^2 = 0.006. It belongs to networks that
# see pictures in [0, 255], as this one does.
CONTENT_WEIGHT = 0.006

EPSILON = 1e-3  # of BatchNorm, Keras' default
# What Keras calls the parameters of layers.
NAMES = {
    "kernel": "kernel",
    "bias": "bias",
    "gamma": "scale",
    "beta": "bias",
    "moving_mean": "mean",
    "moving_variance": "var",
    "alpha": "negative_slope",
}


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


def generator_from_keras(layers: Sequence[Mapping[str, np.ndarray]]) -> Generator:
    """Converts the SRResNet or SRGAN of krasserm/super-resolution, whose layers are numbered.

    Args:
      layers: those that have parameters, from the input on, by Keras' names, as `read_layers` returns them.

    Raises:
      WeightsError: they are not those of an SRResNet; the message lists all differences.
    """
    kinds: dict[str, list[dict[str, np.ndarray]]] = {"kernel": [], "scale": [], "negative_slope": []}
    for layer in layers:
        renamed = {NAMES.get(name, name): value for name, value in layer.items()}
        for kind in kinds.keys() & renamed.keys():
            kinds[kind].append(renamed)
    for layer in kinds["negative_slope"]:  # `[1, 1, c]`, because PReLU shares it along height and width
        layer["negative_slope"] = layer["negative_slope"].reshape(-1)
    return generators.srresnet(
        generators.in_order(*kinds.values()), source="krasserm/super-resolution", epsilon=EPSILON
    )


def read_layers(path: Path) -> list[dict[str, np.ndarray]]:
    """Reads the layers of a Keras model that have parameters, from the input on.

    Returns:
      the parameters of each by Keras' names, such as `kernel` and `bias`.

    Raises:
      WeightsError: the file is not HDF5, is damaged, or does not list the layers, as Keras' HDF5 files do.
    """
    import h5py

    try:
        with h5py.File(path, "r") as file:
            group: Any = file.get("model_weights", file)
            layers = [(group[name], group[name].attrs["weight_names"]) for name in group.attrs["layer_names"]]
            return [
                {_text(name).rpartition("/")[2].partition(":")[0]: layer[name][()] for name in names}
                for layer, names in layers
                if len(names)
            ]
    except (OSError, RuntimeError, KeyError) as error:
        raise WeightsError("expected an HDF5 file of Keras, which lists its layers, got another") from error


def _text(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else name
