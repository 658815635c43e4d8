"""Tests ../../jsr/weights/to_onnx.py against ONNX Runtime."""

import importlib.util
import json
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jsr.errors import WeightsError
from jsr.models import Model
from jsr.models.classical.interpolation import Interpolation
from jsr.models.compact import Compact
from jsr.models.edsr import EDSR
from jsr.models.espcn import ESPCN
from jsr.models.srresnet import SRResNet
from jsr.ops import dispatch, pixels
from jsr.weights import to_onnx, zoo

# Of the released networks; those of SRResNet differ in their numbers alone, so one of them is quick.
RELEASED = [
    "espcn",
    *(pytest.param(name, marks=pytest.mark.slow) for name in (*zoo.CORNERS.values(), zoo.DEFAULT)),
]


@pytest.fixture(scope="module")
def runtime():
    pytest.importorskip("onnx", reason="onnx is an extra")
    return pytest.importorskip("onnxruntime", reason="ONNX Runtime computes what is expected here")


def _run(runtime, proto, x):
    session = runtime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    (y,) = session.run(["sr"], {"lr": x.transpose(0, 3, 1, 2)})
    return y.transpose(0, 2, 3, 1)


def _disturbed(module, rng):
    """Returns random variables, of which none is 0 or 1 and so without effect."""
    variables = jax.jit(module.init)(jax.random.key(0), jnp.zeros((1, 8, 8, 3)))
    return jax.tree.map(lambda leaf: leaf + 0.05 * rng.normal(size=leaf.shape).astype(np.float32), variables)


def test_convert_takes_the_bundled_network_at_any_size(runtime, rng):
    model = zoo.load("srresnet")
    proto = to_onnx.convert(model)
    for shape in [(1, 12, 17, 3), (2, 9, 8, 3)]:
        x = rng.uniform(size=shape).astype(np.float32)
        expected = jax.jit(model.module.apply)(model.variables, x)
        assert np.std(expected) > 0.1
        np.testing.assert_allclose(_run(runtime, proto, x), expected, atol=1e-4)


@pytest.mark.parametrize(
    "module",
    [
        pytest.param(SRResNet(factors=(3,), features=8, blocks=2), marks=pytest.mark.slow),
        pytest.param(ESPCN(factors=(2,), features=(8, 8)), marks=pytest.mark.slow),
        pytest.param(ESPCN(factors=(2, 2), features=(8, 8)), marks=pytest.mark.slow),
        Compact(factors=(3,), features=8, convolutions=2),
        EDSR(factors=(3,), features=8, blocks=2),
        SRResNet(features=8, blocks=1, channel_slopes=True, body_prelu=True),
        SRResNet(features=8, blocks=1, tanh=False, mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4)),
    ],
    ids=["srresnet x3", "espcn x2", "espcn x4", "compact x3", "edsr x3", "slopes", "clipped and normalised"],
)
def test_convert_takes_other_networks(runtime, rng, module):
    variables = _disturbed(module, rng)
    x = rng.uniform(size=(1, 7, 10, 3)).astype(np.float32)
    expected = np.asarray(jax.jit(module.apply)(variables, x))
    assert np.std(expected) > 1e-3
    proto = to_onnx.convert(Model(module, variables, {}))
    np.testing.assert_allclose(_run(runtime, proto, x), expected, atol=1e-4)


@pytest.mark.parametrize("name", RELEASED)
def test_convert_to_uint8_gives_the_levels_of_the_network(runtime, rng, name):
    """Up to rounding at the middle between two levels."""
    model = zoo.load(name)
    content = to_onnx.convert(model, is_uint8=True).SerializeToString()
    session = runtime.InferenceSession(content, providers=["CPUExecutionProvider"])
    lr = np.concatenate([rng.integers(0, 256, (2, 9, 11, 3), np.uint8), np.full((2, 9, 3, 3), 255, np.uint8)], axis=2)
    (sr,) = session.run(["sr"], {"lr": lr})
    expected = np.asarray(pixels.from_symmetric(jax.jit(model.module.apply)(model.variables, pixels.to_unit(lr))))
    assert sr.dtype == np.uint8 and sr.shape == expected.shape and sr.min() == 0 and sr.max() == 255
    difference = np.abs(sr.astype(int) - expected)
    assert difference.max() <= 1 and np.mean(difference) < 1e-3


# Without the hint, OpenVINO computes in bfloat16 on some CPUs, up to 9 levels off.
OPENVINO = """
import sys, numpy as np, openvino
for program, before, after in zip(*[iter(sys.argv[1:])] * 3):
    network = openvino.Core().read_model(program)
    compiled = openvino.compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    with np.load(before) as inputs:
        np.savez(after, **{name: compiled(inputs[name])[0] for name in inputs})
"""


@pytest.mark.parametrize("name", RELEASED)
def test_convert_runs_in_openvino(rng, tmp_path, name):
    """In a process of its own, because it forks, which JAX's threads do not stand."""
    for package in ("onnx", "openvino"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"needs {package}")
    model = zoo.load(name)
    levels = [rng.integers(0, 256, shape, np.uint8) for shape in [(1, 12, 17, 3), (2, 9, 8, 3)]]
    arguments = [sys.executable, "-c", OPENVINO]
    for kind in ("uint8", "float32"):
        program, before, after = (tmp_path / f"{kind}.{suffix}" for suffix in ("onnx", "npz", "out.npz"))
        program.write_bytes(to_onnx.convert(model, is_uint8=kind == "uint8").SerializeToString())
        inputs = levels if kind == "uint8" else [(x.transpose(0, 3, 1, 2) / 255).astype(np.float32) for x in levels]
        np.savez(before, **{str(i): x for i, x in enumerate(inputs)})
        arguments += map(str, (program, before, after))
    process = subprocess.run(arguments, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    with np.load(tmp_path / "uint8.out.npz") as rounded, np.load(tmp_path / "float32.out.npz") as exact:
        for i, x in enumerate(levels):
            with dispatch.plain():  # Winograd's convolution alone differs by 1e-4 on noise
                expected = jax.jit(model.module.apply)(model.variables, pixels.to_unit(x))
            np.testing.assert_allclose(exact[str(i)].transpose(0, 2, 3, 1), expected, atol=1e-4)
            difference = np.abs(rounded[str(i)].astype(int) - pixels.from_symmetric(expected))
            assert rounded[str(i)].dtype == np.uint8 and difference.max() <= 1 and np.mean(difference) < 1e-3


def test_convert_writes_what_a_runtime_needs_to_know(runtime):
    """Slopes that all channels share are no PRelu, because WebGPU computes that on the CPU."""
    model = zoo.load("srresnet")
    proto = to_onnx.convert(model)
    about = {entry.key: entry.value for entry in proto.metadata_props}
    assert (about["scale"], about["halo"]) == ("4", str(model.halo))
    assert json.loads(about["about"]) == model.metadata
    kinds = {node.op_type for node in proto.graph.node}
    assert "LeakyRelu" in kinds and "PRelu" not in kinds


def test_convert_refuses_an_interpolation():
    pytest.importorskip("onnx", reason="onnx is an extra")
    with pytest.raises(WeightsError, match="expected an SRResNet, an ESPCN, a Compact or an EDSR, got Interpolation"):
        to_onnx.convert(Model(Interpolation(), {}, {}))
