"""Tests ../jsr/cuts.py."""

import numpy as np
import pytest

from jsr.data import patch_layout


@pytest.mark.parametrize("length", [24, 63, 64, 65, 104, 105, 200, 1001])
@pytest.mark.parametrize("size, side", [(24, 64), (24, 24), (96, 256), (112, 756), (33, 66)])
def test_every_window_lies_in_a_patch(length, size, side):
    """Else some windows could never be drawn; that is why patches overlap."""
    starts = patch_layout.origins(length, side=side, size=size)
    assert starts[0] == 0 and starts[-1] == max(0, length - side)
    for window in range(length - size + 1):
        assert any(s <= window and window + size <= s + side for s in starts)


@pytest.mark.parametrize(
    ("shape", "most"),
    [((1356, 2040), 1.25), ((321, 481), 1.34), ((1024, 1024), 1.0), ((130, 130), 1.0)],
)
def test_patches_take_little_more_room_than_their_picture(shape, most):
    side = patch_layout.best_side([shape], size=112)
    patches, sizes = patch_layout.cut(np.ones((*shape, 3), np.uint8), side=side, size=112)
    assert patches.nbytes <= most * 3 * shape[0] * shape[1]
    assert patches.sum() == 3 * np.prod(sizes, axis=1).sum()  # the rest is padding
