"""Tests ../../jsr/weights/vgg.py."""

import hashlib
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from jsr.errors import WeightsError
from jsr.files import download, tensors
from jsr.models.judges.vgg import MEAN, STD, VGG, kernel_shapes, random_vgg
from jsr.weights import feature_file, vgg
from jsr.weights.foreign import from_keras
from tests import serving

KEY = jax.random.key(0)
REMEDIES = ("--vgg19 FILE", "jsr import FILE", "--content mse", "--vgg19 random")


@pytest.fixture(scope="module")
def keras(tmp_path_factory):
    """A file with the layout of the official one, 80 MB of random weights, and its weights by name."""
    import h5py

    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("served") / "vgg19_notop.h5"
    weights = {}
    with h5py.File(path, "w") as file:
        for name, shape in kernel_shapes(19).items():
            layer = "block{}_conv{}".format(*name[4:].split("_"))
            kernel = rng.standard_normal(shape, np.float32) * (2 / (9 * shape[2])) ** 0.5
            bias = rng.standard_normal(shape[3:], np.float32)
            file[f"{layer}/{layer}_W_1:0"], file[f"{layer}/{layer}_b_1:0"] = kernel, bias
            weights[layer] = kernel, bias
    return path, weights


@pytest.fixture(scope="module")
def ported(keras, tmp_path_factory):
    path = tmp_path_factory.mktemp("ported") / "vgg19.safetensors"
    feature_file.save(path, "vgg19", *from_keras.vgg19_from_keras(from_keras.read_keras(keras[0])))
    return path


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache; there is no network, unless the test serves one."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(vgg, "KERAS_URL", "http://127.0.0.1:1/vgg19_notop.h5")
    return tmp_path / "cache" / "jsr"


@pytest.fixture
def served(keras, cache, monkeypatch):
    with serving.folder(keras[0].parent) as url:
        monkeypatch.setattr(vgg, "KERAS_URL", f"{url}/{keras[0].name}")
        with keras[0].open("rb") as file:
            monkeypatch.setattr(vgg, "KERAS_MD5", hashlib.file_digest(file, "md5").hexdigest())
        yield cache


def _refused(source, layer="relu2_2"):
    with pytest.raises(WeightsError) as caught:
        vgg.load_vgg(19, source, layer=layer, key=KEY)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.slow
def test_load_vgg_downloads_converts_and_caches_the_file_of_keras(served, keras, rng, monkeypatch):
    """Its features are those that torch computes with the file's weights, from Keras' own input."""
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    module, variables, weight = vgg.load_vgg(19, None, layer="relu5_4", key=KEY)
    assert [p.name for p in served.iterdir()] == ["vgg19.safetensors"]
    assert weight == 0.006

    x = rng.random((1, 32, 48, 3), np.float32)
    y = 255 * x[..., ::-1] - np.array([103.939, 116.779, 123.68], np.float32)  # BGR, "caffe" mode
    y = torch.from_numpy(y).permute(0, 3, 1, 2)
    for name, (kernel, bias) in keras[1].items():
        if name.endswith("conv1") and name != "block1_conv1":
            y = torch.nn.functional.max_pool2d(y, 2)
        kernel = torch.from_numpy(kernel).permute(3, 2, 0, 1)
        y = torch.nn.functional.conv2d(y, kernel, torch.from_numpy(bias), padding=1).relu()
    expected = y.permute(0, 2, 3, 1).numpy()
    features = np.asarray(module.apply(variables, 2 * x - 1)[0])
    assert features.shape == expected.shape == (1, 2, 3, 512)
    assert np.abs(features - expected).max() < 1e-4 * expected.max()

    monkeypatch.setattr(download, "fetch", lambda *_, **__: pytest.fail("fetched again"))
    again = vgg.load_vgg(19, None, layer="relu5_4", key=jax.random.key(1))
    assert again[0] == module
    assert jax.tree.all(jax.tree.map(np.array_equal, again[1], variables))


def test_load_vgg_offline_names_every_remedy(cache):
    message = _refused(None)
    assert message.startswith(f"there is no {cache / 'vgg19.safetensors'}, and {vgg.KERAS_URL}")
    assert "Connection refused" in message
    assert all(remedy in message for remedy in REMEDIES)


def test_load_vgg_refuses_another_file_than_the_published(served, monkeypatch):
    monkeypatch.setattr(vgg, "KERAS_MD5", "0" * 32)
    message = _refused(None)
    assert f"expected a file of md5 {'0' * 32}, got " in message
    assert all(remedy in message for remedy in REMEDIES)
    assert list(served.iterdir()) == []


def test_load_vgg_with_a_cache_that_cannot_be_written_names_every_remedy(tmp_path, cache):
    (tmp_path / "cache").write_bytes(b"a file where a folder should be")
    assert all(remedy in _refused(None) for remedy in REMEDIES)


def test_keras_url_and_md5_are_those_of_keras():
    """Recorded from keras/src/applications/vgg19.py, WEIGHTS_PATH_NO_TOP and its file_hash."""
    assert vgg.KERAS_URL == (
        "https://storage.googleapis.com/tensorflow/keras-applications/vgg19/"
        "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5"
    )
    assert vgg.KERAS_MD5 == "253f8cb515780f3b799900260a226db6"


