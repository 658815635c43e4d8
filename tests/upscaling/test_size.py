"""Tests ../../jsr/upscaling/size.py, and the size of what `jsr.infer` makes."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jsr import infer
from jsr.errors import PictureError
from jsr.ops import resize
from jsr.pictures import Picture, large
from jsr.upscaling import size, tiles
from jsr.upscaling.size import Size, resized
from jsr.weights import zoo
from tests import commands
from tests.expected import stored

pytestmark = pytest.mark.usefixtures("place")


@pytest.mark.parametrize(
    "wanted, expected",
    [
        (Size(), (400, 800)),
        (Size(scale=1.5), (150, 300)),
        (Size(scale=0.001), (1, 1)),
        (Size(width=333), (166, 333)),
        (Size(height=333), (333, 666)),
        (Size(width=333, height=100), (100, 200)),
        (Size(width=333, height=999), (166, 333)),
        (Size(max_side=500), (250, 500)),
        (Size(max_side=5000), (400, 800)),
        (Size(scale=2, max_side=300), (150, 300)),
        (Size(width=3200), (1600, 3200)),
    ],
)
def test_of_keeps_the_shape(wanted, expected):
    assert wanted.of(100, 200, scale=4) == expected


def test_of_refuses_what_would_be_invented():
    with pytest.raises(PictureError, match="expected a result up to 16 times as large, got 16.005 times 200x100"):
        Size(width=3201).of(100, 200, scale=4)


@pytest.mark.parametrize("width", range(1, 400, 7))
def test_of_gives_exactly_the_side_that_is_asked_for(width):
    for side in (25, 49, 93, 211):
        assert Size(width=width).of(30, side, scale=4)[1] == width
        assert Size(max_side=width).of(30, max(side, 31), scale=16)[1] == min(width, 16 * max(side, 31))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(150, 531), (150, 531, 3), (1, 1), (2, 700, 3)])
@pytest.mark.parametrize("height, width", [(150, 531), (70, 260), (201, 999), (1, 1), (600, 37)])
def test_bands_are_the_rows_of_the_whole_resized(rng, dtype, shape, height, width):
    """Against the dense matrices, at sides that no number of rows or columns at a time divides."""
    pixels = rng.integers(0, np.iinfo(dtype).max + 1, shape, dtype)
    result = np.concatenate(list(size.bands(pixels, height, width)))
    levels = pixels.reshape(*shape[:2], -1).astype(np.float32)
    expected = np.clip(resize.resize(levels, height, width), 0, np.iinfo(dtype).max).reshape(height, width, *shape[2:])
    assert result.dtype == dtype
    np.testing.assert_allclose(result, expected, atol=0.5 + 1e-6 * np.iinfo(dtype).max)


@pytest.mark.parametrize("height", [31, 64, 65, 150, 400, 1200])
def test_bands_ask_for_rows_from_top_to_bottom(rng, height):
    """Rows of a file can be read only once, but for those of the request before."""
    pixels = rng.integers(0, 256, (150, 9, 3), np.uint8)
    rows = large.FileRows(pixels.shape, pixels.dtype, iter(np.array_split(pixels, 11)))
    parts = list(size.bands(rows, height, 20))
    np.testing.assert_array_equal(np.concatenate(parts), np.concatenate(list(size.bands(pixels, height, 20))))
    assert max(map(len, parts)) <= size.ROWS


def test_resized_keeps_grey_grey_and_hides_what_is_hidden(rng):
    grey = rng.integers(0, 256, (40, 301), np.uint8)
    result = resized(Picture(np.stack([grey] * 3, axis=-1)), 90, 500).pixels
    assert (result == result[..., :1]).all()
    np.testing.assert_array_equal(result[..., 0], resized(Picture(grey), 90, 500).pixels)
    pixels, alpha = np.full((20, 20, 3), (200, 10, 10), np.uint8), np.full((20, 20), 255, np.uint8)
    pixels[:, :10], alpha[:, :10] = 0, 0  # black under transparency
    picture = resized(Picture(pixels, alpha), 30, 30)
    assert picture.alpha is not None and picture.alpha[:, 0].max() == 0 and picture.alpha[:, -1].min() == 255
    assert (picture.pixels[picture.alpha > 0] == (200, 10, 10)).all()


@pytest.mark.parametrize(
    "wanted, mark",
    [
        (Size(), "_x4"),
        (Size(scale=2), "_x2"),
        (Size(scale=1.5), "_x1.5"),
        (Size(width=1920), "_w1920"),
        (Size(height=1080), "_h1080"),
        (Size(width=1920, height=1080), "_w1920h1080"),
        (Size(scale=2, max_side=4000), "_max4000"),
    ],
)
def test_mark_tells_the_size(wanted, mark):
    assert wanted.mark(4) == mark


def _resized(pixels, height, width):
    large = np.asarray(resize.resize(pixels.astype(np.float32), height, width))
    return np.clip(large, 0, np.iinfo(pixels.dtype).max)


@pytest.mark.parametrize(
    "argv, size, name",
    [
        (["-s", "1.5"], (30, 36), "a_x1.5.png"),
        (["--scale", "2"], (40, 48), "a_x2.png"),
        (["--scale", "6"], (120, 144), "a_x6.png"),
        (["--width", "50"], (42, 50), "a_w50.png"),
        (["--height", "33"], (33, 40), "a_h33.png"),
        (["--width", "50", "--height", "33"], (33, 40), "a_w50h33.png"),
        (["--max-side", "70"], (58, 70), "a_max70.png"),
        (["-s", "2", "--max-side", "30"], (25, 30), "a_max30.png"),
    ],
)
def test_any_size_is_the_networks_result_resized(argv, size, name):
    """By the antialiased bicubic of the benchmark sets, rounded once more."""
    pixels = commands.picture("a.png", 20, 24)
    commands.network(Path("w.safetensors"))
    assert infer.main(["a.png", "--model", "w.safetensors", *argv]) == 0
    expected = _resized(tiles.upscale(zoo.ready("w.safetensors"), pixels), *size)
    np.testing.assert_allclose(stored(name), expected, atol=1.01)
    with pytest.raises(SystemExit):  # an earlier result is no picture
        infer.main(["a.png", name, "--model", "w.safetensors", "-o", name])
    assert infer.main([".", "-o", "out", "--model", "bicubic"]) == 0
    assert [path.name for path in Path("out").iterdir()] == ["a.png"]


@pytest.mark.parametrize(
    "name, asked, own", [("nearest", "8", 8), ("nearest", "1.5", 2), ("lanczos", "3", 3), ("x3.safetensors", "2.5", 3)]
)
def test_a_scale_begins_with_the_next_one_that_the_model_has(name, asked, own):
    pixels = commands.picture("a.png", 20, 24)
    commands.network(Path("x3.safetensors"), factors=(3,))
    assert infer.main(["a.png", "--model", name, "-s", asked, "-o", "b.png"]) == 0
    enlarged = tiles.upscale(zoo.ready(name, scale=own), pixels)
    expected = enlarged if float(asked) == own else _resized(enlarged, *(round(float(asked) * n) for n in (20, 24)))
    np.testing.assert_allclose(stored("b.png"), expected.astype(float), atol=0.51)


@pytest.mark.parametrize("argv, size", [(["-s", "1"], (20, 24)), (["-s", "0.5"], (10, 12)), (["--width", "9"], (8, 9))])
def test_no_model_is_asked_where_bicubic_will_do(capsys, monkeypatch, argv, size):
    monkeypatch.setattr(tiles, "bands", lambda *args, **options: pytest.fail("the model was asked"))
    pixels = commands.picture("a.png", 20, 24)
    commands.network(Path("w.safetensors"))
    assert infer.main(["a.png", "--model", "w.safetensors", "-o", "b.png", *argv]) == 0
    np.testing.assert_allclose(stored("b.png"), _resized(pixels, *size), atol=0.51)
    assert capsys.readouterr().out.endswith("  bicubic alone, without the model\n")
    assert commands.run("a.png", "-s", "1.5", "-o", "c.png") == 0  # twice bicubic would be less sharp
    np.testing.assert_allclose(stored("c.png"), _resized(pixels, 30, 36), atol=0.51)


@pytest.mark.parametrize("argv", [["-s", "1.5"], ["-s", "0.7"], ["--width", "70"]])
def test_a_large_picture_is_resized_by_rows_as_a_whole_one(monkeypatch, argv):
    commands.picture("a.png", 150, 40)
    commands.network(Path("w.safetensors"))
    arguments = ["a.png", "--model", "w.safetensors", *argv]
    assert infer.main([*arguments, "-o", "whole.png"]) == 0
    monkeypatch.setattr(large, "LARGE", 1)
    assert infer.main([*arguments, "-o", "rows.png"]) == 0
    assert infer.main([*arguments, "-o", "rows.tif"]) == 0
    for name in ("rows.png", "rows.tif"):
        np.testing.assert_allclose(stored(name).astype(int), stored("whole.png"), atol=1)


def test_frames_of_an_animation_and_a_burst_are_resized(capsys):
    frames = [Image.new("RGB", (9, 6), colour) for colour in ("red", "blue")]
    frames[0].save("a.gif", save_all=True, append_images=frames[1:])
    commands.network(Path("w.safetensors"))
    assert infer.main(["a.gif", "--model", "w.safetensors", "-s", "2"]) == 0
    assert "a.gif -> a_x2.png (18x12, " in capsys.readouterr().out
    with Image.open("a_x2.png") as image:
        assert (image.size, getattr(image, "n_frames", 1)) == ((18, 12), 2)
    commands.picture("b.png", 20, 24)
    assert infer.main(["b.png", "b.png", "--burst", "--width", "60", "--model", "ibp"]) == 0
    assert commands.size("b_w60.png") == (60, 50)


def test_a_size_beyond_sense_is_refused_before_any_work(capsys, monkeypatch):
    monkeypatch.setattr(tiles, "bands", lambda *args, **options: pytest.fail("the work was begun"))
    commands.picture("a.png")
    assert commands.run("a.png", "--width", "1000000") == 1
    assert "expected a result up to 16 times as large, got 125000 times 8x6" in capsys.readouterr().err
