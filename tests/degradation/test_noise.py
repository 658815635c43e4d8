"""Tests ../../jsr/degradation/noise.py by the statistics of many draws."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jsr.degradation import noise

KEY = jax.random.key(0)
COLOUR = jnp.broadcast_to(jnp.array([0.2, 0.5, 0.8]), (128, 128, 3))


def added(function, amount, *, is_grey):
    return np.asarray(function(KEY, COLOUR, jnp.float32(amount), is_grey=jnp.array(is_grey)) - COLOUR)


@pytest.mark.parametrize("is_grey", [False, True])
def test_gaussian_has_its_deviation_at_every_brightness(is_grey):
    difference = added(noise.gaussian, 0.03, is_grey=is_grey)
    np.testing.assert_allclose(difference.std(axis=(0, 1)), 0.03, rtol=0.03)
    np.testing.assert_allclose(difference.mean(axis=(0, 1)), 0, atol=1e-3)


def test_shot_has_the_variance_of_counted_photons():
    """Against NumPy's exact Poisson: 256 photons at full light."""
    photons = np.random.default_rng(0).poisson(256 * np.asarray(COLOUR, np.float64)) / 256 - np.asarray(COLOUR)
    for scale in (0.5, 2):
        deviation = added(noise.shot, scale, is_grey=False).std(axis=(0, 1))
        np.testing.assert_allclose(deviation, scale * photons.std(axis=(0, 1)), rtol=0.03)


@pytest.mark.parametrize("function", [noise.gaussian, noise.shot])
def test_colours_share_grey_noise_and_only_that(function):
    grey = added(function, 0.5, is_grey=True)
    np.testing.assert_allclose(grey, grey[..., :1].repeat(3, axis=-1), atol=1e-6)
    coloured = added(function, 0.5, is_grey=False).reshape(-1, 3)
    assert np.abs(np.corrcoef(coloured.T) - np.eye(3)).max() < 0.03


def test_black_has_no_shot_noise():
    black = jnp.zeros((8, 8, 3))
    assert not noise.shot(KEY, black, jnp.float32(3), is_grey=jnp.array(False)).any()
