"""Tests ../../jsr/ops/observation.py."""

import numpy as np
import pytest
from PIL import Image, ImageFilter

from jsr.ops import observation, resize
from jsr.ops.observation import Observation
from tests.ops.slow_observation import dense

SCALES = pytest.mark.parametrize("scale", [2, 3, 4])
BLURS = pytest.mark.parametrize("blur", [0.0, 1.3])


@SCALES
@BLURS
@pytest.mark.parametrize("size", [(6, 5), (1, 3)])
def test_observe_equals_its_definition(rng, scale, blur, size):
    y = rng.uniform(size=(scale * size[0], scale * size[1])).astype(np.float32)
    expected = dense(size[0], size[1], scale, blur=blur) @ y.ravel()
    ours = observation.observe(y[..., None], scale, blur=blur)
    np.testing.assert_allclose(np.asarray(ours).ravel(), expected, atol=2e-6)


@pytest.mark.parametrize("shift", [0.3, -1.7])
def test_a_shifted_row_equals_its_definition(shift):
    expected = dense(7, 1, 4, blur=0.8, shift=(shift, 0))
    ours = np.kron(observation.matrix(7, 4, blur=0.8, shift=shift), observation.matrix(1, 4, blur=0.8))
    np.testing.assert_allclose(ours, expected, atol=1e-6)


def test_a_whole_shift_moves_the_picture(rng):
    """The frame's pixel p shows what lies at p + shift."""
    y = rng.uniform(size=(40, 1)).astype(np.float32)
    still, moved = (observation.matrix(10, 4, blur=1.0, shift=shift) @ y for shift in (0.0, 2.0))
    np.testing.assert_allclose(moved[:5], still[2:7], atol=1e-6)


def test_blur_is_near_that_of_pillow(rng):
    """Pillow approximates the Gaussian by three boxes, so a smooth picture, and a level of tolerance."""
    smooth = Image.fromarray(rng.integers(0, 256, (8, 8), np.uint8)).resize((64, 64), Image.Resampling.BICUBIC)
    reference = np.asarray(smooth.filter(ImageFilter.GaussianBlur(2)), np.float32)[..., None]
    expected = np.asarray(resize.resize(reference, 16, 16))
    ours = np.asarray(observation.observe(np.asarray(smooth, np.float32)[..., None], 4, blur=2.0))
    assert np.abs(ours - expected)[3:-3, 3:-3].max() < 1
    unblurred = np.asarray(resize.resize(np.asarray(smooth, np.float32)[..., None], 16, 16))
    assert np.abs(unblurred - expected)[3:-3, 3:-3].max() > 4


@SCALES
@BLURS
def test_the_transpose_is_the_adjoint(rng, scale, blur):
    """<A y, x> = <y, A^T x>, where A^T is the product with the transposed matrices."""
    x, y = rng.normal(size=(6, 8, 1)), rng.normal(size=(6 * scale, 8 * scale, 1))
    rows, columns = observation.matrix(6, scale, blur=blur), observation.matrix(8, scale, blur=blur)
    transposed = np.asarray(resize.product(rows.T, x, columns.T))
    observed = np.asarray(observation.observe(y, scale, blur=blur))
    assert np.sum(observed * x) == pytest.approx(np.sum(y * transposed), rel=1e-4, abs=1e-4)


@SCALES
@pytest.mark.parametrize("n", [1, 2, 9])
def test_bicubic_enlargement_is_the_adjoint(n, scale):
    """A Keys cubic, widened by s, is the one that enlarges; so back-projection by it descends |A y - x|^2."""
    np.testing.assert_allclose(resize.matrix(n, scale * n), scale * observation.matrix(n, scale).T, atol=1e-6)


@SCALES
def test_consistent_projects(rng, scale):
    """The result is reduced to x, is a fixed point, and differs from y by nothing that A loses."""
    x = rng.uniform(size=(2, 7, 5, 3)).astype(np.float32)
    y = rng.uniform(size=(2, 7 * scale, 5 * scale, 3)).astype(np.float32)
    z = np.asarray(observation.consistent(y, x, scale))
    np.testing.assert_allclose(observation.observe(z, scale), x, atol=2e-6)
    np.testing.assert_allclose(observation.consistent(z, x, scale), z, atol=2e-6)
    lost = rng.normal(size=y.shape).astype(np.float32)
    lost = np.asarray(observation.consistent(lost, 0 * x, scale))  # A lost = 0
    assert abs(np.sum(lost * (z - y))) < 1e-3


@pytest.mark.parametrize(("blur", "ridge"), [(0.0, 0.0), (0.0, 0.02), (1.5, 0.004)])
def test_consistent_equals_the_dense_solution(rng, blur, ridge):
    height, width, scale = 5, 4, 3
    x = rng.uniform(size=(height, width))
    y = rng.uniform(size=(scale * height, scale * width))
    a = dense(height, width, scale, blur=blur)
    inverse = np.linalg.inv(a @ a.T + ridge * np.eye(len(a)))
    expected = y.ravel() + a.T @ inverse @ (x.ravel() - a @ y.ravel())
    ours = observation.consistent(y[..., None], x[..., None], scale, blur=blur, ridge=ridge)
    np.testing.assert_allclose(np.asarray(ours).ravel(), expected, atol=1e-4 if blur else 2e-6)


def test_an_observation_reads_as_on_the_command_line():
    assert str(Observation(blur=1.2)) == "sigma=1.2,noise=0"
