"""VGG19's tensors from other libraries, renamed and transposed into ours.

A converted network is a flat dictionary, `params/conv1_1/kernel` to float32 `[3, 3, 3, 64]` and so on, and its
metadata: the `mean` and `std` by which pictures are normalised (of RGB in [0, 1], JSON), the `content_weight` that goes
with the size of its features (JSON), and the `source`.
"""

import json
from collections.abc import Mapping, Sequence

import numpy as np

from jsr.errors import WeightsError
from jsr.files import tensors
from jsr.models.vgg19 import CONVOLUTIONS

Converted = tuple[dict[str, np.ndarray], dict[str, str]]


def convert(
    weights: Mapping[str, np.ndarray],
    *,
    library: str,
    names: Mapping[str, tuple[str, str]],
    axes: tuple[int, int, int, int],
) -> dict[str, np.ndarray]:
    """Renames and transposes tensors.

    Args:
      weights: the library's tensors, by its names; exactly those of VGG19's convolutions.
      library: its name, for the message.
      names: for each of `CONVOLUTIONS`, the library's names of the kernel and the bias.
      axes: which axes of the library's kernels are height, width, inputs and outputs.

    Raises:
      WeightsError: names or shapes are not those of VGG19; the message lists all differences.
    """
    order = np.argsort(axes)
    expected = {}
    for name, (kernel, bias) in names.items():
        shape = CONVOLUTIONS[name]
        expected[kernel] = tuple(shape[axis] for axis in order)
        expected[bias] = shape[3:]
    differences = tensors.differences(expected, {name: np.shape(value) for name, value in weights.items()})
    if differences:
        raise WeightsError(f"expected the VGG19 of {library}, got {'; '.join(differences)}")
    converted = {}
    for name, (kernel, bias) in names.items():
        converted[f"params/{name}/kernel"] = np.ascontiguousarray(weights[kernel].transpose(axes), np.float32)
        converted[f"params/{name}/bias"] = np.ascontiguousarray(weights[bias], np.float32)
    return converted


def metadata(*, mean: Sequence[float], std: Sequence[float], content_weight: float, library: str) -> dict[str, str]:
    """Returns the metadata of a converted network."""
    return {
        "mean": json.dumps(mean),
        "std": json.dumps(std),
        "content_weight": json.dumps(content_weight),
        "source": f"VGG19 of Simonyan and Zisserman 2015, as {library} has it",
    }
