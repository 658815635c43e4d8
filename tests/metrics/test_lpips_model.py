"""Tests ../../jsr/metrics/lpips_model.py."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jsr.errors import WeightsError
from jsr.metrics import lpips, lpips_model
from jsr.models.judges import alexnet, vgg
from jsr.models.judges.alexnet import AlexNet
from jsr.models.judges.vgg import VGG
from jsr.weights import feature_file
from jsr.weights import vgg as vgg_file


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "jsr" / "lpips.safetensors"


def _save(path, heads=5):
    flat = {}
    for i, (name, shape) in enumerate(alexnet.kernel_shapes().items(), 1):
        flat |= {f"params/{name}/kernel": np.zeros(shape, np.float32), f"params/{name}/bias": np.zeros(shape[3:])}
        flat |= {f"heads/{i}": np.full(shape[3:], i, np.float32)} if i <= heads else {}
    feature_file.save(path, "lpips", flat, {"mean": json.dumps([0.1] * 3), "std": json.dumps([0.2] * 3)})


def test_load_gives_what_the_file_holds(path):
    assert lpips_model.load() is None
    _save(path)
    reference = lpips_model.load()
    assert reference is not None
    assert reference.network == AlexNet((0.1, 0.1, 0.1), (0.2, 0.2, 0.2))
    assert [(head.shape, float(head[0])) for head in reference.heads] == [
        ((64,), 1), ((192,), 2), ((384,), 3), ((256,), 4), ((256,), 5)
    ]  # fmt: skip
    assert reference.variables["params"]["conv2"]["kernel"].shape == (5, 5, 64, 192)


def test_load_refuses_a_damaged_file_in_one_line(path):
    _save(path, heads=4)
    made = "expected a LPIPS file made by jsr fetch lpips, got another"
    with pytest.raises(WeightsError, match=f"^{path}: {made}: no heads/5$"):
        lpips_model.load()
    path.write_bytes(b"none")
    with pytest.raises(WeightsError, match=f"^{path}: {made}: "):
        lpips_model.load()


def _save_vgg16(heads=5):
    shapes = vgg.kernel_shapes(16)
    flat = {f"params/{name}/kernel": np.zeros(shape, np.float32) for name, shape in shapes.items()}
    flat |= {f"params/{name}/bias": np.full(shape[3:], 0.5, np.float32) for name, shape in shapes.items()}
    widths = [64, 128, 256, 512, 512][:heads]
    flat |= {f"heads/{i}": np.full(width, i, np.float32) for i, width in enumerate(widths, 1)}
    path = vgg_file.default_path(16)
    feature_file.save(path, "vgg16", flat, {"mean": json.dumps(vgg.MEAN), "std": json.dumps(vgg.STD)})
    return path


def test_load_vgg16_gives_a_loss_on_five_layers(path, rng):
    """With all kernels 0 and all biases 1/2, all features are equal, so the distance is 0 with a gradient of 0."""
    _save_vgg16()
    reference = lpips_model.load_vgg16(jnp.bfloat16)
    assert isinstance(reference.network, VGG) and reference.network.dtype == jnp.bfloat16
    assert [(head.shape, float(head[0])) for head in reference.heads] == [
        ((64,), 1), ((128,), 2), ((256,), 3), ((512,), 4), ((512,), 5)
    ]  # fmt: skip
    a, b = jnp.asarray(rng.uniform(-1, 1, (2, 1, 16, 16, 3)), jnp.float32)
    distance, gradient = jax.value_and_grad(lambda x: lpips.distances(reference, x, b)[0])(a)
    assert distance == 0 and not gradient.any()


def test_load_vgg16_refuses_files_without_heads_and_says_what_makes_one(path):
    """Such as those of an earlier edition, or none."""
    place = vgg_file.default_path(16)
    with pytest.raises(WeightsError, match=f"^{place}: expected a VGG16 file made by jsr fetch vgg16, got no file$"):
        lpips_model.load_vgg16(jnp.float32)
    _save_vgg16(heads=4)
    with pytest.raises(WeightsError, match="made by jsr fetch vgg16, got another: no heads/5$"):
        lpips_model.load_vgg16(jnp.float32)
