"""Tests ../jsr/spans.py."""

from hypothesis import given
from hypothesis import strategies as st

from jsr.ops import windows


@given(st.integers(1, 300), st.integers(1, 64), st.integers(0, 41))
def test_spans_cover_an_axis_once_with_their_halo(length, tile, halo):
    window, found = windows.spans(length, tile=tile, halo=halo)
    assert found[0].first == 0 and found[-1].stop == length
    for span, following in zip(found, found[1:], strict=False):
        assert span.stop == following.first
    for span in found:
        assert 0 <= span.start and span.start + window <= length
        assert span.first < span.stop
        # All that the part kept depends on is in the window, or beyond the picture's edge.
        assert span.start <= max(0, span.first - halo)
        assert span.start + window >= min(length, span.stop + halo)
