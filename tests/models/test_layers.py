"""Tests ../../jsr/models/layers.py."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jsr.models import layers
from jsr.models.layers import BatchNorm, Conv, PReLU, ResidualBlock, Upsample
from tests.models.networks import assert_blocks_are_flat


@pytest.mark.parametrize("r", [2, 3, 4])
def test_upsample_begins_as_nearest_neighbour(rng, r):
    x = rng.normal(size=(2, 6, 5, 4)).astype(np.float32)
    y, _ = jax.jit(Upsample(4, r).init_with_output)(jax.random.key(0), x)
    assert y.shape == (2, 6 * r, 5 * r, 4)
    assert_blocks_are_flat(y, r)


@pytest.mark.parametrize("train", [False, True])
def test_residual_block_begins_as_the_identity(rng, train):
    x = rng.normal(size=(2, 6, 5, 8)).astype(np.float32)
    start = functools.partial(ResidualBlock(8).init_with_output, train=train)
    y, _ = jax.jit(start)(jax.random.key(0), x)
    np.testing.assert_array_equal(y, x)


def test_residual_block_without_norm_has_biases_and_no_statistics():
    start = functools.partial(ResidualBlock(8, norm=False).init, train=False)
    variables = jax.eval_shape(start, jax.random.key(0), jnp.zeros((1, 6, 5, 8)))
    assert set(variables) == {"params"} and set(variables["params"]) == {"conv1", "prelu", "conv2"}
    assert all(set(variables["params"][name]) == {"kernel", "bias"} for name in ("conv1", "conv2"))


def test_batch_norm_normalises_by_the_batch_in_training_and_by_its_statistics_else(rng):
    x = jnp.asarray(rng.normal(3, 2, size=(4, 6, 5, 8)), jnp.float32)
    variables = BatchNorm().init(jax.random.key(0), x, train=False)
    y, updated = BatchNorm().apply(variables, x, train=True, mutable=["batch_stats"])
    stats: dict[str, Any] = dict(updated["batch_stats"])
    np.testing.assert_allclose(np.mean(y, axis=(0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(np.std(y, axis=(0, 1, 2)), 1, atol=1e-4)
    np.testing.assert_allclose(stats["mean"], 0.1 * np.mean(x, axis=(0, 1, 2)), rtol=1e-5)
    np.testing.assert_allclose(stats["var"], 0.9 + 0.1 * np.var(x, axis=(0, 1, 2)), rtol=1e-4)
    unchanged = np.asarray(BatchNorm().apply(variables, x, train=False))
    np.testing.assert_allclose(unchanged, x / np.sqrt(1 + 1e-5), rtol=1e-6)


def test_prelu_multiplies_negative_values_by_its_slope():
    x = jnp.asarray([-2.0, -1.0, 0.0, 3.0]).reshape(1, 2, 2, 1)
    y = PReLU().apply({"params": {"negative_slope": jnp.float32(0.5)}}, x)
    np.testing.assert_array_equal(np.ravel(np.asarray(y)), [-1, -0.5, 0, 3])


def test_fold_batch_norm_gives_the_convolution_that_equals_both(rng):
    x = jnp.asarray(rng.normal(size=(1, 6, 5, 4)), jnp.float32)
    kernel = rng.normal(size=(3, 3, 4, 8)).astype(np.float32)
    norm = {"scale": rng.uniform(0.5, 2, 8).astype(np.float32), "bias": rng.normal(size=8).astype(np.float32)}
    stats = {"mean": rng.normal(size=8).astype(np.float32), "var": rng.uniform(0.5, 2, 8).astype(np.float32)}
    convolved = Conv(8, 3, use_bias=False).apply({"params": {"kernel": kernel}}, x)
    expected = BatchNorm().apply({"params": norm, "batch_stats": stats}, convolved, train=False)
    folded = layers.fold_batch_norm(kernel, norm, stats)
    result = np.asarray(Conv(8, 3).apply({"params": folded}, x))
    np.testing.assert_allclose(result, np.asarray(expected), atol=1e-4)
