"""Tests ../../jsr/degradation/resampling.py against the resizing of whole factors, and by its properties."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jsr.degradation import resampling
from jsr.degradation.resampling import AREA, BICUBIC, BILINEAR
from jsr.ops import resize

matrix = jax.jit(resampling.matrix, static_argnums=(0, 1))
resample = jax.jit(resampling.resample, static_argnames="canvas")


@pytest.mark.parametrize(("method", "name"), [(BICUBIC, "bicubic"), (BILINEAR, "bilinear")])
@pytest.mark.parametrize("new", [32, 48, 128, 160])
def test_matrix_equals_that_of_a_fixed_factor(method, name, new):
    ours = matrix(128, new, 128, new, method)
    border = 10  # where theirs mirrors
    np.testing.assert_allclose(ours[border:-border], resize.matrix(128, new, method=name)[border:-border], atol=1e-5)


def test_area_is_the_mean_of_blocks(rng):
    picture = rng.random((32, 32, 3), np.float32)
    expected = picture.reshape(8, 4, 8, 4, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(resample(picture, 32, 8, method=AREA, canvas=8), expected, atol=1e-6)


@pytest.mark.parametrize("method", [AREA, BILINEAR, BICUBIC])
def test_only_the_valid_part_is_resized(method, rng):
    """The same picture in a larger canvas, whatever lies beyond it; and the result repeats its last pixels."""
    picture = rng.random((20, 20, 3), np.float32)
    alone = resample(picture, 20, 13, method=method, canvas=13)
    canvas = np.full((32, 32, 3), np.float32(1e6))
    canvas[:20, :20] = picture
    within = np.asarray(resample(canvas, 20, 13, method=method, canvas=24))
    np.testing.assert_allclose(within[:13, :13], alone, atol=1e-5)
    np.testing.assert_allclose(within[13:], within[12:13].repeat(11, axis=0), atol=1e-5)


@pytest.mark.parametrize("method", [AREA, BILINEAR, BICUBIC])
@pytest.mark.parametrize("new", [7, 20, 31])
def test_rows_sum_to_one(method, new):
    np.testing.assert_allclose(matrix(24, 32, 20, new, method).sum(axis=1), 1, atol=1e-5)


def test_centres_stay_where_they_are():
    """A slope keeps its values at the pixels' centres, so nothing shifts."""
    slope = jnp.broadcast_to(jnp.arange(64.0)[:, None, None], (64, 64, 3))
    for new in (16, 45, 90):
        result = np.asarray(resample(slope, 64, new, method=BICUBIC, canvas=96))[:new, 0, 0]
        expected = (np.arange(new) + 0.5) * 64 / new - 0.5
        np.testing.assert_allclose(result[10:-10], expected[10:-10], atol=0.05)
