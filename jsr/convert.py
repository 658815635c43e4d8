"""Weights of others, renamed and turned into our trees. Only numpy, so that it needs no network.

Both functions return a flat dict, `params/conv1_1/kernel` -> float32 `[3, 3, 3, 64]`, and its
metadata: what pictures were normalised with (`mean` and `std` of RGB in [0, 1], JSON), the
`content_weight` that goes with the size of its features (JSON), and the `source`.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

BLOCKS = ((2, 64), (2, 128), (4, 256), (4, 512), (4, 512))  # convolutions, features; then a pooling

# Ours, our shape of the kernel: (conv1_1, (3, 3, 3, 64)), (conv1_2, (3, 3, 64, 64)), ...
_WIDTHS = [features for convolutions, features in BLOCKS for _ in range(convolutions)]
_NAMES = [f"{i}_{j}" for i, (n, _) in enumerate(BLOCKS, 1) for j in range(1, n + 1)]
CONVOLUTIONS = {
    f"conv{name}": (3, 3, before, after)
    for name, before, after in zip(_NAMES, [3, *_WIDTHS], _WIDTHS, strict=False)
}

# The weight of the content loss belongs to the size of the features. With torchvision's, what
# reaches the paper's scores is 1; 0.006 = 1 / 12.75^2 (Ledig et al. 2017, section 3.2) goes with
# those of networks that see pictures in [0, 255].
TORCH_WEIGHT = 1.0
KERAS_WEIGHT = 0.006
TORCH_MEAN, TORCH_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
KERAS_MEAN = (123.68, 116.779, 103.939)  # RGB in [0, 255]; there was no division afterwards

Converted = tuple[dict[str, np.ndarray], dict[str, str]]


def vgg19_from_torch(state: Mapping[str, np.ndarray]) -> Converted:
    """Converts the state dict of torchvision's vgg19; `classifier.*` is left out.

    Args:
      state: `features.0.weight` `[out, in, 3, 3]`, `features.0.bias`, ... `features.34.bias`.

    Raises:
      ValueError: names or shapes are not those of VGG19; it lists all that differ.
    """
    state = {k: v for k, v in state.items() if not k.startswith("classifier.")}
    names, index = {}, 0
    for name in CONVOLUTIONS:
        if name != "conv1_1" and name.endswith("_1"):
            index += 1  # the pooling before each further block
        names[name] = (f"features.{index}.weight", f"features.{index}.bias")
        index += 2  # itself and its ReLU
    shapes = {name: (*shape[:1:-1], *shape[:2]) for name, shape in CONVOLUTIONS.items()}
    _check("torchvision", state, names, shapes)
    flat = _flat(state, names, lambda kernel: kernel.transpose(2, 3, 1, 0))
    return flat, _metadata(TORCH_MEAN, TORCH_STD, TORCH_WEIGHT, "torchvision")


def vgg19_from_keras(weights: Mapping[str, np.ndarray]) -> Converted:
    """Converts Keras' VGG19, which was trained on BGR in [0, 255] less its mean.

    Args:
      weights: `block1_conv1/kernel` `[3, 3, in, out]`, `block1_conv1/bias`, ... as `read_keras`
        returns them.

    Raises:
      ValueError: names or shapes are not those of VGG19; it lists all that differ.
    """
    names = {}
    for name in CONVOLUTIONS:
        layer = "block{}_conv{}".format(*name.removeprefix("conv").split("_"))
        names[name] = (f"{layer}/kernel", f"{layer}/bias")
    _check("Keras", weights, names, CONVOLUTIONS)
    flat = _flat(weights, names, lambda kernel: kernel)
    first = "params/conv1_1/kernel"
    flat[first] = np.ascontiguousarray(flat[first][:, :, ::-1])  # BGR -> RGB
    mean = tuple(value / 255 for value in KERAS_MEAN)
    return flat, _metadata(mean, (1 / 255,) * 3, KERAS_WEIGHT, "Keras Applications")


def read_keras(path: Path) -> dict[str, np.ndarray]:
    """Reads the convolutions of a Keras VGG19 file, with the names that `vgg19_from_keras` takes.

    Keras 1 wrote `block1_conv1/block1_conv1_W_1:0`, Keras 2 `block1_conv1/block1_conv1/kernel:0`.

    Raises:
      ValueError: the file is no HDF5 file, or is broken.
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
        raise ValueError("expected an HDF5 file of Keras, got one that h5py cannot read") from e
    return found


def _check(kind, weights, names, shapes):
    """Compares names and shapes with VGG19's, and raises one error with all differences."""
    wanted = {}
    for name, (kernel, bias) in names.items():
        wanted[kernel] = tuple(shapes[name])
        wanted[bias] = CONVOLUTIONS[name][3:]
    got = {name: np.shape(value) for name, value in weights.items()}
    differences = [f"no {name}" for name in wanted if name not in got]
    differences += [f"a foreign {name}" for name in got if name not in wanted]
    differences += [
        f"{name} of shape {got[name]}, not {shape}"
        for name, shape in wanted.items()
        if name in got and got[name] != shape
    ]
    if differences:
        raise ValueError(f"expected the VGG19 of {kind}, got {'; '.join(differences)}")


def _flat(weights, names, turn):
    flat = {}
    for name, (kernel, bias) in names.items():
        for key, value in (("kernel", turn(weights[kernel])), ("bias", weights[bias])):
            flat[f"params/{name}/{key}"] = np.ascontiguousarray(value, np.float32)
    return flat


def _metadata(mean, std, content_weight, source):
    return {
        "mean": json.dumps(mean),
        "std": json.dumps(std),
        "content_weight": json.dumps(content_weight),
        "source": f"VGG19 of Simonyan and Zisserman 2015, as {source} has it",
    }
