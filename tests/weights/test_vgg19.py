"""Tests ../jsr/features.py."""

import functools
import hashlib
import http.server
import json
import threading
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors import numpy
from safetensors.numpy import load_file, save_file

from jsr.errors import WeightsError
from jsr.files import download, tensors
from jsr.models import vgg19
from jsr.models.vgg19 import VGG19
from jsr.weights import from_keras
from jsr.weights import vgg19 as vgg19_weights
from jsr.weights.conversion import CONVOLUTIONS

KEY = jax.random.key(0)
OUT = ("--vgg19 FILE", "python -m jsr.convert", "--content mse", "--vgg19 random")


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def keras(tmp_path_factory):
    """A file of the official one's layout, 80 MB of random weights, and its weights by name."""
    import h5py

    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("served") / "vgg19_notop.h5"
    weights = {}
    with h5py.File(path, "w") as file:
        for name, shape in CONVOLUTIONS.items():
            layer = "block{}_conv{}".format(*name[4:].split("_"))
            kernel = rng.standard_normal(shape, np.float32) * (2 / (9 * shape[2])) ** 0.5
            bias = rng.standard_normal(shape[3:], np.float32)
            file[f"{layer}/{layer}_W_1:0"], file[f"{layer}/{layer}_b_1:0"] = kernel, bias
            weights[layer] = kernel, bias
    return path, weights


@pytest.fixture(scope="module")
def ported(keras, tmp_path_factory):
    path = tmp_path_factory.mktemp("ported") / "vgg19.safetensors"
    vgg19_weights.save_vgg19(path, *from_keras.vgg19_from_keras(from_keras.read_keras(keras[0])))
    return path


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache; there is no network, unless the test serves one."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(vgg19_weights, "KERAS_URL", "http://127.0.0.1:1/vgg19_notop.h5")
    return tmp_path / "cache" / "jsr"


@pytest.fixture
def served(keras, cache, monkeypatch):
    handler = functools.partial(Quiet, directory=str(keras[0].parent))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}/{keras[0].name}"
    monkeypatch.setattr(vgg19_weights, "KERAS_URL", url)
    with keras[0].open("rb") as file:
        monkeypatch.setattr(vgg19_weights, "KERAS_MD5", hashlib.file_digest(file, "md5").hexdigest())
    yield cache
    server.shutdown()
    server.server_close()
    thread.join()


def _refused(source, layer="relu2_2"):
    with pytest.raises(WeightsError) as caught:
        vgg19_weights.load_vgg19(source, layer=layer, key=KEY)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_it_is_fetched_ported_and_kept(served, keras, rng, monkeypatch):
    """Its features are those that torch computes with the file's weights, from Keras' own input."""
    torch = pytest.importorskip("torch")
    module, variables, weight = vgg19_weights.load_vgg19(None, layer="relu5_4", key=KEY)
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
    got = module.apply(variables, 2 * x - 1)
    assert got.shape == expected.shape == (1, 2, 3, 512)
    assert np.abs(got - expected).max() < 1e-4 * expected.max()

    monkeypatch.setattr(download, "fetch", lambda *_, **__: pytest.fail("fetched again"))
    again = vgg19_weights.load_vgg19(None, layer="relu5_4", key=jax.random.key(1))
    assert again[0] == module
    assert jax.tree.all(jax.tree.map(np.array_equal, again[1], variables))


def test_offline_every_way_out_is_named(cache):
    message = _refused(None)
    assert message.startswith(f"there is no {cache / 'vgg19.safetensors'}, and {vgg19_weights.KERAS_URL}")
    assert "Connection refused" in message
    assert all(way in message for way in OUT)


def test_another_file_than_the_published_is_refused(served, monkeypatch):
    monkeypatch.setattr(vgg19_weights, "KERAS_MD5", "0" * 32)
    message = _refused(None)
    assert f"expected a file of md5 {'0' * 32}, got " in message
    assert all(way in message for way in OUT)
    assert list(served.iterdir()) == []


def test_a_cache_that_cannot_be_written(tmp_path, cache):
    (tmp_path / "cache").write_bytes(b"a file where a folder should be")
    assert all(way in _refused(None) for way in OUT)


def test_the_address_and_hash_are_those_of_keras():
    """Recorded from keras/src/applications/vgg19.py, WEIGHTS_PATH_NO_TOP and its file_hash."""
    assert vgg19_weights.KERAS_URL == (
        "https://storage.googleapis.com/tensorflow/keras-applications/vgg19/"
        "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5"
    )
    assert vgg19_weights.KERAS_MD5 == "253f8cb515780f3b799900260a226db6"


