"""Tests ../../jsr/metrics/grid.py."""

import math

import numpy as np
import pytest

from jsr.metrics import grid


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_pattern_is_found_over_a_slope(scale, rng):
    """A slope has no grid of its own, and that of noise vanishes in the median."""
    y, x = np.mgrid[:204, :240]
    picture = 0.3 * y - 0.1 * x + rng.normal(0, 0.1, (204, 240))
    added = rng.normal(0, 1, (scale, scale))
    added -= added.mean()
    tiled = np.tile(added, (204 // scale, 240 // scale))
    assert grid.pattern(picture, scale=scale).std() < 0.02
    assert grid.pattern(picture + tiled, scale=scale).std() == pytest.approx(added.std(), rel=0.05)


def test_pattern_does_not_count_edges():
    picture = np.zeros((128, 128))
    picture[:, 60:] = 200
    assert grid.pattern(picture, scale=4).std() < 1e-9


def test_strength_is_in_grey_levels():
    image = np.full((64, 64, 3), 100, np.uint8)
    image[::2] = 104  # each level is 2 from the mean
    assert grid.strength(image, scale=2) == pytest.approx(2.0)
    assert grid.strength(np.full((64, 64, 3), 100, np.uint8), scale=4) == 0


def test_strength_is_nan_without_a_whole_period():
    assert math.isnan(grid.strength(np.zeros((7, 64, 3), np.uint8), scale=4))
