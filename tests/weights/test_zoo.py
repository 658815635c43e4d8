"""Tests ../jsr/weights.py."""

import hashlib
import pickle
import resource

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from jsr.errors import WeightsError
from jsr.models import Model
from jsr.models.espcn import ESPCN
from jsr.models.srcnn import SRCNN
from jsr.models.srresnet import SRResNet
from jsr.weights import file as weights_file
from jsr.weights import zoo


def small(module=None, seed=0):
    module = module or SRResNet(features=4, blocks=1)
    return module, module.init(jax.random.key(seed), jnp.zeros((1, 8, 8, 3)))


def saved(path, **about):
    module, variables = small()
    weights_file.save(path, "srresnet", {"features": 4, "blocks": 1}, variables, about)
    return module, variables


def test_what_was_saved_is_loaded(tmp_path):
    module, variables = saved(tmp_path / "w.safetensors", step=3)
    (tmp_path / "generator.safetensors").write_bytes((tmp_path / "w.safetensors").read_bytes())
    for path in (tmp_path / "w.safetensors", tmp_path):  # a file, a run's folder
        model = zoo.load(path)
        assert model.module == module and model.metadata == {"step": 3}
        assert jax.tree.all(jax.tree.map(np.array_equal, model.variables, variables))
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


@pytest.mark.parametrize("name", ["blend:", "blend:x", "blend:1.1", "blend:nan"])
def test_a_blend_names_its_share(name):
    with pytest.raises(WeightsError, match="expected blend: with a number from 0 to 1"):
        zoo.load(name)


def test_networks_without_batch_norm_are_saved_too(tmp_path):
    module, variables = small(SRCNN(factors=(3,)))
    weights_file.save(tmp_path / "w.safetensors", "srcnn", {"factors": (3,)}, variables, {})
    model = zoo.load(tmp_path / "w.safetensors")
    assert model.module == module and model.module.scale == 3
    assert zoo.inference(model) is model


def test_inference_is_the_same_function_without_batch_norm(tmp_path, rng):
    model = Model(*small(), {})
    model.variables["batch_stats"]["body_bn"]["mean"] += 0.3
    folded = zoo.inference(model)
    assert "batch_stats" not in folded.variables and not folded.module.norm
    x = rng.random((1, 9, 7, 3), np.float32)
    np.testing.assert_allclose(
        folded.module.apply(folded.variables, x), model.module.apply(model.variables, x), atol=1e-5
    )


def test_file_readable_without_us(tmp_path):
    """Any safetensors reader finds the tensors by their paths."""
    _, variables = saved(tmp_path / "w.safetensors")
    tensors = load_file(tmp_path / "w.safetensors")
    assert tensors["params/head/kernel"].shape == (9, 9, 3, 4)
    assert len(tensors) == len(jax.tree.leaves(variables))


def test_equal_weights_are_equal_files(tmp_path):
    for name in ("a", "b", "c"):
        saved(tmp_path / name, step=3, cost="4 core hours")
    assert len({(tmp_path / name).read_bytes() for name in ("a", "b", "c")}) == 1


def foreign(path):
    save_file({"conv.weight": np.zeros((3, 3), np.float32)}, path)


def truncated(path):
    saved(path)
    path.write_bytes(path.read_bytes()[:-100])


def text(path):
    path.write_text("hello")


class Malicious:
    def __reduce__(self):
        return pytest.fail, ("a pickle was loaded",)


def pickled(path):
    path.write_bytes(pickle.dumps({"params": Malicious()}))


def wrong_shape(path):
    _, variables = small(SRResNet(features=8, blocks=1))
    weights_file.save(path, "srresnet", {"features": 4, "blocks": 1}, variables, {})


def future_field(path):
    weights_file.save(path, "srresnet", {"heads": 4}, small()[1], {})


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (foreign, "expected a weights file of jsr"),
        (truncated, "expected a weights file of jsr"),
        (text, "expected a weights file of jsr"),
        (pickled, "expected a weights file of jsr"),
        (future_field, "heads"),
        (wrong_shape, "batch_stats/block1/bn1/mean: expected (4,), got (8,)"),
    ],
)
def test_foreign_files_are_refused_in_one_line(tmp_path, spoil, said):
    spoil(tmp_path / "w.safetensors")
    with pytest.raises(WeightsError) as error:
        zoo.load(tmp_path / "w.safetensors")
    assert said in str(error.value) and "\n" not in str(error.value)
    assert "w.safetensors" in str(error.value)


def test_a_full_disk_is_an_error_of_the_system(tmp_path):
    """safetensors has its own; the old file stays, and nothing beside it."""
    path = tmp_path / "w.safetensors"
    saved(path)
    before, limits = path.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
        with pytest.raises(OSError, match="w.safetensors: cannot be written: .*File too large"):
            saved(path, step=4)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_unknown_names_list_the_known(tmp_path):
    with pytest.raises(WeightsError, match="srgan, srresnet, espcn, srcnn, bicubic"):
        zoo.load("esrgan")
    with pytest.raises(WeightsError, match="generator.safetensors"):
        zoo.load(tmp_path)


@pytest.mark.parametrize(
    ("name", "module"),
    [("srgan", SRResNet()), ("srresnet", SRResNet()), ("espcn", ESPCN()), ("srcnn", SRCNN())],
)
def test_bundled_weights_load(name, module):
    model = zoo.load(name)
    assert name in zoo.BUNDLED and model.module == module
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(model.variables))
    assert (weights_file.PRETRAINED / f"{name}_x4.md").is_file(), "every weights file has its card"


def test_bundled_file_that_changed_is_refused(tmp_path, monkeypatch):
    saved(tmp_path / "srgan_x4.safetensors")
    digest = hashlib.sha256(b"another file").hexdigest()
    (tmp_path / "SHA256SUMS").write_text(f"{digest}  srgan_x4.safetensors\n")
    monkeypatch.setattr(weights_file, "PRETRAINED", tmp_path)
    with pytest.raises(WeightsError, match="install jsr again"):
        zoo.load("srgan")
