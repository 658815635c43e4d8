"""Tests ../../jsr/degradation/blur.py against SciPy, and the properties of its kernels."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage, special

from jsr.degradation import blur

f = jnp.float32


def gaussian(sigma_x, sigma_y=None, angle=0.0, exponent=1.0):
    return blur.gaussian(f(sigma_x), f(sigma_x if sigma_y is None else sigma_y), f(angle), f(exponent))


KERNELS = {
    "gaussian": gaussian(1.5),
    "turned": gaussian(3.0, 0.7, 0.6),
    "flat": gaussian(2.0, 1.0, 0.3, 3.0),
    "plateau": blur.plateau(f(2.0), f(1.0), f(0.3), f(1.5)),
    "sinc": blur.sinc(f(1.5)),
    "cropped": blur.cropped(gaussian(2.5), jnp.int32(4)),
    "identity": blur.identity(),
}


@pytest.mark.parametrize("name", KERNELS)
def test_blur_equals_scipy(name, rng):
    """SciPy's "mirror" repeats no edge pixel, as ours. Its convolution turns the kernel, as convolution must."""
    picture = rng.random((34, 29, 3), np.float32)
    kernel = np.asarray(KERNELS[name], np.float64)
    expected = np.stack([ndimage.convolve(picture[..., c], kernel, mode="mirror") for c in range(3)], axis=-1)
    np.testing.assert_allclose(blur.blur(jnp.asarray(picture), KERNELS[name]), expected, atol=1e-5)


@pytest.mark.parametrize("name", KERNELS)
def test_kernels_sum_to_one_and_are_symmetric_about_the_middle(name):
    kernel = np.asarray(KERNELS[name])
    assert kernel.sum() == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(kernel, kernel[::-1, ::-1], atol=1e-6)


def test_gaussian_equals_scipys():
    pulse = np.zeros((21, 21))
    pulse[10, 10] = 1
    expected = ndimage.gaussian_filter(pulse, sigma=(2.0, 1.2), radius=10)
    np.testing.assert_allclose(gaussian(1.2, 2.0), expected, atol=1e-6)


def test_gaussian_turns_by_its_angle():
    """Its axes are the eigenvectors of its covariance, its variances the eigenvalues."""
    kernel = np.asarray(gaussian(2.5, 1.0, np.pi / 6), np.float64)
    k = np.arange(-10, 11)
    x, y = np.meshgrid(k, k)
    covariance = np.array([[(kernel * a * b).sum() for b in (x, y)] for a in (x, y)])
    values, vectors = np.linalg.eigh(covariance)
    np.testing.assert_allclose(values, [1, 2.5**2], rtol=0.01)
    np.testing.assert_allclose(np.abs(vectors[:, 1]), [np.cos(np.pi / 6), np.sin(np.pi / 6)], atol=0.01)


def test_a_tiny_sigma_is_the_identity():
    np.testing.assert_allclose(gaussian(1e-3), blur.identity(), atol=1e-6)


def test_sinc_passes_low_frequencies_and_stops_high_ones():
    """Away from the cut-off, where the finite window makes a soft edge and ripples."""
    response = np.abs(np.fft.fft2(np.asarray(blur.sinc(f(np.pi / 2))), (64, 64)))
    frequency = np.abs(np.fft.fftfreq(64)) * 2 * np.pi
    radius = np.hypot(frequency[:, None], frequency[None])
    np.testing.assert_allclose(response[radius < 0.3 * np.pi], 1, atol=0.2)
    np.testing.assert_allclose(response[(radius > 0.7 * np.pi) & (radius < np.pi)], 0, atol=0.2)


def test_bessel_j1_equals_scipys():
    x = np.linspace(0, 45, 2001, dtype=np.float32)
    np.testing.assert_allclose(blur.bessel_j1(jnp.asarray(x)), special.j1(x), atol=2e-6)


def test_cropped_is_zero_outside():
    kernel = np.asarray(blur.cropped(gaussian(3.0), jnp.int32(3)))
    assert (kernel[7:14, 7:14] > 0).all()
    assert kernel.sum() == pytest.approx(kernel[7:14, 7:14].sum())


def test_refuses_a_picture_that_mirroring_cannot_pad():
    with pytest.raises(ValueError, match="more than 10 pixels, got 10x40"):
        blur.blur(jnp.zeros((10, 40, 3)), blur.identity())
