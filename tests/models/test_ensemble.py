"""Tests ../../jsr/models/ensemble.py."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jsr.data.sets import pairs
from jsr.metrics import fidelity
from jsr.models import Model
from jsr.models.classical.interpolation import Interpolation
from jsr.models.ensemble import ORIENTATIONS, Ensemble
from jsr.models.espcn import ESPCN
from jsr.upscaling import tiles
from jsr.weights import zoo


@pytest.fixture(scope="module")
def model():
    """A network with random weights, which treats no direction like another."""
    module = ESPCN(factors=(2,), features=(8, 8))
    variables = jax.jit(module.init)(jax.random.key(0), np.zeros((1, 8, 8, 3), np.float32))
    noise = np.random.default_rng(0)
    return Model(
        module,
        jax.tree.map(lambda leaf: leaf + noise.normal(0, 0.1, leaf.shape).astype("f"), variables),
        {},
    )


@pytest.mark.parametrize("shape", [(2, 11, 14, 3), (2, 9, 9, 3)])
def test_ensemble_is_the_mean_of_eight_and_turns_with_the_picture(rng, model, shape):
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


def test_ensemble_of_a_square_picture_is_one_batch_and_of_another_two(monkeypatch):
    shapes = []
    apply = Interpolation.apply

    def recorded(self, variables, x, *, size):
        shapes.append(x.shape)
        return apply(self, variables, x, size=size)

    monkeypatch.setattr(Interpolation, "apply", recorded)
    for height, width in ((6, 6), (4, 6)):
        Ensemble(Interpolation()).apply({}, jnp.zeros((1, height, width, 3)))
    Ensemble(Interpolation()).apply({}, jnp.zeros((1, 9, 9, 3)), size=jnp.array([4, 6]))
    assert shapes == [(8, 6, 6, 3), (4, 4, 6, 3), (4, 6, 4, 3), (4, 9, 9, 3), (4, 9, 9, 3)]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_ensemble_leaves_white_white_and_grey_grey(dtype):
    white = np.full((5, 7), np.iinfo(dtype).max, dtype)
    large = tiles.upscale(zoo.load("bicubic").ensemble(), white)
    assert large.dtype == dtype and large.shape == (20, 28) and (large == white[0, 0]).all()


def test_ensemble_does_not_depend_on_the_tile(rng, model):
    image = rng.integers(0, 256, (45, 33, 3), np.uint8)
    whole = tiles.upscale(model.ensemble(), image, tile=64).astype(int)
    by_tiles = tiles.upscale(model.ensemble(), image, tile=16).astype(int)
    assert abs(whole - by_tiles).max() <= 1 and (whole != by_tiles).mean() < 1e-4


def test_ensemble_passes_make_tiles_smaller():
    passes = Ensemble(Interpolation()).passes
    assert passes == ORIENTATIONS == 8 and Ensemble(Ensemble(Interpolation())).passes == 64
    assert tiles.fitting(4 << 30, halo=40) == 512
    assert tiles.fitting(4 << 30, halo=40, passes=passes) == 256


@pytest.mark.slow
def test_ensemble_is_more_faithful_than_one_pass(jsr_data):
    model = zoo.ready("srresnet")
    gains = []
    for pair in pairs.find(jsr_data / "eval" / "Set5" / "x4", scale=4):
        lr, hr = pairs.read(pair, scale=4)
        once, mean = tiles.upscale(model, lr), tiles.upscale(model.ensemble(), lr)
        gains.append(fidelity.psnr(hr, mean) - fidelity.psnr(hr, once))
    assert np.mean(gains) > 0.02
