"""Tests ../../jsr/ops/pixels.py."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jsr.ops import pixels

DEPTHS = pytest.mark.parametrize("dtype", [np.uint8, np.uint16])


def _levels(dtype):
    return np.arange(np.iinfo(dtype).max + 1, dtype=dtype)


@DEPTHS
def test_symmetric_round_trip_keeps_every_level(dtype):
    levels = _levels(dtype)
    back = pixels.from_symmetric(pixels.to_symmetric(levels), dtype=dtype)
    assert back.dtype == dtype
    np.testing.assert_array_equal(back, levels)


@DEPTHS
def test_symmetric_round_trip_keeps_every_level_in_one_program(dtype):
    """XLA may contract what it compiles together; no level may move by that."""
    levels = _levels(dtype)
    both = jax.jit(lambda x: pixels.from_symmetric(pixels.to_symmetric(x), dtype=dtype))
    np.testing.assert_array_equal(both(levels), levels)


@DEPTHS
def test_unit_and_symmetric_reach_their_ranges_exactly(dtype):
    levels = _levels(dtype)
    for function, low in ((pixels.to_unit, 0), (pixels.to_symmetric, -1)):
        x = function(levels)
        assert x.dtype == jnp.float32
        assert (x[0], x[-1]) == (low, 1)
        assert np.all(np.diff(x) > 0)


def test_to_unit_divides_by_the_highest_level():
    np.testing.assert_allclose(pixels.to_unit(jnp.array([51, 204], jnp.uint8)), [0.2, 0.8], rtol=1e-7)
    np.testing.assert_allclose(pixels.to_unit(jnp.array([13107], jnp.uint16)), [0.2], rtol=1e-7)


@DEPTHS
def test_from_symmetric_clips_values_outside_and_does_not_wrap(dtype):
    top = np.iinfo(dtype).max
    above = jnp.array([1, 1.001, 1.01, 3, 1e30, jnp.inf])
    assert np.all(pixels.from_symmetric(above, dtype=dtype) == top)
    assert np.all(pixels.from_symmetric(-above, dtype=dtype) == 0)


@DEPTHS
def test_from_symmetric_rounds_to_the_nearest_level(dtype):
    levels = _levels(dtype)[1:-1]
    step = 2 / np.iinfo(dtype).max
    for offset in (-0.45, 0.45):
        x = (levels * step - 1 + offset * step).astype(np.float32)
        np.testing.assert_array_equal(pixels.from_symmetric(x, dtype=dtype), levels)


def test_luma_equals_scikit_image(rng):
    color = pytest.importorskip("skimage.color")
    rgb = rng.integers(0, 256, (2, 17, 19, 3), dtype=np.uint8)
    y = pixels.luma(rgb)
    assert (y.dtype, y.shape) == (np.float64, (2, 17, 19))
    np.testing.assert_allclose(y, color.rgb2ycbcr(rgb)[..., 0], atol=1e-9)
    np.testing.assert_array_equal(y, pixels.luma(rgb.astype(np.float32)))


def test_luma_spans_the_studio_range():
    greys = np.array([[0] * 3, [255] * 3])
    np.testing.assert_allclose(pixels.luma(greys), [16, 235], rtol=1e-12)


@pytest.mark.parametrize("shape", [(12, 15), (12, 15, 3)])
def test_shave_cuts_every_side(rng, shape):
    image = rng.normal(size=shape)
    np.testing.assert_array_equal(pixels.shave(image, 4), image[4:8, 4:11])
    np.testing.assert_array_equal(pixels.shave(image, 0), image)


@pytest.mark.parametrize(
    "image", [np.zeros((4, 4, 3), np.float32), np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8)]
)
def test_check_names_the_type_and_shape_of_arrays_that_are_no_pictures(image):
    pixels.check(np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(ValueError) as caught:
        pixels.check(image)
    assert str(caught.value) == f"expected a uint8 picture [h, w, 3], got {image.dtype} {image.shape}"
