"""Tests ../../../jsr/models/classical/interpolation.py."""

import numpy as np
import pytest

from jsr.models.classical.interpolation import Interpolation
from jsr.ops import resize
from tests.models.networks import shapes


def test_interpolation_has_no_parameters():
    assert shapes(Interpolation(), (1, 8, 8, 3)) == {}


@pytest.mark.parametrize("method", resize.METHODS)
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_interpolation_resizes_and_clips(rng, method, scale):
    """Noise of black and white, of which bicubic and Lanczos overshoot."""
    x = rng.integers(0, 2, (1, 7, 9, 3)).astype(np.float32)
    y = Interpolation(method=method).with_scale(scale).apply({}, x)
    resized = 2 * np.asarray(resize.resize(x, scale * 7, scale * 9, method=method)) - 1
    assert (np.abs(resized).max() > 1.01) == (method in ("bicubic", "lanczos"))
    np.testing.assert_array_equal(np.asarray(y), np.clip(resized, -1, 1))


def test_interpolation_computes_in_float32_in_any_precision():
    module = Interpolation(method="bilinear")
    assert module.with_precision("bf16") == module and module.dtype == np.float32
