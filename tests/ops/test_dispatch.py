"""Tests ../../jsr/ops/dispatch.py."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jsr.ops import dispatch
from tests.ops.convolutions import SHAPES, draw

# One shape of each way of computing is quick.
QUICK = (SHAPES[0], SHAPES[6], SHAPES[7], SHAPES[10])


@pytest.mark.parametrize(
    "shape", [shape if shape in QUICK else pytest.param(shape, marks=pytest.mark.slow) for shape in SHAPES], ids=str
)
def test_convolve_computes_the_same_on_other_platforms(rng, monkeypatch, shape):
    x, kernel, dy, stride = draw(rng, shape)
    results = []
    for backend in ("cpu", "gpu"):
        monkeypatch.setattr(jax, "default_backend", lambda backend=backend: backend)
        y, backward = jax.vjp(lambda x, k: dispatch.convolve(x, k, stride=stride), x, kernel)
        results.append((y, *backward(jnp.asarray(dy))))
    for ours, plain in zip(*results, strict=True):
        np.testing.assert_allclose(ours, plain, atol=5e-5)


def test_convolve_of_bfloat16_stays_bfloat16(rng):
    x, kernel, dy, _ = draw(rng, (1, 6, 6, 16, 16, 3, 1))
    x, kernel, dy = (jnp.asarray(a, jnp.bfloat16) for a in (x, kernel, dy))
    y, backward = jax.vjp(dispatch.convolve, x, kernel)
    assert [a.dtype for a in (y, *backward(dy))] == 3 * [jnp.bfloat16]


@pytest.mark.parametrize("backend", ["cpu", "gpu"])
def test_spread_and_total_are_each_others_gradients(rng, monkeypatch, backend):
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    values = jnp.asarray(rng.normal(size=5), jnp.float32)
    x = jnp.asarray(rng.normal(size=(2, 3, 4, 5)), jnp.float32)
    spread, to_values = jax.vjp(lambda v: dispatch.spread(v, x.shape), values)
    total, to_pixels = jax.vjp(dispatch.total, x)
    np.testing.assert_array_equal(spread, np.broadcast_to(values, x.shape))
    np.testing.assert_allclose(total, x.sum(axis=(0, 1, 2)), atol=1e-5)
    np.testing.assert_allclose(to_values(x)[0], total, atol=1e-5)
    np.testing.assert_array_equal(to_pixels(values)[0], spread)
