"""SRResNet from MXNet, whose layers are numbered, as those of WolframRhodium/Super-Resolution-Zoo."""

import math
import re
import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from jsr.errors import WeightsError
from jsr.weights.foreign import generators
from jsr.weights.foreign.generators import Generator

# include/mxnet/ndarray.h and src/ndarray/ndarray.cc: a list of arrays, and each array of it.
LIST_MAGIC, ARRAY_MAGIC = 0x112, 0xF993FAC9
DENSE = 0  # the storage; others are sparse
TYPES = {0: "<f4", 1: "<f8", 2: "<f2"}  # mshadow's numbers of the types
NAMES = {
    "bias": "bias",
    "gamma": "scale",
    "beta": "bias",
    "moving_mean": "mean",
    "moving_var": "var",
    "running_mean": "mean",
    "running_var": "var",
    "alpha": "negative_slope",
}


def generator_from_mxnet(arrays: Mapping[str, np.ndarray]) -> Generator:
    """Converts an SRResNet or SRGAN that ends in [-1, 1] without tanh.

    Args:
      arrays: `convolution0_weight` `[out, in, k, k]`, `batchnorm0_gamma`, `leakyrelu0_weight` `[c]`, ...; the numbers
        count the layers of each kind from the input on.

    Raises:
      WeightsError: they are not those of an SRResNet; the message lists all differences.
    """
    layers: dict[tuple[str, int], dict[str, np.ndarray]] = {}
    for name, value in arrays.items():
        match = re.fullmatch(r"(?:arg:|aux:)?(.*?)(\d+)_(\w+)", name)
        if not match or not (match[3] in NAMES or match[3] == "weight"):
            raise WeightsError(f"expected the numbered layers of an SRResNet, got {name}")
        kind = NAMES.get(match[3]) or ("kernel" if value.ndim == 4 else "negative_slope")
        layers.setdefault((match[1], int(match[2])), {})[kind] = value
    kinds: dict[str, list[dict[str, np.ndarray]]] = {"kernel": [], "scale": [], "negative_slope": []}
    for _, layer in sorted(layers.items()):
        for kind in kinds.keys() & layer.keys():
            kinds[kind].append(layer)
    for layer in kinds["kernel"]:
        layer["kernel"] = layer["kernel"].transpose(2, 3, 1, 0)
    found = {name: dict(layer) for name, layer in generators.in_order(*kinds.values()).items()}
    for name in [name for name in found if name.startswith("upsample") and "kernel" in found[name]]:
        found[name] = generators.unshuffled(found[name], generators.factor(found[name]["kernel"]))
    return generators.srresnet(found, source="WolframRhodium/Super-Resolution-Zoo", tanh=False)


def read(path: Path) -> dict[str, np.ndarray]:
    """Reads a list of named arrays, as `mxnet.nd.save` writes it since MXNet 1.0.

    Raises:
      WeightsError: the file holds anything else.
      OSError: it cannot be read.
    """
    content = path.read_bytes()
    position = 0

    def take(form: str) -> tuple[int, ...]:
        nonlocal position
        numbers = struct.unpack_from(f"<{form}", content, position)
        position += struct.calcsize(f"<{form}")
        return numbers

    def array() -> np.ndarray:
        nonlocal position
        magic, storage, axes = take("IiI")
        if magic != ARRAY_MAGIC or storage != DENSE or axes > 8:
            raise ValueError("an array of another version, or a sparse one")
        shape = take(f"{axes}q")
        _, _, kind = take("iii")  # the kind and number of a device, and the type
        values = np.frombuffer(content, TYPES[kind], math.prod(shape), position)
        position += values.nbytes
        return values.reshape(shape)

    try:
        magic, _, count = take("QQQ")
        if magic != LIST_MAGIC:
            raise ValueError("it begins otherwise")
        arrays = [array() for _ in range(count)]
        (count,) = take("Q")
        names = []
        for _ in range(count):
            (length,) = take("Q")
            names.append(content[position : position + length].decode())
            position += length
        return dict(zip(names, arrays, strict=True))
    except (ValueError, KeyError, struct.error) as error:
        raise WeightsError(f"expected a list of named arrays of MXNet, got another file: {error}") from error
