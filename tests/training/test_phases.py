"""Tests ../../jsr/training/phases.py: the content losses. The rest is tested by whole runs, in test_loop.py."""

import json
from typing import get_args

import jax
import numpy as np
import pytest
from flax import traverse_util

from jsr.models import vgg
from jsr.training import losses, options, phases, steps
from jsr.training.config import Content
from jsr.weights import feature_file
from jsr.weights import vgg as vgg_weights

KEY = jax.random.key(0)


@pytest.fixture
def content(tmp_path, monkeypatch):
    """A function that returns the content loss of a configuration, its weight, and the note on both."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    step = {}
    monkeypatch.setattr(steps, "make_gan_step", lambda **arguments: step.update(arguments))

    def make(*arguments):
        config = options.parse(["--phase", "srgan", "--crop", "16", *arguments])
        *_, note = phases.start(config, KEY, is_resumed=True).notes
        return step["content"], step["content_weight"], note

    return make


def test_every_content_loss_but_one_has_a_layer():
    assert {*phases.CONTENT_LAYERS, "mse"} == set(get_args(Content))


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
