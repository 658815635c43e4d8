"""Tests ../../jsr/training/losses.py."""

import jax.numpy as jnp
import numpy as np
import pytest

from jsr.training import losses


def test_mse_equals_numpy(rng):
    a, b = rng.normal(size=(2, 3, 4, 5, 3)).astype(np.float32)
    np.testing.assert_allclose(losses.mse(a, b), np.mean((a - b) ** 2), rtol=1e-6)


def test_mse_refuses_to_broadcast():
    with pytest.raises(ValueError, match=r"\(2, 4, 4, 3\) and \(1, 4, 4, 3\)"):
        losses.mse(jnp.zeros((2, 4, 4, 3)), jnp.zeros((1, 4, 4, 3)))


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


def test_feature_mse_is_mse_of_features(rng):
    sr, hr = rng.normal(size=(2, 1, 4, 4, 3)).astype(np.float32)
    np.testing.assert_allclose(losses.feature_mse(lambda x: 2 * x, sr, hr), 4 * np.mean((sr - hr) ** 2), rtol=1e-6)
