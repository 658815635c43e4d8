"""Tests ../../jsr/weights/zoo.py."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jsr.errors import WeightsError
from jsr.models.espcn import ESPCN
from jsr.models.interpolation import Interpolation
from jsr.models.srcnn import SRCNN
from jsr.models.srresnet import SRResNet
from jsr.weights import file as weights_file
from jsr.weights import zoo


def _equal(a, b):
    return jax.tree.all(jax.tree.map(np.array_equal, a, b))


def test_load_takes_a_file_and_the_folder_of_a_run(tmp_path):
    module = SRResNet(features=4, blocks=1)
    variables = module.init(jax.random.key(0), jnp.zeros((1, 8, 8, 3)))
    for path in (tmp_path / "w.safetensors", tmp_path / "generator.safetensors"):
        weights_file.save(path, "srresnet", {"features": 4, "blocks": 1}, variables, {"step": 3})
    for path in (tmp_path / "w.safetensors", str(tmp_path)):
        model = zoo.load(path)
        assert model.module == module and model.metadata == {"step": 3}
        assert _equal(model.variables, variables)


@pytest.mark.parametrize(
    ("name", "module"),
    [*((name, SRResNet()) for name in ("srgan", "srresnet", "srresnet-2")), ("espcn", ESPCN()), ("srcnn", SRCNN())],
)
def test_load_of_a_bundled_name(name, module):
    model = zoo.load(name)
    assert name in zoo.BUNDLED and model.module == module
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(model.variables))
    assert (weights_file.PRETRAINED / f"{name}_x4.md").is_file(), "every weights file has its card"


@pytest.mark.parametrize("name", zoo.INTERPOLATIONS)
def test_load_of_an_interpolation(name):
    assert zoo.load(name) == (Interpolation(method=name), {}, {})


def test_load_of_a_blend_lies_between_its_ends():
    first, last = map(zoo.load, zoo.BLENDED)
    assert _equal(zoo.load("blend:0").variables, first.variables)
    assert _equal(zoo.load("blend:1").variables, last.variables)
    middle = zoo.load("blend:0.25")
    assert middle.module == first.module and middle.metadata == {"blend": 0.25}
    kernels = [model.variables["params"]["tail"]["kernel"] for model in (first, middle, last)]
    np.testing.assert_allclose(kernels[1], 0.75 * kernels[0] + 0.25 * kernels[2], rtol=1e-6)


@pytest.mark.parametrize("name", ["blend:", "blend:x", "blend:1.1", "blend:nan"])
def test_load_of_a_blend_without_a_share_says_what_it_expects(name):
    with pytest.raises(WeightsError, match="expected blend: with a number from 0 to 1"):
        zoo.load(name)


def test_load_of_an_unknown_name_lists_the_known(tmp_path):
    with pytest.raises(WeightsError, match="srgan, srresnet, srresnet-2, espcn, srcnn, bicubic"):
        zoo.load("esrgan")
    with pytest.raises(WeightsError, match="generator.safetensors"):
        zoo.load(tmp_path)


def test_ready_is_folded_and_computes_in_the_precision():
    model = zoo.load("srresnet")
    exact, half = zoo.ready("srresnet", precision="fp32"), zoo.ready("srresnet", precision="bf16")
    for ready, dtype in ((exact, jnp.float32), (half, jnp.bfloat16)):
        assert ready.module == SRResNet(norm=False, dtype=dtype)
        assert _equal(ready.variables, model.folded().variables)
    assert zoo.ready("bicubic", precision="bf16").module == Interpolation()
