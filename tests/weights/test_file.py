"""Tests ../../jsr/weights/file.py."""

import functools
import hashlib
import pickle
import struct
from typing import Any, cast

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from jsr.errors import WeightsError
from jsr.models.srcnn import SRCNN
from jsr.models.srresnet import SRResNet
from jsr.weights import file as weights_file


@functools.cache
def _init(module: Any) -> Any:
    return jax.jit(module.init)(jax.random.key(0), jnp.zeros((1, 8, 8, 3)))


def _small(module=None):
    """Returns a network and its variables, which a test may change."""
    module = module or SRResNet(features=4, blocks=1)
    return module, jax.tree.map(lambda leaf: leaf, _init(cast(Any, module)))


def _save(path, **about):
    module, variables = _small()
    weights_file.save(path, "srresnet", {"features": 4, "blocks": 1}, variables, about)
    return module, variables


def test_read_returns_what_was_saved(tmp_path):
    module, variables = _save(tmp_path / "w.safetensors", step=3)
    model = weights_file.read(tmp_path / "w.safetensors")
    assert model.module == module and model.metadata == {"step": 3}
    assert jax.tree.all(jax.tree.map(np.array_equal, model.variables, variables))
    assert list(tmp_path.iterdir()) == [tmp_path / "w.safetensors"]


def test_read_returns_networks_without_batch_norm(tmp_path):
    module, variables = _small(SRCNN(factors=(3,)))
    weights_file.save(tmp_path / "w.safetensors", "srcnn", {"factors": (3,)}, variables, {})
    model = weights_file.read(tmp_path / "w.safetensors")
    assert model.module == module and model.scale == 3


def test_save_writes_tensors_that_any_reader_finds_by_their_paths(tmp_path):
    _, variables = _save(tmp_path / "w.safetensors")
    tensors = load_file(tmp_path / "w.safetensors")
    assert tensors["params/head/kernel"].shape == (9, 9, 3, 4)
    assert len(tensors) == len(jax.tree.leaves(variables))


def test_save_writes_equal_weights_as_equal_files(tmp_path):
    for name in ("a", "b", "c"):
        _save(tmp_path / name, step=3, cost="4 core hours")
    assert len({(tmp_path / name).read_bytes() for name in ("a", "b", "c")}) == 1


def test_save_in_half_precision_is_half_as_large_and_read_as_its_rounding(tmp_path):
    """To the nearest at 11 bits and ties to even, as the struct module does; small values get fewer bits."""
    variables = _small()[1]
    variables["params"]["tail"]["bias"] = np.array([1 + 2**-11, 1 + 3 * 2**-11, -1e-6], np.float32)
    for dtype in ("float32", "float16"):
        weights_file.save(
            tmp_path / dtype, "srresnet", {"features": 4, "blocks": 1}, variables, {"step": 3}, dtype=dtype
        )
    stored = load_file(tmp_path / "float16")
    assert {tensor.dtype for tensor in stored.values()} == {np.dtype(np.float16)}
    sizes = [sum(tensor.nbytes for tensor in load_file(tmp_path / dtype).values()) for dtype in ("float16", "float32")]
    assert sizes[1] == 2 * sizes[0]

    exact, rounded = (weights_file.read(tmp_path / dtype) for dtype in ("float32", "float16"))
    assert rounded._replace(variables={}) == exact._replace(variables={})
    assert {leaf.dtype for leaf in jax.tree.leaves(rounded.variables)} == {np.dtype(np.float32)}
    bias = rounded.variables["params"]["tail"]["bias"]
    np.testing.assert_array_equal(bias, np.array([1, 1 + 2**-9, -17 * 2**-24], np.float32))
    for leaf, number in zip(jax.tree.leaves(rounded.variables), jax.tree.leaves(variables), strict=True):
        halves = struct.Struct(f"{leaf.size}e")
        expected = halves.unpack(halves.pack(*np.ravel(number).tolist()))
        np.testing.assert_array_equal(np.ravel(leaf), expected)


