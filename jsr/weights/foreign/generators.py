"""The generators of other projects, rewritten exactly as ours.

The files `from_torch.py`, `from_keras.py` and `from_mxnet.py` name the layers of a file as our network does; here the
numbers follow. What differs between projects is absorbed by the numbers where that is exact, and by the fields of
`SRResNet` where it is not.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from flax import traverse_util

from jsr.errors import WeightsError
from jsr.models import layers
from jsr.models.compact import Compact
from jsr.models.srresnet import SRResNet
from jsr.weights import file as weights_file
from jsr.weights.file import IMPORTED

# Tensors by our names of layers and parameters: `block1/conv1` to `kernel` `[3, 3, 64, 64]` and `bias` `[64]`.
Layers = Mapping[str, Mapping[str, np.ndarray]]
NOTHING = np.zeros(0, np.float32)  # in the place of a tensor that a file lacks


class Generator(NamedTuple):
    """A converted network, as `weights.file.save` takes it."""

    model: str
    config: dict[str, Any]
    variables: dict[str, Any]
    about: dict[str, Any]


def srresnet(
    found: Layers,
    *,
    source: str,
    epsilon: float = layers.EPSILON,
    tanh: bool = True,
    is_unit: bool = False,
    mean: Sequence[float] = (0.0, 0.0, 0.0),
    std: Sequence[float] = (1.0, 1.0, 1.0),
) -> Generator:
    """Converts the layers of an SRResNet.

    BatchNorm stays: a bias before it goes into its running mean, and another epsilon into its running variance.

    Args:
      found: the layers; kernels are `[k, k, in, out]`, the channels of sub-pixel layers `(i, j, c)`.
      source: the project.
      epsilon: what it adds to BatchNorm's variances.
      tanh: whether the network ends in tanh; else it is clipped.
      is_unit: whether results are in [0, 1] rather than [-1, 1]; not with tanh.
      mean: subtracted from the inputs, which are in [0, 1].
      std: divides them thereafter.

    Raises:
      WeightsError: the layers are not those of an SRResNet; the message lists all differences.
    """
    params = {
        name: {key: np.asarray(value, np.float32) for key, value in layer.items()} for name, layer in found.items()
    }
    stats = {}
    for name in [name for name in params if _is_norm(name)]:
        norm, convolution = params[name], params.get(_before(name), {})
        running, var, bias = norm.pop("mean", NOTHING), norm.pop("var", NOTHING), convolution.pop("bias", None)
        stats[name] = {"mean": running, "var": var + np.float32(epsilon - layers.EPSILON)}
        if bias is not None and bias.shape == running.shape:
            stats[name]["mean"] = running - bias
    if is_unit and "tail" in params:
        params["tail"] = {name: 2 * value for name, value in params["tail"].items()}
        params["tail"]["bias"] = params["tail"].get("bias", np.zeros(3, np.float32)) - 1
    config = _config(params, bool(stats)) | ({} if tanh else {"tanh": False})
    if tuple(mean) != (0, 0, 0):
        config |= {"mean": list(mean), "std": list(std)}
    variables = {"params": _nested(params)} | ({"batch_stats": _nested(stats)} if stats else {})
    return _checked(Generator("srresnet", config, variables, {IMPORTED: source}))


def compact(found: Layers, *, source: str) -> Generator:
    """Converts the layers of Real-ESRGAN's small network, whose results are in [0, 1].

    Args:
      found: the layers; kernels are `[k, k, in, out]`, the channels of the last `(c, i, j)`.
      source: the project.

    Raises:
      WeightsError: the layers are not those of the network; the message lists all differences.
    """
    params = {
        name: {key: np.asarray(value, np.float32) for key, value in layer.items()} for name, layer in found.items()
    }
    last = f"conv{sum(name.startswith('conv') for name in params)}"
    kernel = params[last]["kernel"]
    scale = max(1, math.isqrt(kernel.shape[3] // 3))
    # The enlargement that the network adds to is in [-1, 1] here, so twice as much is added to it.
    params[last] = {name: 2 * value for name, value in unshuffled(params[last], scale).items()}
    config = {
        "factors": [2, 2] if scale == 4 else [scale],
        "features": kernel.shape[2],
        "convolutions": len(params) // 2 - 1,
    }
    config = {name: value for name, value in config.items() if value != _listed(getattr(Compact(), name))}
    return _checked(Generator("compact", config, {"params": _nested(params)}, {IMPORTED: source}))


def in_order(
    convolutions: Iterable[Mapping[str, np.ndarray]],
    norms: Iterable[Mapping[str, np.ndarray]],
    prelus: Iterable[Mapping[str, np.ndarray]],
) -> Layers:
    """Names the layers of an SRResNet whose file numbers them instead, each kind from the input on."""
    convolutions, norms, prelus = list(convolutions), list(norms), list(prelus)
    blocks = len(norms) // 2
    block = [f"block{i + 1}" for i in range(blocks)]
    upsample = [f"upsample{i + 1}" for i in range(len(convolutions) - 2 * blocks - 3)]
    inner = [f"{name}/conv{i}" for name in block for i in (1, 2)]
    names = (
        ["head", *inner, "body", *(f"{name}/conv" for name in upsample), "tail"],
        [*(f"{name}/bn{i}" for name in block for i in (1, 2)), "body_bn"],
        ["head_prelu", *(f"{name}/prelu" for name in block), *(f"{name}/prelu" for name in upsample)],
    )
    found = (convolutions, norms, prelus)
    if [len(kind) for kind in names] != [len(kind) for kind in found]:
        counts = [
            f"{len(kind)} {name}" for kind, name in zip(found, ("convolutions", "BatchNorms", "PReLUs"), strict=True)
        ]
        raise WeightsError(f"expected the layers of an SRResNet, got {', '.join(counts)}")
    return {
        name: layer for kind, group in zip(names, found, strict=True) for name, layer in zip(kind, group, strict=True)
    }


def unshuffled(layer: Mapping[str, np.ndarray], r: int) -> dict[str, np.ndarray]:
    """Orders the channels of a sub-pixel layer, `(c, i, j)` as PyTorch's PixelShuffle takes them, as `(i, j, c)`."""
    if any(value.size == 0 or value.ndim == 0 or value.shape[-1] % r**2 for value in layer.values()):
        return dict(layer)  # no such layer, as a look at its shape will tell
    return {
        name: value.reshape(*value.shape[:-1], -1, r**2).swapaxes(-1, -2).reshape(value.shape)
        for name, value in layer.items()
    }


