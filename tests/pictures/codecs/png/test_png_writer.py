"""Tests ../../../../jsr/pictures/codecs/png/png_writer.py."""

import io

import numpy as np
import png
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from jsr.pictures.codecs.png import png_writer
from jsr.pictures.codecs.png.png_writer import Writer


@pytest.fixture(autouse=True, scope="module")
def small_blocks():
    """Blocks of a few rows, so that small pictures have several."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(png_writer, "BLOCK", 8)
        yield


@settings(max_examples=60, deadline=None)
@given(
    st.data(),
    st.integers(1, 20),
    st.integers(1, 20),
    st.sampled_from([1, 3]),
    st.sampled_from([8, 16]),
)
def test_written_rows_are_what_pypng_reads(data, height, width, planes, depth):
    """Of every filter: each row is written with one drawn for it."""
    dtype = np.uint8 if depth == 8 else np.uint16
    samples = data.draw(arrays.arrays(dtype, (height, width, planes)))
    file = io.BytesIO()
    writer = Writer(file, samples.shape, samples.dtype)
    cut = data.draw(st.integers(0, height))
    for part in (samples[:cut], samples[cut:]):
        if len(part):
            writer.write(part)
    writer.close()
    _, _, rows, _ = png.Reader(bytes=file.getvalue()).read()
    np.testing.assert_array_equal(np.array([list(r) for r in rows]).reshape(samples.shape), samples)