def test_default_path_is_in_the_users_cache(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert vgg.default_path(19) == Path("/cache/jsr/vgg19.safetensors")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert vgg.default_path(19) == Path.home() / ".cache/jsr/vgg19.safetensors"


@pytest.mark.parametrize("layer, last", [("relu2_2", "conv2_2"), ("relu5_4", "conv5_4")])
def test_load_vgg_reads_only_the_layers_needed(ported, layer, last):
    module, variables, _ = vgg.load_vgg(19, ported, layer=layer, key=KEY)
    assert max(variables["params"]) == last
    like = jax.eval_shape(module.init, KEY, jnp.zeros((1, 16, 16, 3)))
    assert jax.tree.map(jnp.shape, variables) == jax.tree.map(jnp.shape, dict(like))
    np.testing.assert_allclose(np.multiply(module.mean, 255), [123.68, 116.779, 103.939])
    np.testing.assert_allclose(np.multiply(module.std, 255), 1)
    hash(module)  # jit takes it as a static argument


def test_load_vgg_refuses_missing_and_foreign_files(tmp_path, ported):
    made = "expected a VGG19 file made by jsr import FILE, got"
    path = tmp_path / "a.safetensors"
    assert _refused(path) == f"{path}: {made} no file"
    assert _refused(tmp_path) == f"{tmp_path}: {made} no file"
    path.write_bytes(b"none")
    assert _refused(path).startswith(f"{path}: {made} another: ")
    path.write_bytes(ported.read_bytes()[:100_000])
    assert _refused(path).startswith(f"{path}: {made} another: ")
    save_file({"a": np.zeros(1, np.float32)}, path)  # of another program
    assert _refused(path) == f"{path}: {made} another: its metadata has no vgg19"
    metadata = {
        "mean": json.dumps(MEAN),
        "std": json.dumps(STD),
        "content_weight": "1.0",
    }
    feature_file.save(path, "vgg19", {"params/conv1_1/kernel": np.zeros(1, np.float32)}, metadata)
    assert _refused(path, "relu1_1") == (
        f"{path}: {made} another: no params/conv1_1/bias; params/conv1_1/kernel of shape (1,), not (3, 3, 3, 64)"
    )
    flat = {f"params/{c}/kernel": np.zeros(s, np.float32) for c, s in kernel_shapes(19).items()}
    flat |= {f"params/{c}/bias": np.zeros(1, np.float32) for c in kernel_shapes(19)}
    feature_file.save(path, "vgg19", flat, metadata)
    message = _refused(path)
    for name, width in (("conv1_1", 64), ("conv1_2", 64), ("conv2_1", 128), ("conv2_2", 128)):
        assert f"params/{name}/bias of shape (1,), not ({width},)" in message
    feature_file.save(path, "vgg19", flat, {})
    assert _refused(path).startswith(f"{path}: {made} another: ")


def test_load_vgg_notices_a_single_bit_that_changed(ported, tmp_path):
    """In the first layers' tensors and in the hashes; tensors are stored in the order of their names."""
    path = tmp_path / "vgg19.safetensors"
    whole = ported.read_bytes()
    header = 8 + int.from_bytes(whole[:8], "little")
    for place in (header, header + 255, whole.index(b"sha256") + 100):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert "params/conv1_1/bias has changed since" in _refused(path)
    metadata = {
        "mean": json.dumps(MEAN),
        "std": json.dumps(STD),
        "content_weight": "1.0",
    }
    flat = dict(load_file(ported))
    tensors.write(path, flat, {"vgg19": json.dumps(metadata)})  # as older versions wrote it, without hashes
    assert vgg.load_vgg(19, path, layer="relu2_2", key=KEY)[2] == 1.0


@pytest.mark.slow
def test_load_vgg_random_draws_by_the_key_and_scales_by_the_noise(cache):
    module, variables, weight = vgg.load_vgg(19, "random", layer="relu2_2", key=KEY)
    assert module == VGG(19, ("relu2_2",))
    expected = random_vgg(KEY, 19, ("relu2_2",))[1]
    assert jax.tree.all(jax.tree.map(np.array_equal, variables, expected))
    assert not cache.exists()
    # Scaled by its root, the features of noise have a variance of 1; of other noise, about 1.
    noise = jax.random.uniform(jax.random.key(7), (1, 96, 96, 3), minval=-1.0)
    assert abs(weight * float(jnp.var(jnp.asarray(module.apply(variables, noise)[0]))) - 1) < 0.05


def test_load_vgg_reads_vgg16_and_the_weight_of_each_layer(tmp_path, cache):
    """Features equal those of the tensors that were saved; a layer without a weight is refused."""
    flat = {f"params/{c}/kernel": np.full(s, 0.01, np.float32) for c, s in kernel_shapes(16).items()}
    flat |= {f"params/{c}/bias": np.zeros(s[3:], np.float32) for c, s in kernel_shapes(16).items()}
    weights = {"relu2_2": 0.25, "relu3_3": 0.5}
    metadata = {"mean": json.dumps(MEAN), "std": json.dumps(STD), "content_weight": json.dumps(weights)}
    with pytest.raises(WeightsError, match="vgg16.safetensors: expected a VGG16 file made by jsr fetch vgg16, got no"):
        vgg.load_vgg(16, None, layer="relu2_2", key=KEY)
    feature_file.save(vgg.default_path(16), "vgg16", flat, metadata)
    for layer, weight in weights.items():
        module, variables, actual = vgg.load_vgg(16, None, layer=layer, key=KEY)
        assert (module, actual) == (VGG(16, (layer,)), weight)
        assert np.asarray(variables["params"]["conv2_2"]["kernel"]).max() == np.float32(0.01)
    with pytest.raises(WeightsError, match="got one without a content weight for relu1_1"):
        vgg.load_vgg(16, None, layer="relu1_1", key=KEY)
    with pytest.raises(WeightsError, match="expected a VGG19 file .* another: its metadata has no vgg19"):
        vgg.load_vgg(19, vgg.default_path(16), layer="relu2_2", key=KEY)
