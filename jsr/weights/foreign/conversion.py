"""The tensors of feature networks from other libraries, renamed and transposed into ours.

A converted network is a flat dictionary, `params/conv1_1/kernel` to float32 `[3, 3, 3, 64]` and so on, and its
metadata: the `mean` and `std` by which pictures are normalised (of RGB in [0, 1], JSON), the `source`, and for a
content loss the `content_weight` that goes with the size of its features (JSON, one number or one for each layer).
"""

import json
from collections.abc import Mapping, Sequence

import numpy as np

from jsr.errors import WeightsError
from jsr.files import tensors

Converted = tuple[dict[str, np.ndarray], dict[str, str]]
VGG19 = "VGG19 of Simonyan and Zisserman 2015"


def convert(
    weights: Mapping[str, np.ndarray],
    network: str,
    *,
    shapes: Mapping[str, tuple[int, int, int, int]],
    names: Mapping[str, tuple[str, str]],
    axes: tuple[int, int, int, int],
) -> dict[str, np.ndarray]:
    """Renames and transposes the tensors of convolutions.

    Args:
      weights: the library's tensors, by its names; exactly those of the network.
      network: its name and the library's, for the message.
      shapes: those of the kernels `[k, k, in, out]`, by our names of the convolutions.
      names: for each of them, the library's names of the kernel and the bias.
      axes: which axes of the library's kernels are height, width, inputs and outputs.

    Raises:
      WeightsError: names or shapes are not those of the network; the message lists all differences.
    """
    order = np.argsort(axes)
    expected = {}
    for name, (kernel, bias) in names.items():
        expected[kernel] = tuple(shapes[name][axis] for axis in order)
        expected[bias] = shapes[name][3:]
    differences = tensors.differences(expected, {name: np.shape(value) for name, value in weights.items()})
    if differences:
        raise WeightsError(f"expected the {network}, got {'; '.join(differences)}")
    converted = {}
    for name, (kernel, bias) in names.items():
        converted[f"params/{name}/kernel"] = np.ascontiguousarray(weights[kernel].transpose(axes), np.float32)
        converted[f"params/{name}/bias"] = np.ascontiguousarray(weights[bias], np.float32)
    return converted


def metadata(
    *,
    mean: Sequence[float],
    std: Sequence[float],
    source: str,
    content_weight: float | Mapping[str, float] | None = None,
) -> dict[str, str]:
    """Returns the metadata of a converted network."""
    texts = {"mean": json.dumps(mean), "std": json.dumps(std), "source": source}
    return texts if content_weight is None else texts | {"content_weight": json.dumps(content_weight)}
