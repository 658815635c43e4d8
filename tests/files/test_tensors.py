"""Tests ../../jsr/files/tensors.py."""

import numpy as np
import pytest
from safetensors.numpy import load_file

from jsr.files import tensors


def test_arrays_are_read_back_whatever_their_order_in_memory(tmp_path):
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    tensors.write(tmp_path / "a.safetensors", {"x": x, "y": x.T}, {"k": "v"})
    arrays = load_file(tmp_path / "a.safetensors")
    np.testing.assert_array_equal(arrays["x"], x)
    np.testing.assert_array_equal(arrays["y"], x.T)


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(OSError, match="missing/a: cannot be written"):
        tensors.write(tmp_path / "missing" / "a", {}, {})


def test_every_difference_is_listed():
    expected = {"a": (1,), "b": (2, 3), "c": ()}
    actual = {"b": (3, 2), "c": (), "d": (4,)}
    assert tensors.differences(expected, actual) == ["no a", "an unknown d", "b of shape (3, 2), not (2, 3)"]
    assert tensors.differences(expected, expected) == []
