"""ONNX Runtime and OpenVINO as contestants, on a CPU; both compute the exported ONNX graph."""

import numpy as np

from jsr.weights import to_onnx


def onnxruntime(*, model, x, threads):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    content = to_onnx.convert(model).SerializeToString()
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    x = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    return lambda: session.run(None, {"lr": x})[0]


def openvino(*, model, x, threads, precision):
    import openvino

    core = openvino.Core()
    network = core.read_model(to_onnx.convert(model).SerializeToString())
    x = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    network.reshape(list(x.shape))
    options = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": {"fp32": "f32", "bf16": "bf16"}[precision],
        "INFERENCE_NUM_THREADS": threads,
    }
    compiled = core.compile_model(network, "CPU", options)
    return lambda: compiled(x, share_inputs=True, share_outputs=True)[0]
