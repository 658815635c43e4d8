"""Tests ../../jsr/weights/to_onnx.py against ONNX Runtime."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jsr.errors import WeightsError
from jsr.models import Model
from jsr.models.espcn import ESPCN
from jsr.models.interpolation import Interpolation
from jsr.models.srresnet import SRResNet
from jsr.weights import to_onnx, zoo


@pytest.fixture(scope="module")
def runtime():
    pytest.importorskip("onnx", reason="onnx is an extra")
    return pytest.importorskip("onnxruntime", reason="ONNX Runtime computes what is expected here")


def _run(runtime, proto, x):
    session = runtime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    (y,) = session.run(["sr"], {"lr": x.transpose(0, 3, 1, 2)})
    return y.transpose(0, 2, 3, 1)


def _disturbed(module):
    """Returns random variables, of which none is 0 or 1 and so without effect."""
    variables = module.init(jax.random.key(0), jnp.zeros((1, 8, 8, 3)))
    leaves, tree = jax.tree.flatten(variables)
    keys = jax.random.split(jax.random.key(1), len(leaves))
    noise = [jax.random.normal(k, v.shape) for k, v in zip(keys, leaves, strict=True)]
    return jax.tree.unflatten(tree, [v + 0.05 * n for v, n in zip(leaves, noise, strict=True)])


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
        SRResNet(factors=(3,), features=8, blocks=2),
        ESPCN(factors=(2,), features=(8, 8)),
        ESPCN(factors=(2, 2), features=(8, 8)),
    ],
    ids=["srresnet x3", "espcn x2", "espcn x4"],
)
def test_convert_takes_other_networks(runtime, rng, module):
    variables = _disturbed(module)
    x = rng.uniform(size=(1, 7, 10, 3)).astype(np.float32)
    expected = np.asarray(module.apply(variables, x))
    assert np.std(expected) > 1e-3
    proto = to_onnx.convert(Model(module, variables, {}))
    np.testing.assert_allclose(_run(runtime, proto, x), expected, atol=1e-4)


def test_convert_refuses_an_interpolation():
    pytest.importorskip("onnx", reason="onnx is an extra")
    with pytest.raises(WeightsError, match="expected an SRResNet or an ESPCN, got Interpolation"):
        to_onnx.convert(Model(Interpolation(), {}, {}))
