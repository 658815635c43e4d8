"""Tests ../../jsr/weights/feature_file.py. What `read` refuses, test_vgg.py tests."""

import numpy as np
import pytest
from safetensors import numpy

from jsr.weights import feature_file


def test_save_is_reproducible_and_readable_by_all(tmp_path):
    """Its hash is printed to be compared; the private mode of temporary files is changed."""
    flat = {"params/conv1_1/bias": np.zeros(64, np.float32)}
    metadata = {"mean": "[0]", "std": "[1]", "content_weight": "1", "source": "a test"}
    files = [tmp_path / f"{i}.safetensors" for i in range(8)]
    for i, path in enumerate(files):
        feature_file.save(path, "vgg19", flat, dict(sorted(metadata.items(), reverse=i % 2 == 1)))
    assert len({path.read_bytes() for path in files}) == 1
    assert files[0].stat().st_mode & 0o777 == 0o644
    assert sorted(tmp_path.iterdir()) == files


def test_save_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "vgg19.safetensors"
    path.write_bytes(b"the last one")

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(numpy, "save", fail)
    with pytest.raises(OSError, match="No space left"):
        feature_file.save(path, "vgg19", {}, {})
    assert list(tmp_path.iterdir()) == [path] and path.read_bytes() == b"the last one"


def test_read_gives_what_was_saved_and_no_other_tensors(tmp_path, rng):
    flat = {name: rng.normal(size=(2, 3)).astype(np.float32) for name in ("params/a/kernel", "heads/1", "other")}
    metadata = {"mean": "[0.1, 0.2, 0.3]", "std": "[1, 1, 1]"}
    feature_file.save(tmp_path / "a.safetensors", "lpips", flat, metadata)
    shapes = {"params/a/kernel": (2, 3), "heads/1": (2, 3)}
    tensors, read = feature_file.read(tmp_path / "a.safetensors", "lpips", shapes, command="a test")
    assert read == {"mean": (0.1, 0.2, 0.3), "std": (1, 1, 1)}
    assert tensors.keys() == {"params", "heads"}
    np.testing.assert_array_equal(tensors["params"]["a"]["kernel"], flat["params/a/kernel"])
    np.testing.assert_array_equal(tensors["heads"]["1"], flat["heads/1"])
