"""Tests ../../jsr/ops/windows.py."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jsr.models.layers import Upsample
from jsr.ops import windows


@given(st.integers(1, 300), st.integers(1, 64), st.integers(0, 41))
def test_spans_cover_an_axis_once_with_their_halo(length, tile, halo):
    window, spans = windows.spans(length, tile=tile, halo=halo)
    assert spans[0].first == 0 and spans[-1].stop == length
    for span, following in zip(spans, spans[1:], strict=False):
        assert span.stop == following.first
    for span in spans:
        assert 0 <= span.start and span.start + window <= length
        assert span.first < span.stop
        # All that the part depends on is in the window, or beyond the picture's edge.
        assert span.start <= max(0, span.first - halo)
        assert span.start + window >= min(length, span.stop + halo)


@pytest.mark.parametrize("halo, is_equal", [(2, True), (1, False)])
def test_in_bands_equals_the_whole_picture_if_the_halo_suffices(rng, monkeypatch, halo, is_equal):
    """Enlarged by two after a mean over five rows."""
    x = jnp.asarray(rng.random((1, 23, 4, 3), np.float32))

    def enlarge(x, size=None):
        padded = jnp.pad(x, ((0, 0), (2, 2), (0, 0), (0, 0)))
        mean = sum(padded[:, i : i + x.shape[1]] for i in range(5))
        return jnp.repeat(jnp.repeat(mean, 2, axis=1), 2, axis=2)

    monkeypatch.setattr(windows, "BAND", 4)
    banded = windows.in_bands(enlarge, x, scale=2, halo=halo)
    assert np.array_equal(banded, enlarge(x)) is is_equal


def test_in_bands_bounds_the_memory(monkeypatch):
    """Bands are computed one after the other: four of them take much less memory than one of four times the size."""
    upsample = Upsample(16, 4)
    x = jax.ShapeDtypeStruct((1, 256, 16, 16), jnp.float32)
    variables = jax.eval_shape(upsample.init, jax.random.key(0), x)

    def enlarge(variables, x):
        def brightest(x, size):
            return jnp.max(jnp.asarray(upsample.apply(variables, x)), axis=-1, keepdims=True)

        return windows.in_bands(brightest, x, scale=4, halo=1)

    def memory(band):
        monkeypatch.setattr(windows, "BAND", band)
        analysis = jax.jit(lambda *arguments: enlarge(*arguments)).lower(variables, x).compile().memory_analysis()
        assert analysis
        return analysis.temp_size_in_bytes

    assert memory(64) < 0.5 * memory(256)
