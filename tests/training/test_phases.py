"""Tests ../../jsr/training/phases.py: what a configuration is made into. Whole runs are tested in test_loop.py."""

import json
from typing import get_args

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import traverse_util

from jsr.degradation import Bicubic, Photo
from jsr.metrics import lpips, lpips_model
from jsr.models import SRResNet
from jsr.models.judges import vgg
from jsr.models.judges.feature_discriminator import FeatureDiscriminator
from jsr.training import losses, options, phases, steps
from jsr.training.config import Content
from jsr.training.run.checkpoints import Checkpoints
from jsr.training.run.run_folder import RunFolder
from jsr.weights import feature_file
from jsr.weights import vgg as vgg_weights
from tests.training.tiny_runs import parse

KEY = jax.random.key(0)


@pytest.fixture
def content(tmp_path, monkeypatch):
    """A function that returns the content loss of a configuration, its weight, and the note on both."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    step = {}
    monkeypatch.setattr(steps, "make_gan_step", lambda **arguments: step.update(arguments))

    def make(*arguments):
        step.clear()
        config = options.parse(["--phase", "srgan", "--crop", "16", *arguments])
        *_, note = phases.start(config, KEY, is_resumed=True).notes
        return step["content"], step["content_weight"], note

    return make


def test_every_content_loss_but_two_has_a_layer():
    assert {*phases.CONTENT_LAYERS, "lpips", "mse"} == set(get_args(Content))


@pytest.mark.parametrize("name", phases.CONTENT_LAYERS)
def test_content_layers_are_the_last_of_their_block_after_the_relu(name):
    """The paper's phi_5,4 and phi_2,2, or VGG16's nearest."""
    depth, layer = phases.CONTENT_LAYERS[name]
    block = name[-2]
    assert layer == f"relu{max(place for place in vgg.places(depth) if place.startswith(block))}"


@pytest.mark.slow
def test_content_of_vgg16_compares_its_features_by_the_weight_in_its_file(content, rng):
    module, variables = vgg.random_vgg(KEY, 16, ("relu2_2",))
    metadata = {"mean": json.dumps(vgg.MEAN), "std": json.dumps(vgg.STD), "content_weight": '{"relu2_2": 0.25}'}
    flat = {name: np.asarray(value) for name, value in traverse_util.flatten_dict(variables, sep="/").items()}
    feature_file.save(vgg_weights.default_path(16), "vgg16", flat, metadata)
    loss, weight, note = content("--content", "vgg16_22")
    assert (weight, note) == (0.25, "content: VGG16 relu2_2, ImageNet, weight 0.25")
    sr, hr = rng.uniform(-1, 1, (2, 1, 16, 16, 3)).astype(np.float32)
    ours, theirs = (np.asarray(module.apply(variables, x)[0]) for x in (sr, hr))
    np.testing.assert_allclose(loss(sr, hr), np.mean((ours - theirs) ** 2), rtol=1e-5)
    assert content("--content", "vgg16_22", "--content-weight", "2")[1] == 2


def test_content_of_mse_needs_no_file(content):
    assert content("--content", "mse") == (losses.mse, 1.0, "content: mean squared error, weight 1")


@pytest.mark.parametrize(
    "scale, note",
    [
        (4, "generator: from the bundled SRResNet weights"),  # not the newer run, whose scale is 2
        (2, "generator: from the run {}/small"),
        (3, "generator: from the trunk of the bundled SRResNet weights, which has scale 4; new: upsample1"),
    ],
)
def test_srgan_starts_from_the_newest_run_of_its_scale_or_the_bundled_weights(content, home, scale, note):
    folder = RunFolder(home / "small")
    folder.write_config(parse("--model", "srresnet", "--scale", 2), digest="")
    network = SRResNet(factors=(2,))
    average = {name: dict(tree) for name, tree in network.init(KEY, jnp.zeros((1, 8, 8, 3))).items()}
    state = steps.PretrainState(jnp.int32(3), steps.Network(average["params"], average["batch_stats"], ()), average)
    with Checkpoints(folder.checkpoints) as checkpoints:
        checkpoints.save(3, state, psnr=20.0)
    words = ["--phase", "srgan", "--content", "mse", "--scale", scale, "--crop", 24, "--workdir", home / "gan"]
    start = phases.start(options.parse(list(map(str, words))), KEY, is_resumed=False)
    assert start.notes[0] == note.format(home)
    assert not (home / "gan").exists()


@pytest.mark.parametrize("phase", ["srresnet", "srgan"])
def test_states_have_the_same_shapes_at_any_crop_and_batch(home, phase):
    """So that both may change in the middle of a run: its checkpoints fit."""

    def shapes(crop, batch):
        words = ["--phase", phase, "--content", "mse", "--crop", crop, "--batch-size", batch, "--workdir", "run"]
        config = options.parse(list(map(str, words)))
        return jax.eval_shape(lambda: phases.start(config, KEY, is_resumed=True).state)

    assert shapes(16, 4) == shapes(40, 8)


@pytest.fixture
def vgg16(tmp_path, monkeypatch):
    """A random VGG16 with heads in the cache, and the reference that is loaded from it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    variables = vgg.random_vgg(KEY, 16, lpips_model.VGG16_LAYERS)[1]
    flat = {name: np.asarray(value) for name, value in traverse_util.flatten_dict(variables, sep="/").items()}
    flat |= {f"heads/{i}": np.ones(n, np.float32) for i, n in enumerate((64, 128, 256, 512, 512), 1)}
    metadata = {"mean": json.dumps(vgg.MEAN), "std": json.dumps(vgg.STD)}
    feature_file.save(vgg_weights.default_path(16), "vgg16", flat, metadata)
    return lpips_model.load_vgg16(jnp.float32)


