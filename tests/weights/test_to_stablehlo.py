"""Tests ../../jsr/weights/to_stablehlo.py in a process that has JAX and nothing of jsr or Flax."""

import subprocess
import sys

import jax
import numpy as np
import pytest

from jsr.errors import WeightsError
from jsr.models import Model
from jsr.models.classical.interpolation import Interpolation
from jsr.models.compact import Compact
from jsr.models.edsr import EDSR
from jsr.models.srresnet import SRResNet
from jsr.ops import pixels
from jsr.weights import to_stablehlo, zoo
from tests.models.networks import init

pytest.importorskip("flatbuffers", reason="JAX writes programs in it")

# Sizes on both sides of `windows.BAND`, whose loop a program of unknown size cannot have.
SHAPES = [(1, 12, 17, 3), (2, 9, 8, 3), (1, 70, 5, 3)]
PROGRAM = """
import sys
sys.modules["flax"] = sys.modules["jsr"] = None  # an import of them fails
import jax, numpy as np
from jax import export
exported = export.deserialize(bytearray(open(sys.argv[1], "rb").read()))
print(",".join(exported.platforms))
call = jax.jit(exported.call)
with np.load(sys.argv[2]) as inputs:
    np.savez(sys.argv[3], **{name: call(inputs[name]) for name in inputs})
"""


def _run(content, inputs, folder):
    """Returns the results for a list of arrays, and the platforms of the program."""
    program, before, after = folder / "a.stablehlo", folder / "in.npz", folder / "out.npz"
    program.write_bytes(content)
    np.savez(before, **{str(i): x for i, x in enumerate(inputs)})
    arguments = [sys.executable, "-c", PROGRAM, str(program), str(before), str(after)]
    process = subprocess.run(arguments, capture_output=True, text=True, cwd=folder)
    assert process.returncode == 0, process.stderr
    with np.load(after) as results:
        return [results[str(i)] for i in range(len(inputs))], process.stdout.strip().split(",")


RELEASED = ["espcn", *(pytest.param(name, marks=pytest.mark.slow) for name in (*zoo.CORNERS.values(), zoo.DEFAULT))]


@pytest.mark.parametrize("name", RELEASED)
def test_convert_takes_released_networks_at_any_size(rng, tmp_path, name):
    model = zoo.load(name)
    inputs = [rng.random(shape, np.float32) for shape in SHAPES]
    results, platforms = _run(to_stablehlo.convert(model), inputs, tmp_path)
    assert {"cpu", "cuda", "tpu"} <= set(platforms)
    for x, y in zip(inputs, results, strict=True):
        expected = jax.jit(model.module.apply)(model.variables, x)
        assert np.std(expected) > 0.1
        # Winograd's convolution, which computes what is expected on a CPU, rounds by up to 1e-4 on noise.
        np.testing.assert_allclose(y, expected, atol=3e-4)


@pytest.mark.parametrize(
    "module",
    [
        SRResNet(factors=(3,), features=8, blocks=1, channel_slopes=True, body_prelu=True),
        Compact(factors=(2,), features=8, convolutions=2),
        EDSR(factors=(2,), features=8, blocks=2),
    ],
    ids=["srresnet x3", "compact x2", "edsr x2"],
)
def test_convert_takes_other_networks(rng, tmp_path, module):
    x = rng.random((1, 70, 7, 3), np.float32)
    variables = init(module, x)
    ((y,), _) = _run(to_stablehlo.convert(Model(module, variables, {})), [x], tmp_path)
    np.testing.assert_allclose(y, jax.jit(module.apply)(variables, x), atol=1e-4)


@pytest.mark.parametrize("name", RELEASED)
def test_convert_to_uint8_gives_the_levels_of_the_network(rng, tmp_path, name):
    model = zoo.load(name)
    lr = rng.integers(0, 256, (1, 9, 11, 3), np.uint8)
    ((sr,), _) = _run(to_stablehlo.convert(model, is_uint8=True), [lr], tmp_path)
    expected = np.asarray(pixels.from_symmetric(jax.jit(model.module.apply)(model.variables, pixels.to_unit(lr))))
    assert sr.dtype == np.uint8 and sr.shape == expected.shape and np.std(sr) > 20
    difference = np.abs(sr.astype(int) - expected)
    assert difference.max() <= 1 and np.mean(difference) < 1e-2


def test_convert_refuses_an_interpolation():
    with pytest.raises(WeightsError, match="expected an SRResNet, an ESPCN, a Compact or an EDSR, got Interpolation"):
        to_stablehlo.convert(Model(Interpolation(), {}, {}))
