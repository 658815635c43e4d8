"""Tests ../jsr/models/primitives.py, where a CPU computes otherwise than XLA would, against PyTorch."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jsr.ops import convolution_cpu, dispatch
from jsr.ops.convolution import direct


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


# Batch, height, width, inputs, outputs, kernel, stride: each way of computing, sizes of every remainder.
SHAPES = [
    (2, 8, 7, 16, 16, 3, 1),  # Winograd
    (1, 9, 5, 16, 24, 3, 1),
    (1, 10, 4, 24, 16, 3, 1),
    (2, 11, 6, 16, 32, 3, 1),
    (1, 1, 1, 16, 16, 3, 1),
    (2, 2, 3, 16, 17, 3, 1),
    (2, 7, 6, 3, 16, 3, 1),  # few inputs
    (2, 7, 6, 16, 3, 9, 1),  # few outputs
    (1, 6, 5, 3, 5, 5, 1),
    (2, 6, 7, 3, 16, 9, 1),
    (2, 8, 6, 16, 24, 3, 2),  # strides, of even and odd sizes
    (1, 7, 9, 16, 8, 3, 2),
    (2, 1, 2, 4, 4, 3, 2),
]


def _draw(rng, shape):
    b, h, w, i, o, k, stride = shape
    x = rng.normal(size=(b, h, w, i)).astype(np.float32)
    kernel = (rng.normal(size=(k, k, i, o)) / np.sqrt(k * k * i)).astype(np.float32)
    dy = rng.normal(size=(b, -(-h // stride), -(-w // stride), o)).astype(np.float32)
    return x, kernel, dy, stride


@pytest.mark.parametrize("cached", [convolution_cpu.CACHED, 0])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_convolutions_and_their_gradients_equal_torch(rng, torch, monkeypatch, shape, cached):
    monkeypatch.setattr(convolution_cpu, "CACHED", cached)
    x, kernel, dy, stride = _draw(rng, shape)

    def convolve(x, kernel):
        return dispatch.convolution(x, kernel, stride=stride)

    y, backward = jax.vjp(convolve, x, kernel)
    dx, dkernel = jax.jit(backward)(dy)

    theirs = [torch.tensor(x.transpose(0, 3, 1, 2)), torch.tensor(kernel.transpose(3, 2, 0, 1))]
    for tensor in theirs:
        tensor.requires_grad_()
    expected = torch.nn.functional.conv2d(*theirs, stride=stride, padding=kernel.shape[0] // 2)
    expected.backward(torch.tensor(dy.transpose(0, 3, 1, 2)))
    expected, dx_expected = (t.detach().numpy().transpose(0, 2, 3, 1) for t in (expected, theirs[0].grad))
    dkernel_expected = theirs[1].grad.numpy().transpose(2, 3, 1, 0)

    assert np.std(expected) > 0.1 and np.abs(dkernel_expected).max() > 0.3
    np.testing.assert_allclose(y, expected, atol=2e-5)
    np.testing.assert_allclose(dx, dx_expected, atol=2e-5)
    np.testing.assert_allclose(dkernel, dkernel_expected, atol=2e-5 * np.abs(dkernel_expected).max())


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_other_platforms_compute_the_same(rng, monkeypatch, shape):
    x, kernel, dy, stride = _draw(rng, shape)
    results = []
    for backend in ("cpu", "gpu"):
        monkeypatch.setattr(jax, "default_backend", lambda backend=backend: backend)
        y, backward = jax.vjp(lambda x, k: dispatch.convolution(x, k, stride=stride), x, kernel)
        results.append((y, *backward(dy)))
    for ours, plain in zip(*results, strict=True):
        np.testing.assert_allclose(ours, plain, atol=5e-5)


def test_winograd_keeps_the_accuracy_of_float32(rng):
    """Its error is that of the sums' order: within a few times that of XLA's own, against float64."""
    x, kernel, _, _ = _draw(rng, (1, 32, 32, 64, 64, 3, 1))
    exact = np.zeros((32, 32, 64))
    padded = np.pad(x[0].astype(np.float64), ((1, 1), (1, 1), (0, 0)))
    for i in range(3):
        for j in range(3):
            exact += padded[i : i + 32, j : j + 32] @ kernel[i, j].astype(np.float64)
    errors = [
        np.abs(np.asarray(y)[0] - exact).max() for y in (convolution_cpu.winograd(x, kernel), direct(x, kernel, 1))
    ]
    assert 0 < errors[1] < errors[0] < 8 * errors[1] < 1e-4


def test_bfloat16_stays_bfloat16(rng):
    x, kernel, dy, _ = _draw(rng, (1, 6, 6, 16, 16, 3, 1))
    x, kernel, dy = (jnp.asarray(a, jnp.bfloat16) for a in (x, kernel, dy))
    y, backward = jax.vjp(dispatch.convolution, x, kernel)
    assert [a.dtype for a in (y, *backward(dy))] == 3 * [jnp.bfloat16]


def test_spread_and_total_are_each_others_gradients(rng):
    values, x = (
        rng.normal(size=5).astype(np.float32),
        rng.normal(size=(2, 3, 4, 5)).astype(np.float32),
    )
    spread, to_values = jax.vjp(lambda v: dispatch.spread(v, x.shape), values)
    total, to_pixels = jax.vjp(dispatch.total, x)
    np.testing.assert_array_equal(spread, np.broadcast_to(values, x.shape))
    np.testing.assert_allclose(total, x.sum(axis=(0, 1, 2)), atol=1e-5)
    np.testing.assert_allclose(to_values(x)[0], total, atol=1e-5)
    np.testing.assert_array_equal(to_pixels(values)[0], spread)