def test_save_in_half_precision_refuses_what_it_cannot_hold(tmp_path):
    variables = _small()[1]
    variables["params"]["tail"]["bias"] = np.array([1, 7e4, 0], np.float32)
    with pytest.raises(FloatingPointError):
        weights_file.save(tmp_path / "w", "srresnet", {}, variables, {}, dtype="float16")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("dtype", [np.float64, np.int32, ml_dtypes.bfloat16])
def test_read_refuses_tensors_of_another_type_in_one_line(tmp_path, dtype):
    path = tmp_path / "w.safetensors"
    _save(path)
    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata()
    tensors = load_file(path)
    tensors["params/head/bias"] = tensors["params/head/bias"].astype(dtype)
    save_file(tensors, path, metadata)
    with pytest.raises(WeightsError, match="params/head/bias of type [A-Z0-9]+, not F32 or F16$") as error:
        weights_file.read(path)
    assert "\n" not in str(error.value)


def _foreign(path):
    save_file({"conv.weight": np.zeros((3, 3), np.float32)}, path)


def _truncated(path):
    _save(path)
    path.write_bytes(path.read_bytes()[:-100])


def _text(path):
    path.write_text("hello")


class Malicious:
    def __reduce__(self):
        return pytest.fail, ("a pickle was loaded",)


def _pickled(path):
    path.write_bytes(pickle.dumps({"params": Malicious()}))


def _damaged_dtype(path):
    _save(path)
    path.write_bytes(path.read_bytes().replace(b'"F32"', b'"F99"', 1))


def _future_field(path):
    weights_file.save(path, "srresnet", {"heads": 4}, _small()[1], {})


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_foreign, "expected a weights file of jsr"),
        (_truncated, "expected a weights file of jsr"),
        (_text, "expected a weights file of jsr"),
        (_pickled, "expected a weights file of jsr"),
        (_damaged_dtype, "expected a weights file of jsr"),
        (_future_field, "heads"),
    ],
)
def test_read_refuses_foreign_files_in_one_line(tmp_path, spoil, message):
    spoil(tmp_path / "w.safetensors")
    with pytest.raises(WeightsError) as error:
        weights_file.read(tmp_path / "w.safetensors")
    assert message in str(error.value) and "\n" not in str(error.value)
    assert "w.safetensors" in str(error.value)


def test_read_lists_every_tensor_that_differs(tmp_path):
    path = tmp_path / "w.safetensors"
    variables: dict[str, Any] = dict(_small()[1])
    del variables["params"]["body"]
    variables["params"]["tail"]["bias"] = np.zeros(4, np.float32)
    variables["params"]["extra"] = {"bias": np.zeros(1, np.float32)}
    weights_file.save(path, "srresnet", {"features": 4, "blocks": 1}, variables, {})
    with pytest.raises(WeightsError) as error:
        weights_file.read(path)
    assert str(error.value) == (
        f"{path}: expected the tensors of its network, got no params/body/kernel; an unknown params/extra/bias;"
        " params/tail/bias of shape (4,), not (3,)"
    )


def test_save_to_a_full_disk_is_an_error_of_the_system(tmp_path):
    """safetensors has an error class of its own; the old file stays, and nothing beside it."""
    resource = pytest.importorskip("resource", reason="Windows has no limits on files")
    path = tmp_path / "w.safetensors"
    _save(path)
    before, limits = path.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
        with pytest.raises(OSError, match="w.safetensors: cannot be written: .*File too large"):
            _save(path, step=4)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_read_released_refuses_a_file_that_changed_or_is_missing(tmp_path, monkeypatch):
    path = tmp_path / "srgan_x4.safetensors"
    monkeypatch.setattr(weights_file, "PRETRAINED", tmp_path)
    with pytest.raises(WeightsError, match="srgan_x4.safetensors: No such file or directory; install jsr again"):
        weights_file.read_released(path)
    module, _ = _save(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    (tmp_path / "SHA256SUMS").write_text(f"{digest}  srgan_x4.safetensors\n")
    assert weights_file.read_released(path).module == module
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(WeightsError, match="expected the released file, got another; install jsr again"):
        weights_file.read_released(path)