def factor(kernel: np.ndarray) -> int:
    """Returns how many times a sub-pixel layer with a kernel `[k, k, in, out]` enlarges; it keeps the features."""
    return max(1, math.isqrt(kernel.shape[3] // max(1, kernel.shape[2])))


def _checked(generator: Generator) -> Generator:
    """Returns a network whose tensors are those of its module.

    Raises:
      WeightsError: they are not; the message lists all differences.
    """
    module = weights_file.make_network(generator.model, generator.config)
    differences = weights_file.differences(module, generator.variables)
    if differences:
        raise WeightsError(f"expected the layers of {generator.about[IMPORTED]}, got {'; '.join(differences)}")
    return generator


def _config(params: Mapping[str, Mapping[str, np.ndarray]], has_norm: bool) -> dict[str, Any]:
    """Returns the fields that differ from the defaults."""
    count = sum(name.endswith("/conv1") for name in params)
    upsamples = [f"upsample{i + 1}/conv" for i in range(sum(name.startswith("upsample") for name in params) // 2)]
    kernels = [params[name]["kernel"] for name in ("head", *upsamples) if "kernel" in params.get(name, {})]
    if len(kernels) != 1 + len(upsamples) or not all(kernel.ndim == 4 and kernel.size for kernel in kernels):
        raise WeightsError("expected the layers of an SRResNet, got no kernels of its first and its sub-pixel layers")
    config = {
        "factors": [factor(kernel) for kernel in kernels[1:]],
        "features": kernels[0].shape[3],
        "blocks": count,
        "norm": has_norm,
        "channel_slopes": np.ndim(params.get("head_prelu", {}).get("negative_slope", 0.0)) == 1,
        "body_prelu": "body_prelu" in params,
    }
    default = SRResNet()
    return {name: value for name, value in config.items() if value != _listed(getattr(default, name))}


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _is_norm(name: str) -> bool:
    return name == "body_bn" or name.endswith(("/bn1", "/bn2"))


def _before(norm: str) -> str:
    """Returns the convolution before a BatchNorm: `block1/conv2` of `block1/bn2`."""
    return "body" if norm == "body_bn" else norm.replace("/bn", "/conv")


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    return traverse_util.unflatten_dict(dict(flat), sep="/")
