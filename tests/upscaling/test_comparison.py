"""Tests ../../jsr/upscaling/comparison.py."""

import numpy as np
import pytest

from jsr.models import Interpolation, Model, SRResNet
from jsr.pictures import Picture
from jsr.upscaling import comparison
from jsr.weights import zoo


@pytest.mark.parametrize(
    ("name", "others"),
    [
        ("espcn", ["espcn"]),
        ("blend:0.25,0.5", ["blend:0.25,0.5"]),
        ("srresnet", []),
        (zoo.DEFAULT, []),
    ],
)
def test_models_are_those_of_every_comparison_and_another_that_is_asked_for(name, others):
    models = comparison.models(name, zoo.ready(name), precision="fp32")
    assert list(models) == ["input", "bicubic", "SRResNet", "the default", *others]
    assert {model.scale for model in models.values()} == {4}


def test_models_of_another_scale_leaves_out_the_bundled_networks():
    """Interpolations take the scale of the chosen network."""
    small = Model(SRResNet(factors=(2,), features=4, blocks=1, norm=False), {}, {})
    models = comparison.models("small", small, precision="fp32")
    assert {name: model.scale for name, model in models.items()} == {"input": 2, "bicubic": 2, "small": 2}


def test_draw_puts_the_results_side_by_side_below_their_labels(rng):
    pixels = rng.integers(0, 256, (50, 60, 3), np.uint8)
    models = {method: Model(Interpolation(method=method), {}, {}) for method in ("nearest", "bicubic")}
    sheet = comparison.draw(models, Picture(pixels))
    band = 2 * comparison.LABEL_SIZE
    assert sheet.pixels.shape == (band + 200, 2 * 240, 3) and sheet.metadata.notes == ()
    np.testing.assert_array_equal(sheet.pixels[band:, :240], pixels.repeat(4, axis=0).repeat(4, axis=1))
    assert (sheet.pixels[:band] < 128).any() and (sheet.pixels[:band] == 255).any()


def test_draw_shows_the_centre_of_a_large_picture(rng):
    pixels = rng.integers(0, 256, (300, 20), np.uint8)
    sheet = comparison.draw({"nearest": Model(Interpolation(method="nearest"), {}, {})}, Picture(pixels))
    assert sheet.metadata.notes == ("the comparison shows the central 20x256 of 20x300 pixels",)
    assert len(sheet.pixels) == 2 * comparison.LABEL_SIZE + comparison.SIDE
