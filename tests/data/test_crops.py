"""Tests ../../jsr/data/crops.py."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jsr.data.crops import Replicated, at_step, draw

SIZE = 24
BATCH = 8


@pytest.fixture
def pictures(rng):
    """Returns pictures of noise of many sizes, in which each window occurs once."""
    return [rng.integers(0, 256, (40 + 7 * i, 110 - 9 * i, 3), np.uint8) for i in range(8)]


@pytest.fixture
def source(pictures):
    """Returns the pictures as patches: each whole, and padded with zeros."""
    side = max(max(picture.shape) for picture in pictures)
    patches = [np.pad(p, ((0, side - p.shape[0]), (0, side - p.shape[1]), (0, 0))) for p in pictures]
    sizes = np.array([p.shape[:2] for p in pictures], np.int32)
    return Replicated(jax.random.key(1), jnp.asarray(np.stack(patches)), jnp.asarray(sizes))


def _windows(picture, crop):
    """Counts the windows of a picture that equal the crop in one of its eight positions."""
    size = crop.shape[0]
    count = 0
    for turn in range(8):
        turned = np.rot90(crop, turn % 4)
        turned = turned[::-1] if turn >= 4 else turned
        starts = np.argwhere((picture == turned[0, 0]).all(-1))
        for y, x in starts:
            count += np.array_equal(picture[y : y + size, x : x + size], turned)
    return count


def test_at_step_cuts_windows_of_the_pictures(source, pictures):
    for step in range(3):
        crops = np.asarray(at_step(source, step, batch=BATCH, size=SIZE))
        assert crops.shape == (BATCH, SIZE, SIZE, 3) and crops.dtype == np.uint8
        for crop in crops:
            assert sum(_windows(picture, crop) for picture in pictures) == 1


def test_at_step_repeats_a_step_and_no_other(source):
    crops = [np.asarray(at_step(source, step, batch=BATCH, size=SIZE)) for step in (0, 1, 0)]
    assert np.array_equal(crops[0], crops[2])
    assert not np.array_equal(crops[0], crops[1])


def test_at_step_refuses_a_batch_that_the_devices_do_not_divide(source):
    odd = functools.partial(at_step, step=0, batch=6, size=SIZE, axis_name="d")
    with pytest.raises(ValueError, match="batch: expected a multiple of the 4 devices, got 6"):
        jax.vmap(lambda _: odd(source), axis_name="d")(np.zeros(4))


def test_draw_reaches_all_windows_in_all_positions():
    """A picture one pixel larger than a crop has 4 windows in 8 positions: all 32 are drawn."""
    patches = np.zeros((1, 8, 8, 3), np.uint8)
    patches[0, :5, :5] = np.arange(75).reshape(5, 5, 3)
    source = Replicated(jax.random.key(0), jnp.asarray(patches), jnp.array([[5, 5]]))
    images = np.asarray(at_step(source, 0, batch=1000, size=4))
    kinds, counts = np.unique(images.reshape(1000, -1), axis=0, return_counts=True)
    assert len(kinds) == 32 and counts.min() > 10
    assert kinds.max() == 74  # no padding: 0 is a value of the picture's first pixel only
    assert (kinds == 0).sum() == 8


def test_draw_takes_patches_evenly():
    sizes = jnp.full((10, 2), 64)
    indices, _, _ = draw(jax.random.key(0), 0, sizes, batch=10000, size=SIZE)
    assert np.bincount(indices, minlength=10).min() > 850  # 1000 expected, standard deviation 30
