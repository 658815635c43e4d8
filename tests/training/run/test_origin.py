"""Tests ../../../jsr/training/run/origin.py."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import traverse_util

from jsr import models
from jsr.errors import CheckpointError, ConfigError, Error
from jsr.models import SRResNet
from jsr.training.config import FACTORS
from jsr.training.run import origin
from jsr.training.run.checkpoints import Checkpoints
from jsr.training.run.run_folder import RunFolder
from jsr.training.steps import Network, PretrainState
from jsr.weights import file as weights_file
from tests.training.tiny_runs import parse

KEY = jax.random.key(7)

# What a network of one scale has and that of another has not, or not in the same place.
UPSAMPLING = {
    "srresnet": {2: ["upsample1"], 3: ["upsample1"], 4: ["upsample1", "upsample2"]},
    "espcn": dict.fromkeys(FACTORS, ["conv3"]),
    "srcnn": dict.fromkeys(FACTORS, []),
    "edsr": dict.fromkeys(FACTORS, ["tail"]),
}
DIRECTIONS = [(a, b) for a in FACTORS for b in FACTORS if a != b]


def _network(model: str, scale: int):
    return models.MODELS[model](factors=FACTORS[scale])


def _flat(variables) -> dict[str, np.ndarray]:
    return {name: np.asarray(leaf) for name, leaf in traverse_util.flatten_dict(dict(variables), sep="/").items()}


def _initial(model: str, scale: int, key):
    return _network(model, scale).init(key, jnp.zeros((1, 8, 8, 3)))


def _trained(model: str, scale: int):
    """Variables that no initialisation gives."""
    return jax.tree.map(lambda leaf: np.asarray(leaf) + 5, _initial(model, scale, jax.random.key(1)))


def _save_run(path, model: str, scale: int) -> dict[str, np.ndarray]:
    """Writes a run with one checkpoint; returns its average, which differs from its generator."""
    folder = RunFolder(path)
    folder.write_config(parse("--model", model, "--scale", scale, "--crop", 12 * scale), digest="")
    average = _trained(model, scale)
    network = Network(jax.tree.map(jnp.zeros_like, average["params"]), {}, ())
    ema = {"batch_stats": {}, **average}
    with Checkpoints(folder.checkpoints) as checkpoints:
        checkpoints.save(3, PretrainState(jnp.int32(3), network, ema), psnr=20.0)
    return _flat(average)


def _save_file(path, model: str, scale: int) -> dict[str, np.ndarray]:
    weights_file.save(path, model, {"factors": FACTORS[scale]}, _trained(model, scale), {})
    return _flat(_trained(model, scale))


def _assert_trunk(loaded, source, model: str, scale: int) -> None:
    """Each array is the source's, or in a layer of the upsampling that of a new network; none is missing."""
    loaded, new = _flat(loaded), _flat(_initial(model, scale, KEY))
    assert loaded.keys() == new.keys()
    for name, value in loaded.items():
        is_new = name.split("/")[1] in UPSAMPLING[model][scale]
        np.testing.assert_array_equal(value, new[name] if is_new else source[name], err_msg=name)


@pytest.mark.parametrize("before, after", DIRECTIONS)
@pytest.mark.parametrize("model", UPSAMPLING)
def test_load_takes_the_trunk_of_a_file_of_another_scale(tmp_path, model, before, after):
    path = tmp_path / "a.safetensors"
    source = _save_file(path, model, before)
    loaded, (note,) = origin.load(str(path), _network(model, after), KEY)
    _assert_trunk(loaded, source, model, after)
    fresh = ", ".join(UPSAMPLING[model][after])
    rest = f"new: {fresh}" if fresh else "all of it fits"
    assert note == f"generator: from the trunk of the weights {path}, which has scale {before}; {rest}"


@pytest.mark.parametrize("before, after", DIRECTIONS)
def test_load_takes_the_trunk_of_a_run_of_another_scale(home, before, after):
    """From 4 to 2 too, although the larger network has all arrays of the smaller one."""
    source = _save_run(home / "other", "srresnet", before)
    loaded, (note,) = origin.load("other", _network("srresnet", after), KEY)
    _assert_trunk(loaded, source, "srresnet", after)
    assert note.startswith(f"generator: from the trunk of the run other, which has scale {before}; new: upsample1")


def test_load_takes_a_run_of_its_scale_whole(home):
    source = _save_run(home / "other", "srresnet", 3)
    loaded, (note,) = origin.load("other", _network("srresnet", 3), KEY)
    loaded = _flat(loaded)
    assert loaded.keys() == source.keys() and note == "generator: from the run other"
    assert all(np.array_equal(value, source[name]) for name, value in loaded.items())


