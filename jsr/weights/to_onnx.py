"""A model as an ONNX graph, which other runtimes compute.

The input `lr` is float32 `[n, 3, h, w]`, RGB in [0, 1], the output `sr` float32 `[n, 3, s h, s w]` in [-1, 1], with any
n, h and w; or both are uint8, `[n, h, w, 3]` and `[n, s h, s w, 3]`, as picture files hold them. BatchNorm is folded
into the convolutions. The file's metadata has the scale, the halo by which tiles must overlap, in pixels of `lr`, and
where the weights come from. SRResNet, ESPCN, Compact and EDSR only: SRCNN begins with MATLAB's bicubic interpolation,
which ONNX does not have.
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from jsr.errors import WeightsError
from jsr.models import Model
from jsr.models.compact import Compact
from jsr.models.edsr import EDSR
from jsr.models.espcn import ESPCN
from jsr.models.srresnet import SRResNet

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
        array = np.asarray(array, np.float32, order="C")
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
        slope = np.asarray(layer["negative_slope"])
        if slope.ndim == 0:  # as LeakyRelu, which WebGPU computes and PRelu it does not
            return self.add("LeakyRelu", x, alpha=float(slope))
        return self.add("PRelu", x, self.value(slope[:, None, None]))

    def subpixel(self, x: str, layer: Mapping[str, Any], r: int) -> str:
        """Adds a convolution and DepthToSpace. Its mode DCR has our order of channels, but is slow in runtimes."""
        order = np.arange(np.size(layer["bias"])).reshape(r * r, -1).T.ravel()
        layer = {name: np.asarray(value)[..., order] for name, value in layer.items()}
        return self.add("DepthToSpace", self.conv(x, layer), blocksize=r, mode="CRD")


def convert(model: Model, *, is_uint8: bool = False) -> "onnx.ModelProto":
    """Converts a model to an ONNX graph that computes the same.

    Args:
      is_uint8: whether pictures are uint8 `[n, h, w, 3]` instead of float32 `[n, 3, h, w]`.

    Raises:
      WeightsError: the network cannot be converted.
      ModuleNotFoundError: onnx is not installed.
    """
    import onnx
    from onnx import helper

    network = type(model.module)
    if network not in _NETWORKS:
        raise WeightsError(f"model: expected an SRResNet, an ESPCN, a Compact or an EDSR, got {network.__name__}")
    model, graph = model.folded(), _Graph()
    x = _from_levels(graph, "lr") if is_uint8 else "lr"
    y = _NETWORKS[network](graph, model.module, model.variables["params"], x)
    if is_uint8:
        y = _to_levels(graph, y)
    graph.add("Identity", y, output="sr")

    def description(name: str, *size: str) -> onnx.ValueInfoProto:
        shape = ["n", *size, 3] if is_uint8 else ["n", 3, *size]
        kind = onnx.TensorProto.UINT8 if is_uint8 else onnx.TensorProto.FLOAT
        return helper.make_tensor_value_info(name, kind, shape)

    s = model.scale
    inputs, outputs = [description("lr", "h", "w")], [description("sr", f"{s}h", f"{s}w")]
    proto = helper.make_model(
        helper.make_graph(graph.nodes, "jsr", inputs, outputs, graph.values),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR,
        producer_name="jsr",
    )
    about = {"scale": s, "halo": model.halo, "about": json.dumps(model.metadata, sort_keys=True)}
    helper.set_model_props(proto, {name: str(value) for name, value in about.items()})
    onnx.checker.check_model(proto, full_check=True)
    return proto


def _from_levels(graph: _Graph, x: str) -> str:
    """Adds the way from uint8 `[n, h, w, 3]` to float32 `[n, 3, h, w]` in [0, 1]."""
    x = graph.add("Cast", graph.add("Transpose", x, perm=[0, 3, 1, 2]), to=1)  # TensorProto.FLOAT
    return graph.add("Div", x, graph.value(255))


def _to_levels(graph: _Graph, y: str) -> str:
    """Adds the way from float32 `[n, 3, h, w]` in [-1, 1] to the nearest uint8 `[n, h, w, 3]`."""
    y = graph.add("Mul", graph.add("Add", y, graph.value(1)), graph.value(255 / 2))
    y = graph.add("Clip", graph.add("Round", y), graph.value(0), graph.value(255))
    return graph.add("Transpose", graph.add("Cast", y, to=2), perm=[0, 2, 3, 1])  # TensorProto.UINT8


def _srresnet(graph: _Graph, network: Any, params: Mapping[str, Any], x: str) -> str:
    if network.mean != (0, 0, 0) or network.std != (1, 1, 1):
        mean, std = (graph.value(np.reshape(values, (3, 1, 1))) for values in (network.mean, network.std))
        x = graph.add("Div", graph.add("Sub", x, mean), std)
    x = first = graph.prelu(graph.conv(x, params["head"]), params["head_prelu"])
    for i in range(network.blocks):
        x = _residual_block(graph, x, params[f"block{i + 1}"])
    x = graph.conv(x, params["body"])
    if network.body_prelu:
        x = graph.prelu(x, params["body_prelu"])
    x = graph.add("Add", first, x)
    for i, r in enumerate(network.factors):
        layer = params[f"upsample{i + 1}"]
        x = graph.prelu(graph.subpixel(x, layer["conv"], r), layer["prelu"])
    x = graph.conv(x, params["tail"])
    return graph.add("Tanh", x) if network.tanh else graph.add("Clip", x, graph.value(-1), graph.value(1))


def _espcn(graph: _Graph, network: Any, params: Mapping[str, Any], x: str) -> str:
    x = _symmetric(graph, x)
    x = graph.add("Tanh", graph.conv(x, params["conv1"]))
    x = graph.add("Tanh", graph.conv(x, params["conv2"]))
    return graph.subpixel(x, params["conv3"], network.scale)


def _compact(graph: _Graph, network: Any, params: Mapping[str, Any], x: str) -> str:
    y = x
    for i in range(network.convolutions + 1):
        y = graph.prelu(graph.conv(y, params[f"conv{i + 1}"]), params[f"prelu{i + 1}"])
    y = graph.subpixel(y, params[f"conv{network.convolutions + 2}"], network.scale)
    return _added_to_nearest(graph, network.scale, x, y)


def _edsr(graph: _Graph, network: Any, params: Mapping[str, Any], x: str) -> str:
    y = first = graph.conv(_symmetric(graph, x), params["head"])
    for i in range(network.blocks):
        y = _residual_block(graph, y, params[f"block{i + 1}"])
    y = graph.add("Add", first, graph.conv(y, params["body"]))
    return _added_to_nearest(graph, network.scale, x, graph.subpixel(y, params["tail"], network.scale))


def _residual_block(graph: _Graph, x: str, block: Mapping[str, Any]) -> str:
    y = graph.prelu(graph.conv(x, block["conv1"]), block["prelu"])
    return graph.add("Add", x, graph.conv(y, block["conv2"]))


def _added_to_nearest(graph: _Graph, scale: int, x: str, y: str) -> str:
    scales = graph.value([1, 1, scale, scale])
    # Without the two modes, which say that pixel i comes from floor(i / s), runtimes round otherwise.
    modes = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    return graph.add("Add", graph.add("Resize", _symmetric(graph, x), "", scales, **modes), y)


def _symmetric(graph: _Graph, x: str) -> str:
    return graph.add("Sub", graph.add("Mul", x, graph.value(2)), graph.value(1))


_NETWORKS = {SRResNet: _srresnet, ESPCN: _espcn, Compact: _compact, EDSR: _edsr}
