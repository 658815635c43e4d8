"""Tests ../../jsr/upscaling/comparison.py, and `jsr.infer --compare`."""

from pathlib import Path

import numpy as np
import pytest

from jsr import infer
from jsr.models import Interpolation, Model, SRResNet
from jsr.pictures import Picture, writing
from jsr.upscaling import comparison, tiles
from jsr.weights import zoo
from tests import commands
from tests.expected import stored

pytestmark = pytest.mark.usefixtures("place")


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


@pytest.mark.parametrize(
    ("options", "others"),
    [
        ([], []),
        (["--texture", "0.25", "--restore", "0.75"], ["blend:0.25,0.75"]),
        (["--texture", "0", "--restore", "0"], []),  # is srresnet
    ],
)
def test_comparison_shows_each_model_in_a_column(pretrained, capsys, options, others):
    """Columns of the result's size, below their labels; nothing else is written."""
    pixels = commands.picture("a.png", 40, 50)
    assert infer.main(["a.png", "--compare", *options]) == 0
    assert sorted(p.name for p in Path().iterdir()) == ["a.png", "a_compare.png"]
    names = ("nearest", "bicubic", "srresnet", zoo.DEFAULT, *others)
    assert capsys.readouterr().out.startswith(f"a.png -> a_compare.png ({200 * len(names)}x200, ")
    sheet = stored("a_compare.png")
    for i, name in enumerate(names):
        column = sheet[:, 200 * i : 200 * (i + 1)]
        expected = tiles.upscale(zoo.ready(name), pixels)
        np.testing.assert_array_equal(column[-160:], expected)
        assert column[:40].min() < 100, "a label"
    np.testing.assert_array_equal(sheet[-160:, :200], pixels.repeat(4, 0).repeat(4, 1))


def test_comparison_with_another_model_and_output(pretrained):
    commands.picture("in/a.png", 40, 50)
    commands.network(Path("mine.safetensors"))
    assert infer.main(["in", "--compare", "--model", "mine.safetensors", "-o", "out"]) == 0
    assert commands.size("out/a_compare.png") == (1000, 200)
    # The released networks enlarge four times, and so do not compare.
    commands.network(Path("double"), factors=(2,))
    assert infer.main(["in/a.png", "--compare", "--model", "double", "-o", "b.webp"]) == 0
    assert commands.size("b.webp") == (3 * 100, 40 + 80)


def test_comparison_of_any_picture(pretrained, capsys):
    """One pixel, whose labels are wider than it; grey of 16 bits; transparency; the centre of a large one."""
    writing.write("a.png", Picture(np.full((1, 1), 30000, np.uint16)))
    writing.write("b.png", Picture(np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4), np.uint8)))
    large = np.zeros((300, 20, 3), np.uint8)
    large[22:-22] = 255
    writing.write("c.png", Picture(large))
    assert infer.main(["a.png", "b.png", "c.png", "--compare"]) == 0
    sheets = [stored(f"{name}_compare.png") for name in "abc"]
    assert sheets[0].shape[0] == 44 and (sheets[0] == round(30000 / 257)).all(axis=-1).any()
    width = sheets[1].shape[1] // 8  # in the middle of the first column, white lies under it
    assert (sheets[1][-16:, width - 8 : width + 8] == 255).all()
    assert sheets[2].shape[0] == 40 + 1024
    assert "  the comparison shows the central 20x256 of 20x300 pixels\n" in capsys.readouterr().out
    assert (sheets[2][-1024:, : sheets[2].shape[1] // 4] == 255).all()
