"""Tests ../jsr/models/ensemble.py."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jsr.data import pairs
from jsr.metrics import fidelity
from jsr.models import Model
from jsr.models.ensemble import Ensemble
from jsr.models.espcn import ESPCN
from jsr.upscaling import tiles
from jsr.weights import zoo


@pytest.fixture
def model():
    """A network that has learned nothing, and so treats no direction like another."""
    module = ESPCN(factors=(2,))
    variables = jax.jit(module.init)(jax.random.key(0), np.zeros((1, 8, 8, 3), np.float32))
    noise = np.random.default_rng(0)
    return Model(
        module,
        jax.tree.map(lambda leaf: leaf + noise.normal(0, 0.1, leaf.shape).astype("f"), variables),
        {},
    )


@pytest.mark.parametrize("shape", [(2, 11, 14, 3), (2, 9, 9, 3)])
def test_mean_of_eight_that_turns_with_the_picture(rng, model, shape):
    """Against numpy's own flips and turns; and a turned picture gives the turned result, which one pass does not."""
    image = rng.random(shape, np.float32)
    once = jax.jit(model.module.apply)
    passes = []
    for quarter in range(4):
        for flip in (False, True):
            turned = np.rot90(image[:, ::-1] if flip else image, quarter, axes=(1, 2))
            large = np.rot90(once(model.variables, turned), -quarter, axes=(1, 2))
            passes.append(large[:, ::-1] if flip else large)
    mean = jax.jit(Ensemble(model.module).apply)
    large = mean(model.variables, image)
    np.testing.assert_allclose(large, np.mean(passes, axis=0), atol=1e-6)
    turned = np.rot90(image, axes=(1, 2))
    back = np.rot90(mean(model.variables, turned), -1, axes=(1, 2))
    np.testing.assert_allclose(back, large, atol=1e-6)
    assert abs(np.rot90(once(model.variables, turned), -1, axes=(1, 2)) - passes[0]).max() > 0.01


def test_square_pictures_make_one_batch_and_others_two():
    shapes = []

    class Doubling:
        def apply(self, variables, x):
            shapes.append(x.shape)
            return x.repeat(2, axis=1).repeat(2, axis=2)

    for height, width in ((6, 6), (4, 6)):
        Ensemble(Doubling()).apply({}, jnp.zeros((1, height, width, 3)))
    assert shapes == [(8, 6, 6, 3), (4, 4, 6, 3), (4, 6, 4, 3)]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_white_stays_white_and_grey_stays_grey(dtype):
    white = np.full((5, 7), np.iinfo(dtype).max, dtype)
    large = tiles.upscale(zoo.load("bicubic").ensemble(), white)
    assert large.dtype == dtype and large.shape == (20, 28) and (large == white[0, 0]).all()


def test_does_not_depend_on_the_tile(rng, model):
    image = rng.integers(0, 256, (45, 33, 3), np.uint8)
    whole = tiles.upscale(model.ensemble(), image, tile=64).astype(int)
    by_tiles = tiles.upscale(model.ensemble(), image, tile=16).astype(int)
    assert abs(whole - by_tiles).max() <= 1 and (whole != by_tiles).mean() < 1e-4


def test_tiles_are_smaller_where_memory_is_scarce():
    assert tiles.fitting(4 << 30, halo=40) == 512
    assert tiles.fitting(4 << 30, halo=40, passes=Ensemble.passes) == 256


@pytest.mark.slow
def test_more_faithful_than_one_pass(jsr_data):

    model = zoo.ready("srresnet")
    gains = []
    for pair in pairs.find(jsr_data / "eval" / "Set5" / "x4", scale=4):
        lr, hr = pairs.read(pair, scale=4)
        once, mean = tiles.upscale(model, lr), tiles.upscale(model.ensemble(), lr)
        gains.append(fidelity.psnr(hr, mean) - fidelity.psnr(hr, once))
    assert np.mean(gains) > 0.02
