"""Tests ../../../jsr/models/judges/discriminator.py."""

import jax.numpy as jnp
import numpy as np
import pytest

from jsr.models.judges import discriminator
from jsr.models.judges.discriminator import Discriminator
from tests.models.networks import apply, assert_statistics_equal, count, init, run_twin


def test_discriminator_has_the_parameters_of_the_paper():
    assert count(Discriminator()) == 23_563_649


def test_discriminator_has_the_parameters_of_its_twin(peers):
    assert sum(parameter.numel() for parameter in peers.Discriminator().parameters()) == 23_563_649


@pytest.mark.parametrize("height, width", [pytest.param(96, 96, marks=pytest.mark.slow), (72, 120)])
@pytest.mark.parametrize("train", [False, True])
def test_discriminator_equals_torch(rng, torch, peers, height, width, train):
    x = rng.uniform(-1, 1, size=(3, height, width, 3)).astype(np.float32)
    module = Discriminator(features=16)
    variables = init(module, x, gain=1.4)
    twin = peers.copy(variables, peers.Discriminator(features=16))
    expected = run_twin(torch, twin, x, train=train)
    assert np.std(expected) > 1e-2
    ours, updates = apply(module, variables, x, train=train)
    assert (ours.shape, ours.dtype) == ((3,), jnp.float32)
    np.testing.assert_allclose(ours, expected, atol=1e-4)
    if train:

        def values(layer):
            strides = 2 ** (int(layer.removeprefix("bn")) // 2)
            return 3 * -(-height // strides) * -(-width // strides)

        assert_statistics_equal(variables, updates, twin, peers.KINDS, values=values)


@pytest.mark.slow
def test_discriminator_in_bfloat16_returns_float32(rng):
    x = rng.uniform(-1, 1, size=(2, 32, 32, 3)).astype(np.float32)
    exact, half = Discriminator(features=8), Discriminator(features=8, dtype=jnp.bfloat16)
    variables = init(exact, x, gain=1.4)
    y, expected = (apply(module, variables, x)[0] for module in (half, exact))
    assert y.dtype == jnp.float32
    np.testing.assert_allclose(y, expected, atol=0.1)


@pytest.mark.parametrize("size", [1, 2, 6, 7, 9, 13, 24])
def test_adaptive_pool_equals_torch(rng, torch, size):
    x = rng.normal(size=(2, size, size + 3, 5)).astype(np.float32)
    expected = run_twin(torch, torch.nn.AdaptiveAvgPool2d((6, 6)), x)
    np.testing.assert_allclose(discriminator.adaptive_pool(x, 6), expected, atol=1e-6)
