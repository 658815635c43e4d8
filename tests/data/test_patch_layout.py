"""Tests ../../jsr/data/patch_layout.py."""

from typing import Any

import numpy as np
import pytest

from jsr.data import patch_layout
from jsr.data.patch_layout import Aligned


@pytest.mark.parametrize("grid", [2, 3, 4])
def test_origins_on_a_grid_are_those_of_the_low_resolution_picture(grid):
    """So that both are cut at the same places, and no window on the grid lies between patches."""
    for length in range(8, 90):
        options = {"side": 20, "size": 8}
        coarse = patch_layout.origins(length, **options)
        fine = patch_layout.origins(grid * length, **{name: grid * n for name, n in options.items()}, grid=grid)
        assert fine == [grid * start for start in coarse]


@pytest.mark.parametrize("length", [24, 63, 64, 65, 104, 105, 200, 1001])
@pytest.mark.parametrize("size, side", [(24, 64), (24, 24), (96, 256), (112, 756), (33, 66)])
def test_origins_leave_no_window_between_patches(length, size, side):
    """Otherwise some windows could never be drawn; that is why patches overlap."""
    starts = patch_layout.origins(length, side=side, size=size)
    assert starts[0] == 0 and starts[-1] == max(0, length - side)
    for window in range(length - size + 1):
        assert any(start <= window and window + size <= start + side for start in starts)


@pytest.mark.parametrize("size, side", [(24, 64), (24, 24), (33, 66)])
def test_counts_are_the_fewest_that_cover_all_windows(size, side):
    """With one patch less, even the widest strides would leave out a window."""
    lengths = np.arange(size, 300)
    counts = patch_layout.counts(lengths, side=side, size=size)
    stride = side - size + 1
    assert (side + (counts - 1) * stride >= lengths).all()
    assert (side + (counts - 2) * stride < lengths)[counts > 1].all()


@pytest.mark.parametrize(
    ("shape", "ratio"),
    [((1356, 2040), 1.25), ((321, 481), 1.34), ((1024, 1024), 1.0), ((130, 130), 1.0)],
)
def test_best_side_takes_little_more_space_than_the_picture(shape, ratio):
    side = patch_layout.best_side([shape], size=112)
    patches, sizes = patch_layout.cut(np.ones((*shape, 3), np.uint8), side=side, size=112)
    assert isinstance(patches, np.ndarray)
    assert patches.nbytes <= ratio * 3 * shape[0] * shape[1]
    assert patches.sum() == 3 * np.prod(sizes, axis=1).sum()  # the rest is padding


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("shape", [(10, 30), (41, 57), (8, 8)])
def test_cut_and_middle_keep_pairs_aligned(rng, scale, shape):
    """Each low-resolution pixel names the place of its block in the original, also after both were cut."""
    names = np.arange(np.prod(shape)).reshape(shape)
    low = np.stack([names // 256, names % 256, np.zeros_like(names)], axis=-1).astype(np.uint8)
    pair = Aligned(low.repeat(scale, axis=0).repeat(scale, axis=1), low)
    size = 8 * scale
    best = patch_layout.best_side([pair.hr.shape[:2]], size=size, grid=scale)
    assert best % scale == 0
    parts: list[Any] = []
    for side in (best, size, 16 * scale):
        patches, sizes = patch_layout.cut(pair, side=side, size=size)
        assert isinstance(patches, Aligned) and patches.lr.shape[1] * scale == patches.hr.shape[1] == side
        assert len(sizes) == len(patches.hr) == len(patches.lr)
        parts += zip(patches.hr, patches.lr, strict=True)
    if min(pair.hr.shape[:2]) >= 12:
        parts.append(patch_layout.middle(pair))
    for hr, lr in parts:
        assert np.array_equal(hr, lr.repeat(scale, axis=0).repeat(scale, axis=1))


def test_middle_is_centred_and_divisible_by_every_scale(rng):
    image = rng.integers(0, 256, (400, 61, 3), np.uint8)
    assert np.array_equal(patch_layout.middle(image), image[8:392, :60])


@pytest.mark.parametrize(
    "count, total, expected", [(0, 9, []), (1, 10, [5]), (3, 30, [5, 15, 25]), (4, 4, [0, 1, 2, 3])]
)
def test_spaced_takes_the_middles_of_equal_parts(count, total, expected):
    assert patch_layout.spaced(count, total) == expected
