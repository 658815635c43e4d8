"""Networks from PyTorch: VGG19 of torchvision, and the generators of other projects."""

import re
from collections.abc import Callable, Mapping, Set
from typing import NamedTuple

import numpy as np

from jsr.errors import WeightsError
from jsr.models.judges import vgg
from jsr.weights.foreign import conversion, generators
from jsr.weights.foreign.conversion import Converted
from jsr.weights.foreign.generators import Generator

# The weight of the content loss belongs to the size of the features. The paper's 0.006 is for a network that sees
# pictures in [0, 255] (`from_keras.CONTENT_WEIGHT`); with torchvision's, 1 reaches the paper's scores.
CONTENT_WEIGHT = 1.0
COMPACT = "xinntao/Real-ESRGAN"  # its small network, SRVGGNetCompact; RRDBNet is another
PREFIXES = ("module.", "_orig_mod.", "net.")  # of DataParallel, of torch.compile, and of sgrvinod's SRGAN


class _Layout(NamedTuple):
    """How a project names the layers of its SRResNet, and how its network differs from ours."""

    source: str
    block: str  # matches one name in each residual block
    upsample: str  # matches one name in each sub-pixel layer
    layers: Callable[[Set[str], int, int], dict[str, str]]  # of names, blocks and sub-pixel layers: ours to theirs
    tanh: bool = True
    is_unit: bool = False
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)


def _leftthomas(names: Set[str], blocks: int, upsamples: int) -> dict[str, str]:
    body, tail = f"block{blocks + 2}", f"block{blocks + 3}"
    after_body = "body_bn" if f"{body}.1.running_mean" in names else "body_prelu"
    layers = {"head": "block1.0", "head_prelu": "block1.1", "body": f"{body}.0", after_body: f"{body}.1"}
    for i in range(1, blocks + 1):
        layers |= {f"block{i}/{part}": f"block{i + 1}.{part}" for part in ("conv1", "bn1", "prelu", "conv2", "bn2")}
    for i in range(1, upsamples + 1):
        layers |= {f"upsample{i}/{part}": f"{tail}.{i - 1}.{part}" for part in ("conv", "prelu")}
    return layers | {"tail": f"{tail}.{upsamples}"}


def _lornatang(_: Set[str], blocks: int, upsamples: int) -> dict[str, str]:
    layers = {"head": "conv1.0", "head_prelu": "conv1.1", "body": "conv2.0", "body_bn": "conv2.1", "tail": "conv3"}
    for i in range(1, blocks + 1):
        parts = enumerate(("conv1", "bn1", "prelu", "conv2", "bn2"))
        layers |= {f"block{i}/{part}": f"trunk.{i - 1}.rcb.{j}" for j, part in parts}
    for i in range(1, upsamples + 1):
        layers |= {
            f"upsample{i}/{part}": f"upsampling.{i - 1}.upsample_block.{j}" for part, j in (("conv", 0), ("prelu", 2))
        }
    return layers


def _sgrvinod(_: Set[str], blocks: int, upsamples: int) -> dict[str, str]:
    layers = {"head": "conv_block1.conv_block.0", "head_prelu": "conv_block1.conv_block.1"}
    layers |= {"body": "conv_block2.conv_block.0", "body_bn": "conv_block2.conv_block.1"}
    for i in range(1, blocks + 1):
        block = f"residual_blocks.{i - 1}"
        layers |= {
            f"block{i}/{part}": f"{block}.conv_block1.conv_block.{j}"
            for j, part in enumerate(("conv1", "bn1", "prelu"))
        }
        layers |= {f"block{i}/{part}": f"{block}.conv_block2.conv_block.{j}" for j, part in enumerate(("conv2", "bn2"))}
    for i in range(1, upsamples + 1):
        layers |= {f"upsample{i}/{part}": f"subpixel_convolutional_blocks.{i - 1}.{part}" for part in ("conv", "prelu")}
    return layers | {"tail": "conv_block3.conv_block.0"}


LAYOUTS = (
    _Layout("leftthomas/SRGAN", r"block\d+\.conv1\.weight", r"block\d+\.\d+\.conv\.weight", _leftthomas),
    _Layout(
        "Lornatang/SRGAN-PyTorch",
        r"trunk\.\d+\.rcb\.0\.weight",
        r"upsampling\.\d+\.upsample_block\.0\.weight",
        _lornatang,
        tanh=False,
        is_unit=True,
    ),
    _Layout(
        "sgrvinod/a-PyTorch-Tutorial-to-Super-Resolution",
        r"residual_blocks\.\d+\.conv_block1\.conv_block\.0\.weight",
        r"subpixel_convolutional_blocks\.\d+\.conv\.weight",
        _sgrvinod,
        mean=vgg.MEAN,
        std=vgg.STD,
    ),
)