@pytest.mark.slow
def test_content_of_lpips_is_the_mean_distance(content, vgg16, rng):
    loss, weight, note = content("--content", "lpips")
    assert (weight, note) == (1.0, "content: LPIPS on VGG16, weight 1")
    sr, hr = rng.uniform(-1, 1, (2, 3, 16, 16, 3)).astype(np.float32)
    np.testing.assert_allclose(loss(sr, hr), lpips.distances(vgg16, sr, hr).mean(), rtol=1e-6)


@pytest.mark.slow
def test_discriminator_on_features_judges_those_of_vgg16(vgg16, rng):
    config = options.parse(["--phase", "srgan", "--crop", "16", "--content", "mse", "--discriminator", "features"])
    state = phases.start(config, KEY, is_resumed=True).state
    params = state.discriminator.params
    assert sorted(params) == [f"head{i}_{j}" for i in (1, 2, 3) for j in (1, 2, 3)]  # nothing of VGG16 is trained
    assert [params[f"head{i}_1"]["kernel"].shape for i in (1, 2, 3)] == [
        (1, 1, 128, 128), (1, 1, 256, 128), (1, 1, 512, 128)
    ]  # fmt: skip
    x = jnp.asarray(rng.uniform(-1, 1, (2, 16, 16, 3)), jnp.float32)
    logits = jnp.asarray(phases._discriminator(config, vgg16).apply({"params": params}, x))
    assert logits.shape == (2, 8 * 8 + 4 * 4 + 2 * 2)
    features = vgg16.network.clone(layers=("relu2_2", "relu3_3", "relu4_3"))
    heads = FeatureDiscriminator(lambda y: features.apply(vgg16.variables, y))
    np.testing.assert_allclose(logits, jnp.asarray(heads.apply({"params": params}, x)), atol=1e-5)


def test_degradation_has_the_numbers_of_the_configuration():
    numbers = {"blur": 2.0, "noise": 9.0, "quality": 50.0, "second_round": 0.0, "clean": 0.5}
    arguments = [part for name, value in numbers.items() for part in (f"--{name.replace('_', '-')}", str(value))]
    config = options.parse(["--phase", "srresnet", "--degradation", "photo", "--scale", "3", *arguments])
    assert phases.degradation(config) == Photo(3, **numbers)
    assert phases.degradation(options.parse(["--phase", "srresnet", "--scale", "2"])) == Bicubic(2)
