"""Weights of others, renamed and turned into our trees. Only numpy, so that it needs no network.

Both functions return a flat dict, `params/conv1_1/kernel` -> float32 `[3, 3, 3, 64]`, and its
metadata: what pictures were normalised with (`mean` and `std` of RGB in [0, 1], JSON), the
`content_weight` that goes with the size of its features (JSON), and the `source`.
"""

import json

import numpy as np

from jsr.errors import WeightsError

BLOCKS = ((2, 64), (2, 128), (4, 256), (4, 512), (4, 512))  # convolutions, features; then a pooling

# Ours, our shape of the kernel: (conv1_1, (3, 3, 3, 64)), (conv1_2, (3, 3, 64, 64)), ...
_WIDTHS = [features for convolutions, features in BLOCKS for _ in range(convolutions)]
_NAMES = [f"{i}_{j}" for i, (n, _) in enumerate(BLOCKS, 1) for j in range(1, n + 1)]
CONVOLUTIONS = {
    f"conv{name}": (3, 3, before, after) for name, before, after in zip(_NAMES, [3, *_WIDTHS], _WIDTHS, strict=False)
}

Converted = tuple[dict[str, np.ndarray], dict[str, str]]


def check(kind, weights, names, shapes):
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
        raise WeightsError(f"expected the VGG19 of {kind}, got {'; '.join(differences)}")


def flatten(weights, names, turn):
    flat = {}
    for name, (kernel, bias) in names.items():
        for key, value in (("kernel", turn(weights[kernel])), ("bias", weights[bias])):
            flat[f"params/{name}/{key}"] = np.ascontiguousarray(value, np.float32)
    return flat


def metadata(mean, std, content_weight, source):
    return {
        "mean": json.dumps(mean),
        "std": json.dumps(std),
        "content_weight": json.dumps(content_weight),
        "source": f"VGG19 of Simonyan and Zisserman 2015, as {source} has it",
    }
