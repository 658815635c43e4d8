"""A model as an ONNX graph, which other runtimes compute.

The input `lr` is float32 `[n, 3, h, w]`, RGB in [0, 1], the output `sr` float32 `[n, 3, s h, s w]` in [-1, 1], with any
n, h and w. BatchNorm is folded into the convolutions. SRResNet and ESPCN only: SRCNN begins with MATLAB's bicubic
interpolation, which ONNX does not have.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from jsr.errors import WeightsError
from jsr.models import Model
from jsr.models.espcn import ESPCN
from jsr.models.srresnet import SRResNet
from jsr.weights import zoo

if TYPE_CHECKING:
    import onnx

OPSET, IR = 17, 8  # of ONNX 1.12 (2022), so that older runtimes read the file


class _Graph:
    """A graph under construction. Each method adds a node or a constant and returns the name of its output."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.values: list[onnx.TensorProto] = []

    def value(self, array: Any) -> str:
        from onnx import numpy_helper

        name = f"w{len(self.values)}"
        array = np.ascontiguousarray(array, np.float32)
        self.values.append(numpy_helper.from_array(array, name))
        return name

    def add(self, kind: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        from onnx import helper

        output = output or f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def conv(self, x: str, layer: Mapping[str, Any]) -> str:
        kernel = np.asarray(layer["kernel"])
        size = kernel.shape[0]
        inputs = self.value(kernel.transpose(3, 2, 0, 1)), self.value(layer["bias"])
        return self.add("Conv", x, *inputs, pads=[size // 2] * 4, kernel_shape=[size] * 2)

    def prelu(self, x: str, layer: Mapping[str, Any]) -> str:
        return self.add("PRelu", x, self.value(np.reshape(layer["negative_slope"], (1, 1, 1))))

    def subpixel(self, x: str, layer: Mapping[str, Any], r: int) -> str:
        """Adds a convolution and DepthToSpace. Its mode DCR has our order of channels, but is slow in runtimes."""
        order = np.arange(np.size(layer["bias"])).reshape(r * r, -1).T.ravel()
        layer = {name: np.asarray(value)[..., order] for name, value in layer.items()}
        return self.add("DepthToSpace", self.conv(x, layer), blocksize=r, mode="CRD")


def convert(model: Model) -> "onnx.ModelProto":
    """Converts a model to an ONNX graph that computes the same.

    Raises:
      WeightsError: the network cannot be converted.
      ModuleNotFoundError: onnx is not installed.
    """
    import onnx
    from onnx import helper

    model = zoo.inference(model)
    graph = _Graph()
    if isinstance(model.module, SRResNet):
        _srresnet(graph, model)
    elif isinstance(model.module, ESPCN):
        _espcn(graph, model)
    else:
        raise WeightsError(f"model: expected an SRResNet or an ESPCN, got {type(model.module).__name__}")

    def description(name: str, *size: str) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", 3, *size])

    s = model.module.scale
    inputs, outputs = [description("lr", "h", "w")], [description("sr", f"{s}h", f"{s}w")]
    proto = helper.make_model(
        helper.make_graph(graph.nodes, "jsr", inputs, outputs, graph.values),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR,
        producer_name="jsr",
    )
    onnx.checker.check_model(proto, full_check=True)
    return proto


def _srresnet(graph: _Graph, model: Model) -> None:
    params = model.variables["params"]
    x = first = graph.prelu(graph.conv("lr", params["head"]), params["head_prelu"])
    for i in range(model.module.blocks):
        block = params[f"block{i + 1}"]
        y = graph.prelu(graph.conv(x, block["conv1"]), block["prelu"])
        x = graph.add("Add", x, graph.conv(y, block["conv2"]))
    x = graph.add("Add", first, graph.conv(x, params["body"]))
    for i, r in enumerate(model.module.factors):
        layer = params[f"upsample{i + 1}"]
        x = graph.prelu(graph.subpixel(x, layer["conv"], r), layer["prelu"])
    graph.add("Tanh", graph.conv(x, params["tail"]), output="sr")


def _espcn(graph: _Graph, model: Model) -> None:
    params = model.variables["params"]
    x = graph.add("Sub", graph.add("Mul", "lr", graph.value(2.0)), graph.value(1.0))
    x = graph.add("Tanh", graph.conv(x, params["conv1"]))
    x = graph.add("Tanh", graph.conv(x, params["conv2"]))
    graph.add("Identity", graph.subpixel(x, params["conv3"], model.module.scale), output="sr")
