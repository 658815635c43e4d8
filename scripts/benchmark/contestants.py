"""The contestants of each part, by name: jsr, PyTorch, ONNX Runtime, OpenVINO and ncnn.

A contestant is a builder, which prepares everything and returns a call without arguments; the call does the work, waits
for it and returns the outcome. Names end in the precision.
"""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from jsr import pictures
from jsr.devices import compilation
from jsr.ops import resize
from jsr.weights import zoo
from scripts.benchmark import jsr_calls, ncnn_calls, runtime_calls, torch_calls
from scripts.benchmark.cases import Picture, Task, on_gpu

SAMPLE = Path(__file__).parents[2] / "experiments" / "sample.png"

Call = Callable[[], Any]
Builders = dict[str, Callable[[], Call]]


def photograph(height: int, width: int) -> np.ndarray:
    """Returns the sample at another size, `[1, h, w, 3]` in [0, 1].

    No noise: the networks never saw any, and rounding to bfloat16 grows to twenty times as much in it.
    """
    sample = pictures.read(SAMPLE).pixels.astype(np.float32)[None] / 255
    return np.clip(np.asarray(resize.resize(sample, height, width)), 0, 1)


def infer(case: Picture, *, threads: int) -> Builders:
    """Returns builders of calls that return pictures, `[b, h, w, 3]` or `[b, 3, h, w]`, in [-1, 1]."""
    model = zoo.load("srresnet").folded()  # the bare network, which the others have too
    x = photograph(case.height, case.width)
    found: Builders = {}
    for precision in compilation.DTYPES:
        found[f"jsr {precision}"] = functools.partial(jsr_calls.infer, model=model, x=x, precision=precision)
    for name, setup in torch_calls.setups(threads).items():
        found[name] = functools.partial(torch_calls.infer, model, x, setup)
    if not on_gpu():
        runtime = {"model": model, "x": x, "threads": threads}
        found["onnxruntime fp32"] = functools.partial(runtime_calls.onnxruntime, **runtime)
        for precision in compilation.DTYPES:
            found[f"openvino {precision}"] = functools.partial(runtime_calls.openvino, **runtime, precision=precision)
        for precision in ("fp32", "fp16", "bf16"):
            found[f"ncnn {precision}"] = functools.partial(ncnn_calls.infer, **runtime, precision=precision)
    return found


def train(case: Task, *, threads: int) -> Builders:
    """Returns builders of calls that do `case.steps` steps and return their losses `[count, losses]`."""
    found: Builders = {f"jsr {p}": functools.partial(jsr_calls.train, case, p) for p in compilation.DTYPES}
    for name, setup in torch_calls.setups(threads).items():
        found[name] = functools.partial(torch_calls.train, case, setup)
    return found


def product(side: int, precision: str, *, threads: int) -> Builders:
    """Returns builders of calls that multiply two square matrices."""
    return {
        "jsr": functools.partial(jsr_calls.product, side, precision),
        "torch": functools.partial(torch_calls.product, side, torch_calls.Setup(precision, None, threads)),
    }


BUILDERS: dict[str, Callable[..., Builders]] = {"infer": infer, "train": train}
