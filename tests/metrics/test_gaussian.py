"""Tests ../../jsr/metrics/gaussian.py."""

import numpy as np
import pytest
from scipy import ndimage, signal

from jsr.metrics import gaussian


@pytest.mark.parametrize("size, sigma", [(11, 1.5), (7, 7 / 6), (1, 2.0)])
def test_weights_are_those_of_scipy(size, sigma):
    weights = gaussian.weights(size, sigma)
    impulse = np.zeros(size)
    impulse[size // 2] = 1
    expected = ndimage.gaussian_filter1d(impulse, sigma, radius=size // 2, mode="constant")
    np.testing.assert_allclose(weights, expected, atol=1e-12)
    assert weights.sum() == pytest.approx(1)


def test_window_sums_are_a_convolution_where_the_window_fits(rng):
    image, weights = rng.normal(size=(20, 17)), rng.normal(size=5)
    expected = signal.correlate2d(image, np.outer(weights, weights), mode="valid")
    np.testing.assert_allclose(gaussian.window_sums(image, weights), expected, atol=1e-12)
