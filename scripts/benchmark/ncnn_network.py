"""Our SRResNet in the format of ncnn: the text of a .param file, and the bytes of a .bin file.

github.com/Tencent/ncnn/wiki/param-and-model-file-structure, and its `operators.md` for the numbered parameters.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from jsr.models import Model

MAGIC = "7767517"
FLOAT32 = np.zeros(1, np.uint32).tobytes()  # before a kernel: how it is stored
LEAKY_RELU = 2  # as the activation of a convolution
DIRECT = 32  # a bit of a layer's `featmask`: not as a matrix product, which for 9x9 kernels needs 45 GB at 256x256
INPUT, OUTPUT = "lr", "sr"


class _Network:
    """A network under construction. Each method adds a layer and returns the name of its result."""

    def __init__(self) -> None:
        self.layers: list[tuple[str, tuple[str, ...], list[str], str]] = []  # kind, inputs, outputs, parameters
        self.weights = bytearray()

    def add(self, kind: str, *inputs: str, count: int = 1, parameters: str = "") -> str:
        names = [f"{kind}{len(self.layers)}"] if count == 1 else [f"v{len(self.layers)}_{i}" for i in range(count)]
        self.layers.append((kind, inputs, names, parameters))
        return names[0]

    def split(self, x: str) -> tuple[str, str]:
        """Copies a result, because each may be an input only once."""
        first = self.add("Split", x, count=2)
        return first, f"{first[:-1]}1"

    def convolve(
        self, x: str, layer: Mapping[str, Any], *, factor: int = 1, prelu: Mapping[str, Any] | None = None
    ) -> str:
        """Adds a convolution, with the one slope of a PReLU behind it, and depth to space by a factor."""
        kernel, bias = (np.asarray(layer[name], np.float32) for name in ("kernel", "bias"))
        order = np.arange(bias.size).reshape(factor**2, -1).T.ravel()  # PixelShuffle takes the channels as torch does
        size = kernel.shape[0]
        self.weights += FLOAT32 + kernel.transpose(3, 2, 0, 1)[order].tobytes() + bias[order].tobytes()
        activation = f" 9={LEAKY_RELU} -23310=1,{float(prelu['negative_slope']):e}" if prelu else ""
        featmask = f" 31={DIRECT}" if size > 3 else ""
        parameters = f"0={bias.size} 1={size} 4={size // 2} 5=1 6={kernel.size}{activation}{featmask}"
        y = self.add("Convolution", x, parameters=parameters)
        return self.add("PixelShuffle", y, parameters=f"0={factor}") if factor > 1 else y

    def text(self) -> str:
        lines = []
        for number, (kind, inputs, outputs, parameters) in enumerate(self.layers):
            lines.append(f"{kind} l{number} {len(inputs)} {len(outputs)} {' '.join([*inputs, *outputs])} {parameters}")
        return "\n".join([MAGIC, f"{len(lines)} {sum(len(layer[2]) for layer in self.layers)}", *lines, ""])


def convert(model: Model) -> tuple[str, bytes]:
    """Converts an SRResNet, whose PReLUs have one slope each; BatchNorm is folded into the convolutions."""
    model = model.folded()
    module: Any = model.module
    params = model.variables["params"]
    network = _Network()
    network.layers.append(("Input", (), [INPUT], ""))
    first, x = network.split(network.convolve(INPUT, params["head"], prelu=params["head_prelu"]))
    for i in range(module.blocks):
        block = params[f"block{i + 1}"]
        x, y = network.split(x)
        y = network.convolve(network.convolve(y, block["conv1"], prelu=block["prelu"]), block["conv2"])
        x = network.add("BinaryOp", x, y)
    x = network.add("BinaryOp", first, network.convolve(x, params["body"]))
    for i, factor in enumerate(module.factors):
        layer = params[f"upsample{i + 1}"]
        x = network.convolve(x, layer["conv"], factor=factor, prelu=layer["prelu"])
    network.layers.append(("TanH", (network.convolve(x, params["tail"]),), [OUTPUT], ""))
    return network.text(), bytes(network.weights)
