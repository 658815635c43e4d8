"""Tests ../../jsr/ops/padding.py."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jsr.ops import padding

SIZES = given(st.integers(1, 9), st.integers(1, 7), st.integers(0, 12), st.integers(0, 12))


def _arrays(height, width, below, right):
    """Returns a picture, an array that holds it among noise, and its size."""
    rng = np.random.default_rng(height + 10 * width)
    x = rng.random((2, height + below, width + right, 3), np.float32)
    return x[:, :height, :width], x, jnp.array([height, width])


def _padded(picture, below, right, **options):
    return np.pad(picture, ((0, 0), (0, below), (0, right), (0, 0)), **options)


@settings(deadline=None)
@SIZES
def test_cut_and_mirror_equal_numpy(height, width, below, right):
    """Whatever the padding was before."""
    picture, x, size = _arrays(height, width, below, right)
    np.testing.assert_array_equal(padding.cut(x, size), _padded(picture, below, right))
    np.testing.assert_array_equal(padding.mirror(x, size), _padded(picture, below, right, mode="symmetric"))


@settings(deadline=None)
@SIZES
def test_flip_equals_numpy(height, width, below, right):
    picture, x, _ = _arrays(height, width, below, right)
    for axis, length in ((1, height), (2, width)):
        part = (x[:, :, :width], x[:, :height])[axis == 2]
        expected = _padded(np.flip(picture, axis), *((below, 0) if axis == 1 else (0, right)), mode="symmetric")
        np.testing.assert_array_equal(padding.flip(part, axis, jnp.asarray(length)), expected)


def test_cut_without_a_size_changes_nothing(rng):
    x = rng.random((1, 3, 4, 2), np.float32)
    np.testing.assert_array_equal(padding.cut(x, None), x)


@pytest.mark.parametrize("function", [padding.cut, padding.mirror])
def test_one_program_serves_all_sizes(rng, function):
    x = rng.random((1, 8, 8, 1), np.float32)
    compiled: Any = jax.jit(function)
    for height in range(1, 9):
        compiled(x, jnp.array([height, 5]))
    assert compiled._cache_size() == 1
