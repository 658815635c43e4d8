"""Tests ../../jsr/models/srresnet.py."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jsr.models.srresnet import SRResNet
from jsr.ops import windows
from tests.models.networks import (
    FACTORS,
    apply,
    assert_informative,
    assert_statistics_equal,
    count,
    init,
    run_twin,
    shapes,
)


@pytest.mark.parametrize(
    "module, parameters",
    [
        (SRResNet(), 1_547_350),
        (SRResNet(norm=False), 1_545_238),
        (SRResNet(factors=(2,)), 1_399_637),
        (SRResNet(factors=(3,)), 1_584_277),
    ],
    ids=["x4", "folded", "x2", "x3"],
)
def test_srresnet_has_the_parameters_of_the_released_weights(module, parameters):
    assert count(module) == parameters


def test_srresnet_has_the_parameters_of_its_twin(peers):
    """With biases before BatchNorm, which have no effect, it would have 33 * 64 more, 1,549,462."""
    for norm in (True, False):
        twin = peers.SRResNet(norm=norm)
        assert sum(parameter.numel() for parameter in twin.parameters()) == count(SRResNet(norm=norm))


@pytest.mark.parametrize(
    "factors, features, depth",
    [
        ((2,), 16, 3),
        ((3,), 16, 3),
        ((2, 2), 16, 3),
        pytest.param((2, 2), 64, 16, marks=pytest.mark.slow),
    ],
    ids=["x2", "x3", "x4", "x4 full"],
)
@pytest.mark.parametrize("train", [False, True])
def test_srresnet_equals_torch(rng, torch, peers, factors, features, depth, train):
    x = rng.uniform(size=(2, 11, 13, 3)).astype(np.float32)
    module = SRResNet(factors=factors, features=features, blocks=depth)
    variables = init(module, x, gain=0.5)
    twin = peers.srresnet(module, variables)
    expected = run_twin(torch, twin, x, train=train)
    assert_informative(expected)
    ours, updates = apply(module, variables, x, train=train)
    np.testing.assert_allclose(ours, expected, atol=1e-4)
    if train:
        assert_statistics_equal(variables, updates, twin, peers.KINDS, values=lambda layer: 2 * 11 * 13)


def test_srresnet_frozen_uses_its_statistics_in_training_and_leaves_them(rng):
    x = rng.uniform(size=(2, 8, 8, 3)).astype(np.float32)
    module = SRResNet(blocks=1, features=8)
    variables = init(module, x)
    frozen = jax.jit(functools.partial(module.clone(frozen=True).apply, train=True, mutable=["batch_stats"]))
    y, updated = frozen(variables, x)
    np.testing.assert_allclose(y, apply(module, variables, x)[0], atol=1e-5)
    jax.tree.map(np.testing.assert_array_equal, updated["batch_stats"], variables["batch_stats"])


@FACTORS
def test_srresnet_folded_is_the_same_function_without_batch_norm(rng, factors):
    x = rng.uniform(size=(1, 12, 10, 3)).astype(np.float32)
    module = SRResNet(factors=factors, features=16, blocks=4)
    variables = init(module, x, gain=0.5)
    plain, folded = module.folded(variables)
    assert plain == module.clone(norm=False)
    assert jax.tree.map(jnp.shape, folded) == jax.tree.map(jnp.shape, shapes(plain, x.shape))
    expected, _ = apply(module, variables, x)
    assert_informative(expected)
    np.testing.assert_allclose(apply(plain, folded, x)[0], expected, atol=1e-5)


@FACTORS
@pytest.mark.parametrize(
    "height", [pytest.param(7, marks=pytest.mark.slow), pytest.param(20, marks=pytest.mark.slow), 33]
)
def test_srresnet_in_bands_equals_the_whole_picture(factors, height, rng, monkeypatch):
    """In bands of one row and in a single one: a halo too narrow would show at their edges."""
    module = SRResNet(features=8, blocks=1, factors=factors)
    x = rng.random((1, height, 9, 3), np.float32)
    variables = init(module, x)
    monkeypatch.setattr(windows, "BAND", 1)
    banded = apply(module, variables, x)[0]
    monkeypatch.setattr(windows, "BAND", height)
    whole = apply(module, variables, x)[0]
    assert np.std(whole) > 0.05
    np.testing.assert_allclose(banded, whole, atol=1e-5)


@pytest.mark.parametrize(
    "fields",
    [
        {"channel_slopes": True, "body_prelu": True},
        {"tanh": False, "mean": (0.5, 0.4, 0.3), "std": (0.2, 0.3, 0.4)},
    ],
    ids=["slopes", "clipped and normalised"],
)
def test_srresnet_of_other_projects_keeps_the_promises(rng, fields):
    """Each field has an effect; folding and padding have none. Beyond the picture, zero follows the normalisation."""
    module = SRResNet(features=8, blocks=1, **fields)
    x = rng.random((1, 9, 13, 3), np.float32)
    variables = init(module, x, gain=0.4)
    expected, _ = apply(module, variables, x)
    assert_informative(expected)
    plain, folded = module.folded(variables)
    np.testing.assert_allclose(apply(plain, folded, x)[0], expected, atol=1e-5)
    padded = np.pad(x, ((0, 0), (0, 5), (0, 2), (0, 0)), mode="symmetric")
    y = jax.jit(module.apply)(variables, padded, size=np.array([9, 13], np.int32))
    np.testing.assert_allclose(y[:, :36, :52], expected, atol=1e-5)


def test_srresnet_that_clips_has_gradients_beyond_the_range(rng):
    """In training it does not clip: a clipped value would never come back."""
    module = SRResNet(features=4, blocks=1, tanh=False)
    x = rng.random((1, 8, 8, 3), np.float32)
    variables = init(module, x, gain=3.0)
    assert np.abs(apply(module, variables, x)[0]).max() == 1
    assert np.abs(apply(module, variables, x, train=True)[0]).max() > 1