def vgg19_from_torch(state: Mapping[str, np.ndarray]) -> Converted:
    """Converts the state dict of torchvision's vgg19; `classifier.*` is left out.

    Args:
      state: `features.0.weight` `[out, in, 3, 3]`, `features.0.bias` `[out]`, ... `features.34.bias`.

    Raises:
      WeightsError: names or shapes are not those of VGG19; the message lists all differences.
    """
    state = {name: value for name, value in state.items() if not name.startswith("classifier.")}
    names, index = {}, 0
    for name in vgg.kernel_shapes(19):
        if name != "conv1_1" and name.endswith("_1"):
            index += 1  # the pooling before each further block
        names[name] = (f"features.{index}.weight", f"features.{index}.bias")
        index += 2  # the convolution and its ReLU
    shapes = vgg.kernel_shapes(19)
    converted = conversion.convert(state, "VGG19 of torchvision", shapes=shapes, names=names, axes=(2, 3, 1, 0))
    metadata = conversion.metadata(
        mean=vgg.MEAN, std=vgg.STD, content_weight=CONTENT_WEIGHT, source=f"{conversion.VGG19}, as torchvision has it"
    )
    return converted, metadata


def generator_from_torch(state: Mapping[str, np.ndarray]) -> Generator:
    """Converts the state dict of a generator, told by the names of its tensors.

    Args:
      state: kernels `[out, in, k, k]`; named as in the generators of `LAYOUTS` and `COMPACT`.

    Raises:
      WeightsError: it is none of them, or lacks layers, or has others besides; the message lists all differences.
    """
    state = {_plain(name): value for name, value in state.items() if not name.endswith(".num_batches_tracked")}
    if {"body.0.weight", "body.1.weight"} <= state.keys():
        return _compact(state)
    for layout in LAYOUTS:
        blocks, upsamples = (
            sum(bool(re.fullmatch(p, name)) for name in state) for p in (layout.block, layout.upsample)
        )
        if blocks:
            break
    else:
        few = ", ".join(list(state)[:3])
        known = [layout.source for layout in LAYOUTS] + [COMPACT]
        raise WeightsError(f"expected a network of {', '.join(known)}, got tensors {few} ...")
    layers, remaining = {}, dict(state)
    for ours, theirs in layout.layers(state.keys(), blocks, upsamples).items():
        layers[ours] = _layer(ours, theirs, remaining)
    if remaining:
        raise WeightsError(f"expected the layers of {layout.source}, got an unknown {', an unknown '.join(remaining)}")
    options = {name: getattr(layout, name) for name in ("source", "tanh", "is_unit", "mean", "std")}
    return generators.srresnet(layers, **options)


def _compact(state: dict[str, np.ndarray]) -> Generator:
    names = {f"body.{i}": f"{'prelu' if i % 2 else 'conv'}{i // 2 + 1}" for i in range(len(state))}
    layers = {ours: _layer(ours, theirs, state) for theirs, ours in names.items()}
    layers = {name: layer for name, layer in layers.items() if layer}
    kernels = [layer.get("kernel", generators.NOTHING) for name, layer in layers.items() if name.startswith("conv")]
    if state or any(kernel.ndim != 4 or not kernel.size for kernel in kernels):
        raise WeightsError(
            f"expected the layers of {COMPACT}'s SRVGGNetCompact, got others: {', '.join(list(state)[:3])}"
        )
    return generators.compact(layers, source=COMPACT)


def _plain(name: str) -> str:
    for prefix in PREFIXES:
        name = name.removeprefix(prefix)
    return name


def _layer(ours: str, theirs: str, state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Takes a layer out of a state dict; what it lacks is noticed when all layers are compared with ours."""
    kind = ours.rpartition("/")[2]
    names = {"weight": "kernel", "bias": "bias"}
    if "prelu" in kind:
        names = {"weight": "negative_slope"}
    elif "bn" in kind:
        names = {"weight": "scale", "bias": "bias", "running_mean": "mean", "running_var": "var"}
    layer = {name: state.pop(f"{theirs}.{key}") for key, name in names.items() if f"{theirs}.{key}" in state}
    if "kernel" in layer and layer["kernel"].ndim == 4:
        layer["kernel"] = layer["kernel"].transpose(2, 3, 1, 0)
        if ours.startswith("upsample"):
            layer = generators.unshuffled(layer, generators.factor(layer["kernel"]))
    if "negative_slope" in layer and layer["negative_slope"].shape == (1,):
        layer["negative_slope"] = layer["negative_slope"].reshape(())
    return layer
