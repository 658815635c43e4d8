"""Tests ../../jsr/ops/convolution.py."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jsr.ops import convolution
from tests.ops.convolutions import SHAPES, by_torch, draw


@pytest.mark.parametrize("shape", [SHAPES[1], SHAPES[7], SHAPES[11]], ids=str)
def test_convolve_and_its_gradients_equal_torch(rng, shape):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    x, kernel, dy, stride = draw(rng, shape)
    y, backward = jax.vjp(
        lambda x, kernel: convolution.convolve(x, kernel, stride), jnp.asarray(x), jnp.asarray(kernel)
    )
    for ours, expected in zip((y, *backward(dy)), by_torch(torch, x, kernel, dy, stride), strict=True):
        assert np.std(expected) > 0.1
        np.testing.assert_allclose(ours, expected, atol=2e-5 * max(1, np.abs(expected).max()))


def test_spread_and_total_are_those_of_numpy(rng):
    values, x = rng.normal(size=5).astype(np.float32), rng.normal(size=(2, 3, 4, 5)).astype(np.float32)
    spread, total = convolution.spread(jnp.asarray(values), x.shape), convolution.total(jnp.asarray(x))
    np.testing.assert_array_equal(spread, np.broadcast_to(values, x.shape))
    np.testing.assert_allclose(total, x.sum(axis=(0, 1, 2)), atol=1e-5)
