"""Tests ../../jsr/training/losses.py."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jsr.metrics import grid
from jsr.training import losses


def test_mse_equals_numpy(rng):
    a, b = rng.normal(size=(2, 3, 4, 5, 3)).astype(np.float32)
    np.testing.assert_allclose(losses.mse(a, b), np.mean((a - b) ** 2), rtol=1e-6)


@pytest.mark.parametrize("loss", [losses.mse, losses.l1, losses.charbonnier])
def test_pixel_losses_refuse_to_broadcast(loss):
    with pytest.raises(ValueError, match=r"\(2, 4, 4, 3\) and \(1, 4, 4, 3\)"):
        loss(jnp.zeros((2, 4, 4, 3)), jnp.zeros((1, 4, 4, 3)))


def test_l1_and_its_gradient_equal_torch(rng):
    torch = pytest.importorskip("torch", reason="torch is not installed; it is the reference")
    a, b = rng.normal(size=(2, 2, 4, 5, 3)).astype(np.float32)
    x = torch.tensor(a, requires_grad=True)
    expected = torch.nn.functional.l1_loss(x, torch.tensor(b))
    expected.backward()
    value, gradient = jax.value_and_grad(losses.l1)(a, b)
    np.testing.assert_allclose(value, expected.item(), rtol=1e-6)
    np.testing.assert_allclose(gradient, x.grad, rtol=1e-6)


def test_charbonnier_is_the_published_one_of_pictures_from_0_to_1(rng):
    """Lai et al. 2017 with their epsilon, 1e-3: on [-1, 1] all is twice as large."""
    a, b = rng.uniform(-1, 1, (2, 2, 4, 5, 3)).astype(np.float32)
    published = np.mean(np.sqrt(((a - b).astype(np.float64) / 2) ** 2 + 1e-3**2))
    np.testing.assert_allclose(losses.charbonnier(a, b), 2 * published, rtol=1e-6)


def test_charbonnier_is_smooth_at_zero():
    """The gradient of the absolute error jumps there from -1 to 1."""
    zero = jnp.zeros((1, 1, 1, 3))
    gradient = jax.grad(losses.charbonnier)
    assert not gradient(zero, zero).any()
    slope = 3 * float(gradient(zero + 1e-5, zero)[0, 0, 0, 0])  # the loss is a mean over three
    assert slope == pytest.approx(1e-5 / losses.CHARBONNIER_EPSILON, rel=1e-3)
    assert 3 * float(gradient(zero + 0.5, zero)[0, 0, 0, 0]) == pytest.approx(1, abs=1e-4)


def test_adversarial_losses_equal_torch(rng):
    torch = pytest.importorskip("torch", reason="torch is not installed; it is the reference")
    real, fake = rng.normal(scale=5, size=(2, 16)).astype(np.float32)
    bce = torch.nn.functional.binary_cross_entropy_with_logits
    r, f = torch.tensor(real), torch.tensor(fake)
    np.testing.assert_allclose(losses.generator_loss(fake), bce(f, torch.ones_like(f)).item(), rtol=1e-6)
    expected = bce(r, torch.ones_like(r)) + bce(f, torch.zeros_like(f))
    np.testing.assert_allclose(losses.discriminator_loss(real, fake), expected.item(), rtol=1e-6)


def test_adversarial_losses_do_not_overflow():
    assert losses.generator_loss(jnp.array([-1e4])) == 1e4
    assert losses.discriminator_loss(jnp.array([1e4]), jnp.array([-1e4])) == 0


def test_adversarial_losses_average_over_places(rng):
    """A discriminator with a logit for each of several places counts each as much as every other."""
    real, fake = rng.normal(size=(2, 4, 6)).astype(np.float32)
    np.testing.assert_allclose(losses.generator_loss(fake), losses.generator_loss(fake.ravel()), rtol=1e-6)
    expected = losses.discriminator_loss(real.ravel(), fake.ravel())
    np.testing.assert_allclose(losses.discriminator_loss(real, fake), expected, rtol=1e-6)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_subpixel_grid_is_the_square_of_what_the_metric_measures(scale, rng):
    """On flat pictures with a pattern, where the metric's median and the loss's mean agree."""
    side = 8 * scale
    pattern = rng.uniform(-0.1, 0.1, (scale, scale, 3)).astype(np.float32)
    flat = np.full((2, side, side, 3), 0.3, np.float32)
    woven = flat + np.tile(pattern, (8, 8, 1))
    expected = np.mean([grid.pattern(woven[0, ..., c], scale=scale) ** 2 for c in range(3)])
    np.testing.assert_allclose(losses.subpixel_grid(woven, flat, scale=scale), expected, rtol=1e-3)
    assert losses.subpixel_grid(woven, woven, scale=scale) == 0


def test_subpixel_grid_is_blind_to_edges_that_the_originals_have(rng):
    hr = rng.uniform(-1, 1, (2, 32, 32, 3)).astype(np.float32)
    np.testing.assert_allclose(losses.subpixel_grid(hr + 0.2, hr, scale=4), 0, atol=1e-10)


def test_subpixel_grid_pulls_a_weave_flat():
    weave = jnp.full((1, 16, 16, 3), 0.1).at[:, ::4, ::4].add(0.05)
    flat = jnp.full((1, 16, 16, 3), 0.1)
    pull = jax.grad(losses.subpixel_grid)(weave, flat, scale=4)
    inside = np.asarray(pull)[0, 4:12, 4:12, 0]
    assert (inside[::4, ::4] > 0).all()  # less there,
    assert inside.sum() < inside[::4, ::4].sum()  # and no more elsewhere


def test_feature_mse_is_mse_of_features(rng):
    sr, hr = rng.normal(size=(2, 1, 4, 4, 3)).astype(np.float32)
    np.testing.assert_allclose(losses.feature_mse(lambda x: 2 * x, sr, hr), 4 * np.mean((sr - hr) ** 2), rtol=1e-6)