def test_the_cache_is_the_users(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert vgg19_weights.default_path() == Path("/cache/jsr/vgg19.safetensors")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert vgg19_weights.default_path() == Path.home() / ".cache/jsr/vgg19.safetensors"


@pytest.mark.parametrize("layer, last", [("relu2_2", "conv2_2"), ("relu5_4", "conv5_4")])
def test_only_the_layers_needed_are_read(ported, layer, last):
    module, variables, _ = vgg19_weights.load_vgg19(ported, layer=layer, key=KEY)
    assert max(variables["params"]) == last
    like = jax.eval_shape(module.init, KEY, jnp.zeros((1, 16, 16, 3)))
    assert jax.tree.map(jnp.shape, variables) == jax.tree.map(jnp.shape, dict(like))
    np.testing.assert_allclose(np.multiply(module.mean, 255), [123.68, 116.779, 103.939])
    np.testing.assert_allclose(np.multiply(module.std, 255), 1)
    hash(module)  # jit takes it as a static argument


def test_a_saved_file_is_reproducible_and_readable_by_all(tmp_path):
    """Its hash is printed to be compared; the private mode of temporary files does not stay."""
    flat = {"params/conv1_1/bias": np.zeros(64, np.float32)}
    metadata = {"mean": "[0]", "std": "[1]", "content_weight": "1", "source": "a test"}
    files = [tmp_path / f"{i}.safetensors" for i in range(8)]
    for i, path in enumerate(files):
        vgg19_weights.save_vgg19(path, flat, dict(sorted(metadata.items(), reverse=i % 2 == 1)))
    assert len({path.read_bytes() for path in files}) == 1
    assert files[0].stat().st_mode & 0o777 == 0o644
    assert sorted(tmp_path.iterdir()) == files


def test_a_failed_save_leaves_nothing(tmp_path, monkeypatch):
    path = tmp_path / "vgg19.safetensors"
    path.write_bytes(b"the last one")

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(numpy, "save", fail)
    with pytest.raises(OSError, match="No space left"):
        vgg19_weights.save_vgg19(path, {}, {})
    assert list(tmp_path.iterdir()) == [path] and path.read_bytes() == b"the last one"


def test_a_missing_or_foreign_file_is_refused(tmp_path, ported):
    made = "expected a VGG19 file made by python -m jsr.convert, got"
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
        "mean": json.dumps(vgg19.MEAN),
        "std": json.dumps(vgg19.STD),
        "content_weight": "1.0",
    }
    vgg19_weights.save_vgg19(path, {"params/conv1_1/kernel": np.zeros(1, np.float32)}, metadata)
    assert _refused(path).startswith(f"{path}: {made} another: ")
    flat = {f"params/{c}/kernel": np.zeros(s, np.float32) for c, s in CONVOLUTIONS.items()}
    flat |= {f"params/{c}/bias": np.zeros(1, np.float32) for c in CONVOLUTIONS}
    vgg19_weights.save_vgg19(path, flat, metadata)
    assert "bias of shape (1,), not (64,)" in _refused(path)
    vgg19_weights.save_vgg19(path, flat, {})
    assert _refused(path).startswith(f"{path}: {made} another: ")


def test_one_bit_that_changed_is_noticed(ported, tmp_path):
    """In the first layers' tensors and in the hashes; the tensors come in the order of their names."""
    path = tmp_path / "vgg19.safetensors"
    whole = ported.read_bytes()
    header = 8 + int.from_bytes(whole[:8], "little")
    for place in (header, header + 255, whole.index(b"sha256") + 100):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert "params/conv1_1/bias has changed since" in _refused(path)
    metadata = {
        "mean": json.dumps(vgg19.MEAN),
        "std": json.dumps(vgg19.STD),
        "content_weight": "1.0",
    }
    flat = dict(load_file(ported))
    tensors.write(path, flat, {"vgg19": json.dumps(metadata)})  # as it was written before
    assert vgg19_weights.load_vgg19(path, layer="relu2_2", key=KEY)[2] == 1.0


def test_random_features(cache):
    module, variables, weight = vgg19_weights.load_vgg19("random", layer="relu2_2", key=KEY)
    assert module == VGG19("relu2_2")
    expected = vgg19.random_vgg19(KEY, "relu2_2")[1]
    assert jax.tree.all(jax.tree.map(np.array_equal, variables, expected))
    assert not cache.exists()
    # Scaled by its root, the features of noise have a variance of 1; of other noise, about 1.
    noise = jax.random.uniform(jax.random.key(7), (1, 96, 96, 3), minval=-1.0)
    assert abs(weight * float(jnp.var(module.apply(variables, noise))) - 1) < 0.05
