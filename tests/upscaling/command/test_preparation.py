"""Tests ../../../jsr/upscaling/command/preparation.py: the models that the options of `jsr.infer` stand for."""

from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

from jsr import infer
from jsr.models import Model
from jsr.models.consistency import Consistent
from jsr.ops.observation import Observation
from jsr.upscaling import tiles
from jsr.weights import zoo
from tests import commands
from tests.expected import stored

pytestmark = pytest.mark.usefixtures("place")


def test_model_from_a_file_and_its_scale(capsys):
    pixels = commands.picture("photo.png", 20, 18)
    commands.network(Path("w.safetensors"), factors=(3,))
    assert infer.main(["photo.png", "--model", "w.safetensors", "--tile", "16"]) == 0
    expected = tiles.upscale(zoo.ready("w.safetensors"), pixels)
    written = stored("photo_x3.png")
    assert written.shape == (60, 54, 3) and np.abs(written - expected.astype(int)).max() <= 1


def test_without_options_the_default_blend_is_taken(pretrained):
    pixels = commands.picture("photo.png")
    assert infer.main(["photo.png"]) == 0
    expected = tiles.upscale(zoo.ready(zoo.DEFAULT), pixels)
    np.testing.assert_array_equal(stored("photo_x4.png"), expected)


@pytest.mark.parametrize(
    ("options", "texture", "restore"),
    [
        (["--texture", "0.3", "--restore", "0.9"], 0.3, 0.9),
        (["--texture", "1", "--restore", "0"], 1, 0),
        (["--texture", "0.3"], 0.3, None),
        (["--restore", "0"], None, 0),
        (["--blend", "0.3"], 0.3, None),  # the first edition's name
    ],
)
def test_texture_and_restore_mix_four_networks(pretrained, options, texture, restore):
    """The weights are mixed, not the pictures: against a network that numpy mixed."""
    pixels = commands.picture("photo.png")
    assert infer.main(["photo.png", *options]) == 0
    default = zoo.shares(zoo.DEFAULT)
    t = default[0] if texture is None else texture
    r = default[1] if restore is None else restore
    corners = [zoo.load(name) for name in ("srresnet", "srgan", "srresnet-photo", "srgan-photo")]
    weights = np.outer([1 - r, r], [1 - t, t]).ravel()
    mixed = jax.tree.map(
        lambda *leaves: np.average(leaves, axis=0, weights=weights).astype(np.float32),
        *(model.variables for model in corners),
    )
    expected = tiles.upscale(Model(Consistent(corners[0].module), mixed, {}), pixels)
    np.testing.assert_allclose(stored("photo_x4.png"), expected.astype(int), atol=1)


@pytest.mark.parametrize("name", zoo.RECONSTRUCTIONS)
def test_scale_blur_and_noise_reach_the_method(name):
    pixels = commands.picture("a.png", 20, 24)
    assert infer.main(["a.png", "--model", name, "--scale", "3", "--psf", "sigma=1.2", "--noise", "5"]) == 0
    model = zoo.load(name, scale=3).with_observation(Observation(blur=1.2, noise=5.0))
    np.testing.assert_array_equal(np.asarray(Image.open("a_x3.png")), tiles.upscale(model, pixels))


def test_ensemble_is_the_mean_of_eight(pretrained):
    pixels = commands.picture("photo.png")
    assert infer.main(["photo.png", "--ensemble"]) == 0
    expected = tiles.upscale(zoo.ready(zoo.DEFAULT).ensemble(), pixels)
    np.testing.assert_array_equal(stored("photo_x4.png"), expected)


def test_videos_have_a_model_of_their_own_unless_one_is_named(monkeypatch, capsys):
    clips = pytest.importorskip("tests.clips")
    clips.write("clip.mp4", clips.smooth(1), sound=False)
    names = []
    ready = zoo.ready

    def recorded(name, **options):
        names.append(name)
        return ready("bicubic", **options)

    monkeypatch.setattr(zoo, "ready", recorded)
    for options, model in (
        ([], zoo.VIDEO),
        (["--model", "srgan"], "srgan"),
        (["--restore", "0.5"], "blend:0.8,0.5"),
        (["--texture", "0.8", "--restore", "0.8"], zoo.DEFAULT),
    ):
        assert infer.main(["clip.mp4", *options]) == 0
        assert names.pop() == model
    capsys.readouterr()
