"""Tests ../jsr/ensemble.py."""

import jax
import numpy as np
import pytest

from jsr import ensemble, tiles, weights
from jsr.models import ESPCN, Model


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


def test_mean_of_eight_that_turns_with_the_picture(rng, model):
    """Against numpy's own flips and turns; and a turned picture gives the turned result, which one pass does not."""
    image = rng.integers(0, 256, (11, 14, 3), np.uint8)
    passes = []
    for quarter in range(4):
        for flip in (False, True):
            turned = np.rot90(image[::-1] if flip else image, quarter)
            large = np.rot90(tiles.upscale(model, turned.copy()), -quarter)
            passes.append(large[::-1] if flip else large)
    large = ensemble.upscale(model, image)
    np.testing.assert_allclose(large, np.mean(passes, axis=0), atol=0.5)
    turned = np.rot90(image).copy()
    np.testing.assert_array_equal(ensemble.upscale(model, turned), np.rot90(large))
    assert (tiles.upscale(model, turned) != np.rot90(tiles.upscale(model, image))).any()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_white_stays_white_and_grey_stays_grey(dtype):
    white = np.full((5, 7), np.iinfo(dtype).max, dtype)
    large = ensemble.upscale(weights.load("bicubic"), white)
    assert large.dtype == dtype and large.shape == (20, 28) and (large == white[0, 0]).all()


def test_reports_the_tiles_of_all_passes(model):
    calls = []
    ensemble.upscale(
        model,
        np.zeros((20, 40, 3), np.uint8),
        tile=20,
        report=lambda done, total: calls.append((done, total)),
    )
    assert calls == [(i + 1, calls[0][1]) for i in range(calls[0][1])]


@pytest.mark.slow
def test_more_faithful_than_one_pass(jsr_data):
    from jsr import metrics, pairs

    model = weights.ready("srresnet")
    gains = []
    for pair in pairs.find(jsr_data / "eval" / "Set5" / "x4", scale=4):
        lr, hr = pairs.read(pair, scale=4)
        once, mean = tiles.upscale(model, lr), ensemble.upscale(model, lr)
        gains.append(metrics.psnr(hr, mean) - metrics.psnr(hr, once))
    assert np.mean(gains) > 0.02
