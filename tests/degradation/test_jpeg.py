"""Tests ../../jsr/degradation/jpeg.py against Pillow's libjpeg."""

import io

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from jsr.degradation import jpeg

compressed = jax.jit(jpeg.jpeg)


@pytest.fixture(scope="module")
def picture():
    """A uint8 picture with edges, soft slopes, colours and some grain, `[96, 112, 3]`."""
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 256, (7, 8, 3), np.uint8))
    smooth = np.asarray(coarse.resize((112, 96), Image.Resampling.BICUBIC), np.float64)
    smooth[20:70, 30:33] = 240
    smooth[40:44, 10:100] = [200, 20, 30]
    return np.clip(smooth + rng.normal(0, 4, smooth.shape), 0, 255).astype(np.uint8)


def by_pillow(picture, quality):
    stored = io.BytesIO()
    Image.fromarray(picture).save(stored, "JPEG", quality=quality)
    return np.asarray(Image.open(stored), np.float64)


def ours(picture, quality):
    return np.asarray(compressed(jnp.asarray(picture, jnp.float32), jnp.float32(quality)), np.float64)


@pytest.mark.parametrize("quality", [10, 30, 50, 60, 75, 90, 95])
def test_equals_libjpeg_within_a_fraction_of_a_level(picture, quality):
    """Both end on the same level nearly everywhere; where a coefficient lies on a tie, a block may differ."""
    expected, actual = by_pillow(picture, quality), ours(picture, quality)
    difference = np.abs(actual - expected)
    assert difference.mean() < 0.5
    assert (difference > 1).mean() < 0.1
    # What JPEG itself does is far larger, so a function that did nothing would fail.
    assert difference.mean() < np.abs(expected - picture).mean() / 5


@pytest.mark.parametrize("quality", [1, 10, 49, 50, 75, 95, 100])
def test_quantization_has_the_tables_that_pillow_writes(picture, quality):
    stored = io.BytesIO()
    Image.fromarray(picture).save(stored, "JPEG", quality=quality)
    opened = Image.open(stored)
    assert isinstance(opened, JpegImageFile)
    tables: dict = opened.quantization  # pyright: ignore[reportAttributeAccessIssue]
    for ours, theirs in zip(jpeg.quantization(jnp.float32(quality)), tables.values(), strict=True):
        np.testing.assert_array_equal(np.asarray(ours).ravel(), theirs)


def test_a_flat_picture_keeps_its_grey():
    flat = np.full((16, 32, 3), 77, np.uint8)
    np.testing.assert_array_equal(ours(flat, 30), by_pillow(flat, 30))


def test_a_batch_of_qualities_equals_one_after_another(picture):
    qualities = jnp.array([20.0, 50, 93])
    together = jax.vmap(jpeg.jpeg, in_axes=(None, 0))(jnp.asarray(picture, jnp.float32), qualities)
    for one, quality in zip(together, qualities, strict=True):
        assert np.abs(np.asarray(one) - ours(picture, quality)).mean() < 0.01


def test_refuses_sides_that_the_blocks_do_not_divide():
    with pytest.raises(ValueError, match="multiples of 16, got 24x16"):
        jpeg.jpeg(jnp.zeros((24, 16, 3)), jnp.float32(50))
