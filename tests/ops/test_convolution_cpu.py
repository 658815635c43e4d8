"""Tests ../../jsr/ops/convolution_cpu.py."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jsr.ops import convolution, convolution_cpu
from tests.ops.convolutions import SHAPES, by_torch, draw


@pytest.mark.parametrize("cached", [convolution_cpu.CACHED, pytest.param(0, marks=pytest.mark.slow)])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_convolve_and_its_gradients_equal_torch(rng, monkeypatch, shape, cached):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    monkeypatch.setattr(convolution_cpu, "CACHED", cached)
    x, kernel, dy, stride = draw(rng, shape)

    def convolve(x, kernel):
        return convolution_cpu.convolve(x, kernel, stride)

    y, backward = jax.vjp(convolve, jnp.asarray(x), jnp.asarray(kernel))
    dx, dkernel = jax.jit(backward)(dy)
    expected, dx_expected, dkernel_expected = by_torch(torch, x, kernel, dy, stride)
    assert np.std(expected) > 0.1 and np.abs(dkernel_expected).max() > 0.3
    np.testing.assert_allclose(np.asarray(y), expected, atol=2e-5)
    np.testing.assert_allclose(dx, dx_expected, atol=2e-5)
    np.testing.assert_allclose(dkernel, dkernel_expected, atol=2e-5 * np.abs(dkernel_expected).max())


def test_winograd_is_as_accurate_as_float32_allows(rng):
    """Its error is that of the sums' order: within a few times that of XLA's own, against float64."""
    x, kernel, _, _ = draw(rng, (1, 32, 32, 64, 64, 3, 1))
    exact = np.zeros((32, 32, 64))
    padded = np.pad(x[0].astype(np.float64), ((1, 1), (1, 1), (0, 0)))
    for i in range(3):
        for j in range(3):
            exact += padded[i : i + 32, j : j + 32] @ kernel[i, j].astype(np.float64)
    results = (
        convolution_cpu.winograd(x, kernel),
        convolution.convolve(jnp.asarray(x), jnp.asarray(kernel), 1),
    )
    errors = [np.abs(np.asarray(y)[0] - exact).max() for y in results]
    assert 0 < errors[1] < errors[0] < 8 * errors[1] < 1e-4


def test_winograd_computes_what_its_matrices_say(rng):
    """A filter of three taps over six inputs, in float64, as the paper has it."""
    taps, inputs = rng.normal(size=3), rng.normal(size=6)
    y = convolution_cpu.A @ ((convolution_cpu.G @ taps) * (convolution_cpu.B @ inputs))
    np.testing.assert_allclose(y, np.correlate(inputs, taps, "valid"), atol=1e-12)
