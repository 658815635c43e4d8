"""Tests ../../jsr/data/patch_files.py."""

import numpy as np
import pytest

from jsr.data import patch_files
from jsr.data.patch_files import Cut
from jsr.errors import DataError


@pytest.fixture
def cuts(rng):
    """Returns two photographs in patches of 16 pixels, of which the last is 9x12."""
    first = Cut(700, rng.integers(0, 256, (3, 16, 16, 3), np.uint8), [(16, 16)] * 3, False)
    return [first, Cut(108, rng.integers(0, 256, (1, 16, 16, 3), np.uint8), [(9, 12)], False)]


def test_read_returns_what_was_written(tmp_path, cuts, rng):
    validation = [rng.integers(0, 256, (12, 24, 3), np.uint8), rng.integers(0, 256, (36, 12, 3), np.uint8)]
    assert patch_files.write_patches(tmp_path, iter(cuts), side=16) == [700, 108]
    patch_files.write_rest(tmp_path, validation, "two pictures, näher")
    pictures = patch_files.read(tmp_path, size=9)
    assert np.array_equal(pictures.patches, np.concatenate([cut.patches for cut in cuts]))
    assert pictures.sizes.tolist() == [[16, 16], [16, 16], [16, 16], [9, 12]]
    assert all(map(np.array_equal, pictures.validation, validation)) and len(pictures.validation) == 2
    assert pictures.description == "two pictures, näher"


def test_read_refuses_patches_smaller_than_a_crop(tmp_path, cuts):
    patch_files.write_patches(tmp_path, iter(cuts), side=16)
    patch_files.write_rest(tmp_path, [], "")
    with pytest.raises(DataError, match="the patches kept there are damaged; delete that folder"):
        patch_files.read(tmp_path, size=10)


def test_write_patches_makes_them_read_only(tmp_path, cuts):
    """Truncating a mapped file would crash the runs that use it."""
    patch_files.write_patches(tmp_path, iter(cuts), side=16)
    assert (tmp_path / "patches.npy").stat().st_mode & 0o222 == 0
