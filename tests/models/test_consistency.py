"""Tests ../../jsr/models/consistency.py."""

import jax
import numpy as np
import pytest
from scipy import ndimage
from skimage import transform

from jsr.models import Model
from jsr.models.consistency import SIGMA, SLACK, Consistent
from jsr.models.espcn import ESPCN
from jsr.upscaling import tiles
from jsr.weights import zoo


def _random(noise):
    """A network with random weights, whose colours are the further from those of its input, the more noise it has."""
    module = ESPCN(factors=(2,), features=(8, 8))
    variables = jax.jit(module.init)(jax.random.key(0), np.zeros((1, 8, 8, 3), np.float32))
    rng = np.random.default_rng(0)
    variables = jax.tree.map(lambda leaf: leaf + rng.normal(0, noise, leaf.shape).astype("f"), variables)
    return Model(module, variables, {})


def test_result_is_back_projected_behind_a_low_pass_and_bounded(rng):
    """Against the filters of scipy and scikit-image."""
    model = _random(0.1)
    x = rng.random((1, 13, 17, 3), np.float32)
    y, x_symmetric = np.asarray(model.module.apply(model.variables, x))[0], 2 * x[0] - 1
    missing = x_symmetric - transform.downscale_local_mean(y, (2, 2, 1))
    low_pass = ndimage.gaussian_filter(missing, (SIGMA, SIGMA, 0), mode="reflect", truncate=2)
    corrected = y + transform.resize(low_pass, y.shape, order=1, mode="symmetric", anti_aliasing=False)
    low, high = (
        extreme(x_symmetric, (3, 3, 1), mode="reflect") for extreme in (ndimage.minimum_filter, ndimage.maximum_filter)
    )
    margin = high - low + SLACK
    expected = np.clip(corrected, *(np.kron(z, np.ones((2, 2, 1))) for z in (low - margin, high + margin)))
    assert 0.001 < (expected != corrected).mean() < 0.9  # both halves of the function are seen
    result = jax.jit(Consistent(model.module).apply)(model.variables, x)[0]
    np.testing.assert_allclose(result, expected, atol=1e-5)


@pytest.mark.parametrize("shape", [(2, 20, 24, 3), (2, 5, 30, 3)])
def test_mean_colour_is_that_of_the_input(rng, shape):
    model = _random(0.01)
    x = rng.random(shape, np.float32) / 2
    means = 2 * x.mean(axis=(1, 2)) - 1
    assert abs(model.module.apply(model.variables, x).mean(axis=(1, 2)) - means).max() > 0.1
    corrected = jax.jit(Consistent(model.module).apply)(model.variables, x)
    np.testing.assert_allclose(corrected.mean(axis=(1, 2)), means, atol=1e-3)  # some pixels exceed their range


def test_halo_holds_all_that_a_pixel_depends_on(rng):
    model = _random(0.1)
    image = rng.integers(0, 256, (70, 90, 3), np.uint8)
    consistent = model._replace(module=Consistent(model.module))
    small, large = (tiles.upscale(consistent, image, tile=tile).astype(int) for tile in (16, 512))
    assert abs(small - large).max() <= 1  # sums in another order


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["srresnet", "srgan", "srresnet-photo", "srgan-photo", zoo.DEFAULT, "light", "espcn", "srcnn"]
)
def test_released_networks_keep_flat_colours_and_single_pixels(name):
    """Within two levels; by themselves, they are wrong by up to 28, and along the borders by up to 220."""
    model = zoo.ready(name)
    colours = [(255, 255, 255), (0, 0, 0), (0, 255, 0), (255, 0, 255), (0, 255, 255), (255, 0, 0), (128, 128, 128)]
    for colour in colours:
        for shape in ((24, 24, 3), (1, 1, 3)):
            flat = np.full(shape, colour, np.uint8)
            large = tiles.upscale(model, flat).astype(int)
            assert abs(large - colour).max() <= 2, (colour, shape)
