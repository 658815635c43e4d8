"""Tests ../jsr/convert.py."""

import json
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import traverse_util

from jsr.models import vgg19
from jsr.models.vgg19 import VGG19
from jsr.weights import from_keras, from_torch
from jsr.weights.conversion import BLOCKS

# torchvision's numbers of the convolutions in `features`, in order.
TORCH = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34)
WIDTHS = (3, 64, 64, 128, 128, *[256] * 4, *[512] * 8)


def _empty(*shape):
    """Zeros that take no memory."""
    return np.broadcast_to(np.float32(0), shape)


def _torch_state():
    state = {}
    for i, index in enumerate(TORCH):
        state[f"features.{index}.weight"] = _empty(WIDTHS[i + 1], WIDTHS[i], 3, 3)
        state[f"features.{index}.bias"] = _empty(WIDTHS[i + 1])
    return state


def _keras_weights():
    weights = {}
    for i, (block, j) in enumerate((b, j) for b in range(5) for j in range((2, 2, 4, 4, 4)[b])):
        weights[f"block{block + 1}_conv{j + 1}/kernel"] = _empty(3, 3, WIDTHS[i], WIDTHS[i + 1])
        weights[f"block{block + 1}_conv{j + 1}/bias"] = _empty(WIDTHS[i + 1])
    return weights


def test_the_trees_are_the_networks():
    """The same names, shapes and types as the module's own, from either side."""
    like = jax.eval_shape(VGG19().init, jax.random.key(0), jnp.zeros((1, 16, 16, 3)))
    like = traverse_util.flatten_dict(dict(like), sep="/")
    expected = {name: (leaf.shape, leaf.dtype) for name, leaf in like.items()}
    state = _torch_state() | {"classifier.0.weight": _empty(4096, 25088)}
    for flat, _ in (
        from_torch.vgg19_from_torch(state),
        from_keras.vgg19_from_keras(_keras_weights()),
    ):
        assert {name: (value.shape, value.dtype) for name, value in flat.items()} == expected
    assert BLOCKS == vgg19.BLOCKS


def test_metadata():
    torch, keras = (
        {k: v if k == "source" else json.loads(v) for k, v in metadata.items()}
        for _, metadata in (
            from_torch.vgg19_from_torch(_torch_state()),
            from_keras.vgg19_from_keras(_keras_weights()),
        )
    )
    assert torch["content_weight"] == 1 and keras["content_weight"] == 0.006
    assert tuple(torch["mean"]) == vgg19.MEAN and tuple(torch["std"]) == vgg19.STD
    np.testing.assert_allclose(np.multiply(keras["mean"], 255), [123.68, 116.779, 103.939])
    np.testing.assert_allclose(np.multiply(keras["std"], 255), 1)
    assert "torchvision" in torch["source"] and "Keras" in keras["source"]


def test_kernels_of_keras_see_bgr(rng):
    """Keras' own preprocessing, run through the twin, gives what our network gives for RGB.

    The two first layers suffice: all that is special lies in the first.
    """
    torch = pytest.importorskip("torch")
    weights = _keras_weights()
    for name in ("block1_conv1", "block1_conv2"):
        shape = weights[f"{name}/kernel"].shape
        weights[f"{name}/kernel"] = rng.normal(0, 0.05, shape).astype(np.float32)
        weights[f"{name}/bias"] = rng.normal(0, 0.1, shape[3:]).astype(np.float32)
    flat, metadata = from_keras.vgg19_from_keras(weights)
    mean, std = (tuple(json.loads(metadata[k])) for k in ("mean", "std"))
    variables = traverse_util.unflatten_dict(flat, sep="/")
    x = rng.random((1, 16, 20, 3), np.float32)
    got = VGG19("relu1_2", mean, std).apply(variables, 2 * x - 1)

    y = 255 * x[..., ::-1] - np.array([103.939, 116.779, 123.68], np.float32)  # BGR, "caffe" mode
    y = torch.from_numpy(y).permute(0, 3, 1, 2)
    for name in ("block1_conv1", "block1_conv2"):
        kernel = torch.from_numpy(weights[f"{name}/kernel"]).permute(3, 2, 0, 1)
        bias = torch.from_numpy(weights[f"{name}/bias"])
        y = torch.nn.functional.conv2d(y, kernel, bias, padding=1).relu()
    expected = y.permute(0, 2, 3, 1).numpy()
    assert np.abs(got - expected).max() < 1e-4 * expected.max()


def test_all_differences_are_reported_at_once():
    state = _torch_state()
    del state["features.0.bias"]
    state["features.2.weight"] = _empty(64, 64, 5, 5)
    state["features.35.weight"] = _empty(1)
    with pytest.raises(ValueError) as caught:
        from_torch.vgg19_from_torch(state)
    assert str(caught.value) == (
        "expected the VGG19 of torchvision, got no features.0.bias; a foreign features.35.weight;"
        " features.2.weight of shape (64, 64, 5, 5), not (64, 64, 3, 3)"
    )
    weights = _keras_weights()
    for block in (3, 4, 5):  # VGG16 has no fourth convolution in these
        del weights[f"block{block}_conv4/kernel"], weights[f"block{block}_conv4/bias"]
    with pytest.raises(ValueError, match="VGG19 of Keras") as caught:
        from_keras.vgg19_from_keras(weights)
    assert str(caught.value).count("no block") == 6 and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "kernel, bias",
    [
        ("{0}/{0}_W_1:0", "{0}/{0}_b_1:0"),  # Keras 1, and the official file
        ("{0}/{0}/kernel:0", "{0}/{0}/bias:0"),  # Keras 2, save_weights
        ("model_weights/{0}/{0}/kernel:0", "model_weights/{0}/{0}/bias:0"),  # Keras 2, save
    ],
)
def test_layouts_of_keras(tmp_path, rng, kernel, bias):
    import h5py

    expected = {"block1_conv1": rng.random((3, 3, 3, 64)), "block5_conv4": rng.random((3, 3, 2, 2))}
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name, value in expected.items():
            file[kernel.format(name)] = value
            file[bias.format(name)] = value[0, 0, 0]
        file["fc1/fc1_W_1:0"] = [0.0]  # of a file with the dense layers
        file["optimizer_weights/block1_conv1/kernel:0"] = [0.0]
        file.create_group("block1_pool")
    read = from_keras.read_keras(tmp_path / "a.h5")
    assert sorted(read) == sorted(f"{n}/{k}" for n in expected for k in ("kernel", "bias"))
    for name, value in expected.items():
        np.testing.assert_array_equal(read[f"{name}/kernel"], value)
        np.testing.assert_array_equal(read[f"{name}/bias"], value[0, 0, 0])


def test_a_file_that_is_no_hdf5(tmp_path):
    (tmp_path / "a.h5").write_bytes(b"none")
    with pytest.raises(ValueError, match="^expected an HDF5 file of Keras, got one"):
        from_keras.read_keras(tmp_path / "a.h5")


def test_it_needs_only_numpy():
    code = "import sys, jsr.convert; print([m for m in ('jax', 'torch', 'h5py') if m in sys.modules])"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root)
    assert done.stdout == "[]\n", done.stderr
