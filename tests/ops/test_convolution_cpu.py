"""Tests ../../jsr/ops/convolution_cpu.py."""

import functools
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jsr.devices import compilation
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


def test_gradient_of_a_strided_input_stays_in_bfloat16(rng):
    """It equals that in float32 up to rounding, and where XLA calls oneDNN, no call has a float32 result.

    XLA computed three of the four phases in float32 when it let a convolution read the taps backwards.
    """
    _, kernel, dy, _ = draw(rng, (2, 12, 12, 16, 16, 3, 2))
    dy, kernel = jnp.asarray(dy, jnp.bfloat16), jnp.asarray(kernel, jnp.bfloat16)
    by_phases = functools.partial(convolution_cpu.by_phases, size=(12, 12))
    compiled = compilation.jit(by_phases, onednn=True).lower(dy, kernel).compile()
    exact = by_phases(dy.astype(jnp.float32), kernel.astype(jnp.float32))
    dx = compiled(dy, kernel)
    assert dx.dtype == jnp.bfloat16
    np.testing.assert_allclose(dx.astype(jnp.float32), exact, rtol=2**-8, atol=1e-5)
    results = re.findall(r"= \(?(\w+)\[.*__onednn\$convolution", compiled.as_text())
    assert set(results) <= {"bf16"}
