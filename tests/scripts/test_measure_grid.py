"""Tests ../scripts/measure_grid.py."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "measure_grid.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("measure_grid", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("scale", [2, 4])
def test_a_pattern_laid_over_a_slope_is_found(script, scale, rng):
    """A slope has no grid of its own, and noise has none in the median."""
    y, x = np.mgrid[:200, :240]
    picture = 0.3 * y - 0.1 * x + rng.normal(0, 0.1, (200, 240))
    pattern = rng.normal(0, 1, (scale, scale))
    pattern -= pattern.mean()
    tiled = np.tile(pattern, (200 // scale, 240 // scale))
    assert script.grid(picture, scale=scale).std() < 0.02
    assert script.grid(picture + tiled, scale=scale).std() == pytest.approx(pattern.std(), rel=0.05)


def test_edges_do_not_count(script):
    picture = np.zeros((128, 128))
    picture[:, 60:] = 200
    assert script.grid(picture, scale=4).std() < 1e-9
