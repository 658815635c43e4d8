"""Tests ../../../jsr/pictures/codecs/arrays.py."""

import io

import numpy as np
import pytest

from jsr import pictures
from jsr.errors import PictureError
from jsr.pictures import Picture, Raster


def _content(array):
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("shape, kind", [((5, 7), Picture), ((5, 7, 3), Picture), ((5, 7, 6), Raster)])
@pytest.mark.parametrize("code", ["u1", "u2"])
def test_whole_numbers_of_few_channels_are_pictures(tmp_path, rng, order, shape, kind, code):
    array = rng.integers(0, 256, shape).astype(order + code)
    (tmp_path / "a.npy").write_bytes(_content(array))
    picture = pictures.open(tmp_path / "a.npy")
    assert type(picture) is kind
    assert isinstance(picture, (Picture, Raster))
    values = picture.samples if isinstance(picture, Raster) else picture.pixels
    np.testing.assert_array_equal(values, array)
    assert values.dtype.isnative


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros(4), "expected numbers"),
        (np.zeros((2, 2, 2, 2)), "expected numbers"),
        (np.zeros((0, 2)), "expected numbers"),
        (np.zeros((2, 2), complex), "expected numbers"),
        (np.array([[{}, {}]], dtype=object), "expected numbers"),
        (np.zeros((30, 40)), "40x30: more than 0.001 million pixels"),
    ],
)
def test_other_arrays_are_refused(tmp_path, array, reason):
    """And objects are not loaded, which could run any code."""
    (tmp_path / "a.npy").write_bytes(_content(array))
    with pytest.raises(PictureError, match=reason):
        pictures.open(tmp_path / "a.npy", max_pixels=1000)


def test_a_cut_array_is_broken(tmp_path):
    (tmp_path / "a.npy").write_bytes(_content(np.zeros((8, 8)))[:-9])
    with pytest.raises(PictureError, match="broken or not supported"):
        pictures.open(tmp_path / "a.npy")
