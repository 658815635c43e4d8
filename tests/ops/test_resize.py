"""Tests ../../jsr/ops/resize.py."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from jsr.metrics import fidelity
from jsr.ops import pixels, resize

SCALES = pytest.mark.parametrize("scale", [2, 3, 4])
PILLOW = {
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
    "bilinear": Image.Resampling.BILINEAR,
    "nearest": Image.Resampling.NEAREST,
}


def _read(path):
    return np.asarray(Image.open(path).convert("RGB"))


def _pillow(x, height, width, method):
    """Resizes float32 `[h, w, c]` with Pillow: the same kernels (a = -0.5) and antialiasing."""
    planes = [Image.fromarray(x[..., c]) for c in range(x.shape[-1])]
    return np.stack([np.asarray(p.resize((width, height), PILLOW[method])) for p in planes], axis=-1)


# The benchmarks


BENCHMARKS = pytest.mark.parametrize("name", ["Set5/x2", "Set5/x3", "Set5/x4"])


def _pairs(folder):
    """Yields HR and LR, which MATLAB made, as uint8."""
    paths = sorted((folder / "hr").iterdir())
    assert paths
    for path in paths:
        yield _read(path), _read(folder / "lr" / path.name)


@BENCHMARKS
def test_downscale_equals_the_benchmarks(jsr_data, name):
    """Not exactly: MATLAB rounds to whole levels after each of the two passes, we do so once."""
    for hr, lr in _pairs(jsr_data / "eval" / name):
        ours = resize.downscale(hr[None].astype(np.float32) / 255, int(name[-1]))[0] * 255
        assert ours.shape == lr.shape
        assert np.abs(ours - lr).mean() < 0.3


@BENCHMARKS
def test_matrix_equals_the_benchmarks_exactly(jsr_data, name):
    """Rounded as MATLAB does it, after rows and after columns, every level is the same.

    The border of 2 pixels differs: the sets' reduction repeats the pixels of the edge, today's MATLAB mirrors them.
    """

    def whole(x):
        return np.clip(np.floor(x + 0.5), 0, 255)

    for hr, lr in _pairs(jsr_data / "eval" / name):
        rows, columns = (resize.matrix(hr.shape[i], lr.shape[i]).astype(float) for i in (0, 1))
        x = whole(np.einsum("ih,hwc->iwc", rows, hr))
        x = whole(np.einsum("jw,iwc->ijc", columns, x))
        np.testing.assert_array_equal(pixels.shave(x, 2), pixels.shave(lr, 2))


@pytest.mark.parametrize(
    "name, expected",
    [
        ("Set5", 28.43),
        pytest.param("Set14", 26.09, marks=pytest.mark.slow),
        pytest.param("BSD100", 25.96, marks=pytest.mark.slow),
    ],
)
def test_resize_has_the_bicubic_psnr_of_the_literature(jsr_data, name, expected):
    psnrs = []
    for hr, lr in _pairs(jsr_data / "eval" / name / "x4"):
        sr = resize.resize(pixels.to_symmetric(lr), *hr.shape[:2])
        psnrs.append(fidelity.psnr(np.asarray(pixels.from_symmetric(sr)), hr))
    assert np.mean(psnrs) == pytest.approx(expected, abs=0.02)


# Other implementations


@pytest.mark.parametrize("method", ["bicubic", "lanczos", "bilinear"])
@pytest.mark.parametrize("up, down", [(2, 1), (3, 1), (4, 1), (1, 2), (1, 3), (1, 4), (2, 3)])
def test_resize_equals_pillow_of_the_mirrored_picture(rng, method, up, down):
    """Pillow cuts the kernel off at the border and renormalises; with a mirror drawn, we agree."""
    x = rng.uniform(size=(36, 24, 3)).astype(np.float32)
    border = 12 * down  # more than any kernel reaches
    mirrored = np.pad(x, [(border, border), (border, border), (0, 0)], mode="symmetric")
    height, width, cut = 36 * up // down, 24 * up // down, 12 * up
    whole = _pillow(mirrored, height + 2 * cut, width + 2 * cut, method)
    ours = np.asarray(resize.resize(x, height, width, method=method))
    np.testing.assert_allclose(ours, pixels.shave(whole, cut), atol=1e-5)
    # Without it they agree inside, and bicubic differs at the corner.
    plain = _pillow(x, height, width, method)
    np.testing.assert_allclose(pixels.shave(ours, 3 * up), pixels.shave(plain, 3 * up), atol=1e-5)
    assert method == "bilinear" or abs(ours[0, 0] - plain[0, 0]).max() > 1e-3


@pytest.mark.parametrize("shape", [(72, 48), (9, 6), (27, 60)])
def test_resize_equals_jax_inside(rng, shape):
    """jax.image.resize has our kernel and antialiasing; at the border it renormalises."""
    x = rng.uniform(size=(2, 36, 24, 3)).astype(np.float32)
    reference = jax.image.resize(x, (2, *shape, 3), "cubic")
    cut = 4 if min(shape) > 12 else 2
    inner = np.s_[:, cut:-cut, cut:-cut]
    np.testing.assert_allclose(resize.resize(x, *shape)[inner], reference[inner], atol=1e-5)


@SCALES
def test_resize_by_nearest_repeats_pixels(rng, scale):
    x = rng.uniform(size=(2, 5, 7, 3)).astype(np.float32)
    larger = resize.resize(x, 5 * scale, 7 * scale, method="nearest")
    np.testing.assert_array_equal(larger, x.repeat(scale, axis=1).repeat(scale, axis=2))
    np.testing.assert_array_equal(resize.resize(larger, 5, 7, method="nearest"), x)


def test_resize_mirrors_small_pictures_as_often_as_needed(rng):
    x = rng.uniform(size=(2, 1, 3)).astype(np.float32)
    mirrored = np.pad(x, [(8, 8), (8, 8), (0, 0)], mode="symmetric")
    expected = _pillow(mirrored, 18 * 4, 17 * 4, "bicubic")[32:-32, 32:-32]
    np.testing.assert_allclose(resize.resize(x, 8, 4), expected, atol=1e-5)


# Properties


@pytest.mark.parametrize("method", resize.METHODS)
@pytest.mark.parametrize("n_in, n_out", [(1, 4), (1, 1), (2, 9), (7, 7), (64, 16), (61, 17), (5, 1)])
def test_matrix_has_rows_that_sum_to_one(method, n_in, n_out):
    """So a constant picture stays constant."""
    rows = resize.matrix(n_in, n_out, method=method)
    assert (rows.shape, rows.dtype) == ((n_out, n_in), np.float32)
    np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("method", ["bicubic", "bilinear"])
@pytest.mark.parametrize("n_in, n_out", [(12, 48), (48, 12), (30, 10), (11, 7)])
def test_matrix_commutes_with_flips(method, n_in, n_out):
    rows = resize.matrix(n_in, n_out, method=method)
    np.testing.assert_allclose(rows, rows[::-1, ::-1], atol=1e-6)


@pytest.mark.parametrize("method", resize.METHODS)
def test_matrix_of_the_same_size_is_the_identity(method):
    np.testing.assert_allclose(resize.matrix(9, 9, method=method), np.eye(9), atol=1e-15)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    scale=st.sampled_from([2, 3, 4]),
    top=st.integers(0, 16),
    left=st.integers(0, 12),
    size=st.sampled_from([5, 8]),
)
def test_downscale_of_a_window_is_the_window_of_the_reduction(seed, scale, top, left, size):
    """Training relies on it: the low resolution of a crop is that of the whole picture."""
    levels = np.random.default_rng(seed).integers(0, 256, (1, 24 * scale, 20 * scale, 3))
    whole = levels.astype(np.float32) / 255
    top, left = min(top, 24 - size), min(left, 20 - size)
    window = whole[:, top * scale : (top + size) * scale, left * scale : (left + size) * scale]
    reduced = resize.downscale(whole, scale)[:, top : top + size, left : left + size]
    ours = resize.downscale(window, scale, margin=2)
    np.testing.assert_array_equal(ours, reduced[:, 2:-2, 2:-2])


@SCALES
def test_downscale_gives_whole_levels_and_stays_in_range(rng, scale):
    """Noise of black and white makes bicubic overshoot, which must be clipped."""
    x = rng.integers(0, 2, (2, 12, 10, 3)).repeat(scale, 1).repeat(scale, 2).astype(np.float32)
    lr = np.asarray(resize.downscale(x, scale))
    assert (lr.shape, lr.dtype) == ((2, 12, 10, 3), np.float32)
    np.testing.assert_allclose(lr * 255, np.round(lr * 255), atol=1e-4)
    overshoot = resize.resize(x, 12, 10)
    assert (lr.min(), lr.max()) == (0, 1) and overshoot.min() < -0.01 and overshoot.max() > 1.01


@SCALES
def test_downscale_and_resize_work_inside_jit(rng, scale):
    x = rng.uniform(size=(1, 8 * scale, 9 * scale, 3)).astype(np.float32)
    reduced = jax.jit(lambda x: resize.downscale(x, scale, margin=1))(x)
    assert reduced.shape == (1, 6, 7, 3)
    np.testing.assert_allclose(reduced, resize.downscale(x, scale, margin=1), atol=1 / 255 + 1e-6)
    gradient = jax.grad(lambda x: jnp.sum(resize.resize(x, 8, 9)))(x)
    np.testing.assert_allclose(gradient.sum(), 8 * 9 * 3, rtol=1e-5)


@pytest.mark.parametrize("shape", [(8, 9, 3), (2, 8, 9, 1), (2, 5, 8, 9, 3)])
def test_resize_takes_any_leading_axes_and_channels(rng, shape):
    x = rng.uniform(size=shape).astype(np.float32)
    ours = resize.resize(x, 4, 3)
    assert ours.shape == (*shape[:-3], 4, 3, shape[-1])
    flat = resize.resize(x.reshape(-1, 8, 9, shape[-1]), 4, 3)
    np.testing.assert_allclose(ours, flat.reshape(ours.shape), atol=1e-6)


# Errors


def test_matrix_of_an_unknown_method_lists_the_choices():
    with pytest.raises(ValueError, match="one of bicubic, lanczos, bilinear, nearest, got box"):
        resize.matrix(8, 4, method="box")


@pytest.mark.parametrize("n_in, n_out", [(0, 4), (4, 0), (4, -1)])
def test_matrix_refuses_lengths_below_one(n_in, n_out):
    with pytest.raises(ValueError, match=f"at least 1, got {n_in} to {n_out}"):
        resize.matrix(n_in, n_out)


@pytest.mark.parametrize("shape", [(1, 9, 8, 3), (1, 8, 10, 3)])
def test_downscale_refuses_sides_that_are_no_multiples(shape):
    with pytest.raises(ValueError, match=f"multiples of 4, got {shape[1]}x{shape[2]}"):
        resize.downscale(np.zeros(shape, np.float32), 4)


@pytest.mark.parametrize("method", resize.METHODS)
@pytest.mark.parametrize("n_in, n_out", [(1, 1), (7, 30), (30, 7), (41, 41), (2, 9)])
def test_part_is_a_block_of_the_matrix(method, n_in, n_out):
    """Whose other columns are zero."""
    whole = resize.matrix(n_in, n_out, method=method)
    for first in range(n_out):
        for last in (first + 1, n_out):
            start, block = resize.part(n_in, n_out, first=first, last=last, method=method)
            expected = np.zeros((last - first, n_in), np.float32)
            expected[:, start : start + block.shape[1]] = block
            np.testing.assert_array_equal(whole[first:last], expected)
