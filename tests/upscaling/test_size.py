"""Tests ../../jsr/upscaling/size.py."""

import numpy as np
import pytest

from jsr.errors import PictureError
from jsr.ops import resize
from jsr.pictures import Picture, large
from jsr.upscaling import size
from jsr.upscaling.size import Size, resized


@pytest.mark.parametrize(
    "wanted, expected",
    [
        (Size(), (400, 800)),
        (Size(scale=1.5), (150, 300)),
        (Size(scale=0.001), (1, 1)),
        (Size(width=333), (166, 333)),
        (Size(height=333), (333, 666)),
        (Size(width=333, height=100), (100, 200)),
        (Size(width=333, height=999), (166, 333)),
        (Size(max_side=500), (250, 500)),
        (Size(max_side=5000), (400, 800)),
        (Size(scale=2, max_side=300), (150, 300)),
        (Size(width=3200), (1600, 3200)),
    ],
)
def test_of_keeps_the_shape(wanted, expected):
    assert wanted.of(100, 200, scale=4) == expected


def test_of_refuses_what_would_be_invented():
    with pytest.raises(PictureError, match="expected a result up to 16 times as large, got 16.005 times 200x100"):
        Size(width=3201).of(100, 200, scale=4)


@pytest.mark.parametrize("width", range(1, 400, 7))
def test_of_gives_exactly_the_side_that_is_asked_for(width):
    for side in (25, 49, 93, 211):
        assert Size(width=width).of(30, side, scale=4)[1] == width
        assert Size(max_side=width).of(30, max(side, 31), scale=16)[1] == min(width, 16 * max(side, 31))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(150, 531), (150, 531, 3), (1, 1), (2, 700, 3)])
@pytest.mark.parametrize("height, width", [(150, 531), (70, 260), (201, 999), (1, 1), (600, 37)])
def test_bands_are_the_rows_of_the_whole_resized(rng, dtype, shape, height, width):
    """Against the dense matrices, at sides that no number of rows or columns at a time divides."""
    pixels = rng.integers(0, np.iinfo(dtype).max + 1, shape, dtype)
    result = np.concatenate(list(size.bands(pixels, height, width)))
    levels = pixels.reshape(*shape[:2], -1).astype(np.float32)
    expected = np.clip(resize.resize(levels, height, width), 0, np.iinfo(dtype).max).reshape(height, width, *shape[2:])
    assert result.dtype == dtype
    np.testing.assert_allclose(result, expected, atol=0.5 + 1e-6 * np.iinfo(dtype).max)


@pytest.mark.parametrize("height", [31, 64, 65, 150, 400, 1200])
def test_bands_ask_for_rows_from_top_to_bottom(rng, height):
    """Rows of a file can be read only once, but for those of the request before."""
    pixels = rng.integers(0, 256, (150, 9, 3), np.uint8)
    rows = large.FileRows(pixels.shape, pixels.dtype, iter(np.array_split(pixels, 11)))
    parts = list(size.bands(rows, height, 20))
    np.testing.assert_array_equal(np.concatenate(parts), np.concatenate(list(size.bands(pixels, height, 20))))
    assert max(map(len, parts)) <= size.ROWS


def test_resized_keeps_grey_grey_and_hides_what_is_hidden(rng):
    grey = rng.integers(0, 256, (40, 301), np.uint8)
    result = resized(Picture(np.stack([grey] * 3, axis=-1)), 90, 500).pixels
    assert (result == result[..., :1]).all()
    np.testing.assert_array_equal(result[..., 0], resized(Picture(grey), 90, 500).pixels)
    pixels, alpha = np.full((20, 20, 3), (200, 10, 10), np.uint8), np.full((20, 20), 255, np.uint8)
    pixels[:, :10], alpha[:, :10] = 0, 0  # black under transparency
    picture = resized(Picture(pixels, alpha), 30, 30)
    assert picture.alpha is not None and picture.alpha[:, 0].max() == 0 and picture.alpha[:, -1].min() == 255
    assert (picture.pixels[picture.alpha > 0] == (200, 10, 10)).all()


@pytest.mark.parametrize(
    "wanted, mark",
    [
        (Size(), "_x4"),
        (Size(scale=2), "_x2"),
        (Size(scale=1.5), "_x1.5"),
        (Size(width=1920), "_w1920"),
        (Size(height=1080), "_h1080"),
        (Size(width=1920, height=1080), "_w1920h1080"),
        (Size(scale=2, max_side=4000), "_max4000"),
    ],
)
def test_mark_tells_the_size(wanted, mark):
    assert wanted.mark(4) == mark
