"""Tests ../../../jsr/weights/foreign/from_keras.py."""

import json

import numpy as np
import pytest
from flax import traverse_util

from jsr.errors import WeightsError
from jsr.models.judges.vgg import VGG
from jsr.weights.foreign import from_keras
from tests.weights.vgg19_layouts import keras_weights


def test_vgg19_from_keras_has_the_metadata_of_keras():
    _, metadata = from_keras.vgg19_from_keras(keras_weights())
    assert json.loads(metadata["content_weight"]) == 0.006
    np.testing.assert_allclose(np.multiply(json.loads(metadata["mean"]), 255), [123.68, 116.779, 103.939])
    np.testing.assert_allclose(np.multiply(json.loads(metadata["std"]), 255), 1)
    assert "Keras" in metadata["source"]


def test_vgg19_from_keras_takes_bgr(rng):
    """Keras' own preprocessing, run through the twin, gives the features of our network for RGB.

    The first two layers suffice, because only the first differs.
    """
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    weights = keras_weights()
    for name in ("block1_conv1", "block1_conv2"):
        shape = weights[f"{name}/kernel"].shape
        weights[f"{name}/kernel"] = rng.normal(0, 0.05, shape).astype(np.float32)
        weights[f"{name}/bias"] = rng.normal(0, 0.1, shape[3:]).astype(np.float32)
    converted, metadata = from_keras.vgg19_from_keras(weights)
    mean, std = (tuple(json.loads(metadata[key])) for key in ("mean", "std"))
    variables = traverse_util.unflatten_dict(converted, sep="/")
    x = rng.random((1, 16, 20, 3), np.float32)
    features = np.asarray(VGG(19, ("relu1_2",), mean, std).apply(variables, 2 * x - 1)[0])

    y = 255 * x[..., ::-1] - np.array([103.939, 116.779, 123.68], np.float32)  # BGR, "caffe" mode
    y = torch.from_numpy(y).permute(0, 3, 1, 2)
    for name in ("block1_conv1", "block1_conv2"):
        kernel = torch.from_numpy(weights[f"{name}/kernel"]).permute(3, 2, 0, 1)
        bias = torch.from_numpy(weights[f"{name}/bias"])
        y = torch.nn.functional.conv2d(y, kernel, bias, padding=1).relu()
    expected = y.permute(0, 2, 3, 1).numpy()
    assert np.abs(features - expected).max() < 1e-4 * expected.max()


def test_vgg19_from_keras_refuses_a_vgg16_and_lists_what_it_lacks():
    weights = keras_weights()
    for block in (3, 4, 5):  # VGG16 has no fourth convolution in these
        del weights[f"block{block}_conv4/kernel"], weights[f"block{block}_conv4/bias"]
    with pytest.raises(WeightsError, match="VGG19 of Keras") as caught:
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
def test_read_keras_knows_the_layouts_of_keras(tmp_path, rng, kernel, bias):
    import h5py

    expected = {"block1_conv1": rng.random((3, 3, 3, 64)), "block5_conv4": rng.random((3, 3, 2, 2))}
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name, value in expected.items():
            file[kernel.format(name)] = value
            file[bias.format(name)] = value[0, 0, 0]
        file["fc1/fc1_W_1:0"] = [0.0]  # of a file with the dense layers
        file["optimizer_weights/block1_conv1/kernel:0"] = [0.0]
        file.create_group("block1_pool")
    weights = from_keras.read_keras(tmp_path / "a.h5")
    assert sorted(weights) == sorted(f"{n}/{k}" for n in expected for k in ("kernel", "bias"))
    for name, value in expected.items():
        np.testing.assert_array_equal(weights[f"{name}/kernel"], value)
        np.testing.assert_array_equal(weights[f"{name}/bias"], value[0, 0, 0])


def test_read_keras_refuses_a_file_that_is_not_hdf5(tmp_path):
    (tmp_path / "a.h5").write_bytes(b"none")
    with pytest.raises(WeightsError, match="^expected an HDF5 file of Keras, got one"):
        from_keras.read_keras(tmp_path / "a.h5")
