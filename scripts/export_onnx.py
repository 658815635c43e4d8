"""Writes a model as ONNX, for other runtimes: `python scripts/export_onnx.py MODEL FILE.onnx`.

Needs `pip install onnx`. Input `lr`, float32 `[n, 3, h, w]`, RGB in [0, 1]; output `sr`, `[n, 3, s h, s w]` in [-1, 1];
any n, h and w. BatchNorm is folded into the convolutions. For SRResNet and ESPCN; SRCNN begins with MATLAB's bicubic
enlargement, which ONNX does not have.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np

from jsr.command_line import Parser
from jsr.files import atomic
from jsr.models import Model
from jsr.models.espcn import ESPCN
from jsr.models.srresnet import SRResNet
from jsr.weights import zoo

OPSET, IR = 17, 8  # those of ONNX 1.12, of 2022


class _Graph:
    """Nodes and weights in the making; each method adds a node and returns the name of its output."""

    def __init__(self):
        self.nodes: list[Any] = []
        self.values: list[Any] = []

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

    def conv(self, x: str, layer: dict[str, Any]) -> str:
        kernel = np.asarray(layer["kernel"])
        size = kernel.shape[0]
        inputs = self.value(kernel.transpose(3, 2, 0, 1)), self.value(layer["bias"])
        return self.add("Conv", x, *inputs, pads=[size // 2] * 4, kernel_shape=[size] * 2)

    def prelu(self, x: str, layer: dict[str, Any]) -> str:
        return self.add("PRelu", x, self.value(np.reshape(layer["negative_slope"], (1, 1, 1))))

    def subpixel(self, x: str, layer: dict[str, Any], r: int) -> str:
        """A convolution and DepthToSpace, whose mode DCR has jsr's order of channels, but is slow in runtimes."""
        order = np.arange(np.size(layer["bias"])).reshape(r * r, -1).T.ravel()
        layer = {name: np.asarray(value)[..., order] for name, value in layer.items()}
        return self.add("DepthToSpace", self.conv(x, layer), blocksize=r, mode="CRD")


def export(model: Model) -> Any:
    """Returns an `onnx.ModelProto` that computes what a model does.

    Raises:
      ValueError: no such network can be exported.
      ImportError: onnx is not installed.
    """
    import onnx
    from onnx import helper

    kind = type(model.module)
    add_nodes = {SRResNet: _srresnet, ESPCN: _espcn}.get(kind)
    if add_nodes is None:
        raise ValueError(f"model: expected an SRResNet or an ESPCN, got {kind.__name__}")
    model = model.folded()
    graph = _Graph()
    add_nodes(graph, model)

    def described(name, *size):
        return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", 3, *size])

    s = model.module.scale
    made = helper.make_graph(
        graph.nodes,
        "jsr",
        [described("lr", "h", "w")],
        [described("sr", f"{s}h", f"{s}w")],
        graph.values,
    )
    opsets = [helper.make_opsetid("", OPSET)]
    proto = helper.make_model(made, opset_imports=opsets, ir_version=IR, producer_name="jsr")
    onnx.checker.check_model(proto, full_check=True)
    return proto


def _srresnet(graph, model):
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


def _espcn(graph, model):
    params = model.variables["params"]
    x = graph.add("Sub", graph.add("Mul", "lr", graph.value(2.0)), graph.value(1.0))
    x = graph.add("Tanh", graph.conv(x, params["conv1"]))
    x = graph.add("Tanh", graph.conv(x, params["conv2"]))
    graph.add("Identity", graph.subpixel(x, params["conv3"], model.module.scale), output="sr")


def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns 0. What cannot be done exits with 2."""
    parser = Parser(prog="export_onnx", description="Writes a model as ONNX.")
    parser.add_argument("model", metavar="MODEL", help="as in jsr.infer --model")
    parser.add_argument("file", metavar="FILE.onnx", type=Path, help="what to write")
    args = parser.parse_args(argv)
    if args.file.suffix != ".onnx":
        parser.error(f"{args.file}: expected a file named .onnx")
    try:
        content = export(zoo.load(args.model)).SerializeToString()
        with atomic.replacing(args.file) as file:
            file.write(content)
    except ModuleNotFoundError as error:
        parser.error(f"needs onnx: pip install onnx ({error})")
    except OSError as error:
        parser.error(f"{args.file}: cannot be written: {error.strerror or error}")
    except ValueError as error:
        parser.error(str(error))
    print(f"{args.model} -> {args.file}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