def test_load_takes_the_trunk_of_the_bundled_weights(home):
    source = _flat(weights_file.read_released(weights_file.PRETRAINED / "srresnet_x4.safetensors").variables)
    loaded, (note,) = origin.load("srresnet", _network("srresnet", 2), KEY)
    _assert_trunk(loaded, source, "srresnet", 2)
    assert note == "generator: from the trunk of the bundled SRResNet weights, which has scale 4; new: upsample1"


@pytest.mark.parametrize("name", ["folder", "hf://a/b"])
def test_load_takes_a_model_of_the_hub_or_of_its_folder(home, monkeypatch, name):
    """The file lies where `huggingface_hub` keeps it."""
    monkeypatch.setenv("HF_HUB_CACHE", str(home / "hub"))
    folder = home / ("folder" if name == "folder" else "hub/models--a--b/snapshots/main")
    folder.mkdir(parents=True)
    source = _save_file(folder / "model.safetensors", "espcn", 3)
    loaded, notes = origin.load(name, _network("espcn", 3), KEY)
    assert notes == (f"generator: from the weights {name}",)
    assert all(np.array_equal(value, source[path]) for path, value in _flat(loaded).items())


@pytest.mark.parametrize("scale", FACTORS)
def test_load_refuses_another_network_at_any_scale_and_names_both(home, scale):
    _save_run(home / "other", "espcn", 2)
    with pytest.raises(ConfigError, match="--init: expected SRResNet, got other, which is ESPCN$"):
        origin.load("other", _network("srresnet", scale), KEY)
    with pytest.raises(ConfigError, match="--init: expected SRCNN, got bicubic, which is Interpolation$"):
        origin.load("bicubic", _network("srcnn", scale), KEY)


def test_load_names_how_a_network_of_the_same_class_differs(tmp_path):
    path = tmp_path / "folded.safetensors"
    module, variables = SRResNet(blocks=3).folded(SRResNet(blocks=3).init(KEY, jnp.zeros((1, 8, 8, 3))))
    weights_file.save(path, "srresnet", {"blocks": 3, "norm": module.norm}, variables, {})
    with pytest.raises(ConfigError) as error:
        origin.load(str(path), SRResNet(), KEY)
    difference = "SRResNet with blocks 3 instead of 16, norm False instead of True"
    assert str(error.value) == f"--init: expected SRResNet, got {path}, which is {difference}"


@pytest.mark.parametrize(
    "name, message",
    [
        ("nowhere", "expected the folder of a run or of a model, a weights file, a released model, such as srresnet"),
        ("hf://nobody", "expected hf://owner/name or hf://owner/name@revision, got hf://nobody"),
        ("blend:2", "expected blend:T or blend:T,R with numbers from 0 to 1, got blend:2"),
        ("photos", "photos: expected a run's folder with generator.safetensors, found no such file"),
        ("photos/0.png", "photos/0.png: expected a weights file of jsr"),
    ],
)
def test_load_names_the_option_where_there_are_no_weights(home, name, message):
    with pytest.raises(Error) as error:
        origin.load(name, SRResNet(), KEY)
    assert str(error.value).startswith(f"--init: {message}") and "\n" not in str(error.value)


def test_load_refuses_a_checkpoint_of_another_network_than_its_run_records(home):
    """Nothing is restored in part: neither from too few arrays nor from too many."""
    _save_run(home / "few", "srresnet", 2)
    _save_run(home / "many", "srresnet", 4)
    RunFolder(home / "few").write_config(parse("--model", "srresnet"), digest="")
    RunFolder(home / "many").write_config(parse("--model", "srresnet", "--scale", 2), digest="")
    with pytest.raises(CheckpointError, match="checkpoint 3 in .*: expected the network .*no params/upsample2/conv/"):
        origin.load("few", SRResNet(), KEY)
    with pytest.raises(CheckpointError, match="checkpoint 3 in .*: .*an unknown params/upsample2/conv/"):
        origin.load("many", SRResNet(factors=(2,)), KEY)


@pytest.mark.parametrize("text", ["", "[]", '{"model": "resnet"}', '{"model": ["espcn"]}', '{"scale": 8}'])
def test_load_refuses_a_run_with_a_broken_configuration_in_one_line(home, text):
    _save_run(home / "other", "espcn", 2)
    (home / "other" / "config.json").write_text(text)
    with pytest.raises(ConfigError, match="other/config.json: expected a run's configuration, got") as error:
        origin.load("other", SRResNet(), KEY)
    assert "\n" not in str(error.value)
