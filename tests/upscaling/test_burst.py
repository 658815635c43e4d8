"""Tests ../../jsr/upscaling/burst.py, and `jsr.infer --burst`."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import jsr
from jsr import infer
from jsr.data.sets import pairs
from jsr.errors import PictureError, WeightsError
from jsr.metrics import fidelity
from jsr.models import Model
from jsr.models.classical.reconstruction import BackProjection, MaximumAPosteriori
from jsr.ops.observation import Observation
from jsr.upscaling import burst, tiles
from jsr.weights import zoo
from tests import bursts, commands

METHODS = pytest.mark.parametrize("name", ["ibp", "map"])


@pytest.mark.slow
@pytest.mark.parametrize("noise", [3.0, 5.0])
def test_a_burst_is_2_db_better_than_any_single_frame(jsr_data, noise):
    """16 frames, their shifts found and the noise measured; the single-frame methods are told the noise."""
    gains = []
    for pair in pairs.find(jsr_data / "eval/Set5/x4", scale=4):
        _, scene = pairs.read(pair, scale=4)
        frames = bursts.burst(scene, bursts.shifts(16), noise=noise)
        ours = fidelity.psnr(scene, jsr.burst(list(frames)), shave=4)
        singles = [zoo.load(name).with_observation(Observation(noise=noise)) for name in zoo.RECONSTRUCTIONS]
        best = max(fidelity.psnr(scene, tiles.upscale(model, frames[0]), shave=4) for model in singles)
        gains.append(ours - best)
    assert np.mean(gains) >= 2


@METHODS
def test_more_frames_show_more(rng, name):
    scene = bursts.scene(rng, 96, 128)
    frames = bursts.burst(scene, bursts.shifts(8, largest=1.0), noise=4.0)
    scores = [fidelity.psnr(scene, jsr.burst(list(frames[:n]), name), shave=4) for n in (1, 8)]
    assert scores[1] > scores[0] + 0.5


@METHODS
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_one_frame_gives_what_the_method_makes_of_it(rng, name, dtype):
    frame = rng.integers(0, np.iinfo(dtype).max, (20, 24, 3), endpoint=True).astype(dtype)
    np.testing.assert_array_equal(jsr.burst([frame], name), jsr.upscale(frame, name))


def test_back_projection_of_equal_frames_is_that_of_one(rng):
    """Nothing is shifted, so nothing is added; the noise that is measured plays no part."""
    frame = bursts.scene(rng, 20, 24)
    burst_of_3 = jsr.burst([frame] * 3, "ibp").astype(int)
    assert np.abs(burst_of_3 - jsr.upscale(frame, "ibp").astype(int)).max() <= 1


@METHODS
def test_tiles_equal_the_whole(rng, monkeypatch, name):
    frames = list(bursts.burst(bursts.scene(rng, 240, 232), bursts.shifts(3, largest=1.0), noise=2.0))
    model = zoo.load(name).with_observation(Observation(noise=2.0))
    whole = burst.upscale(model, frames).astype(int)
    reports = []
    monkeypatch.setattr(burst, "TILE", 10)
    tiled = burst.upscale(model, frames, report=lambda *progress: reports.append(progress)).astype(int)
    differences = np.abs(whole - tiled)
    assert differences.max() <= 1 and (differences > 0).mean() < 1e-3
    assert reports[-1][0] == reports[-1][1] > 1


def test_grey_frames_give_a_grey_picture(rng):
    frames = bursts.burst(bursts.scene(rng, 80, 80), bursts.shifts(3))
    grey = jsr.burst(list(frames[..., 1]), "ibp")
    assert grey.shape == (80, 80)
    in_colour = jsr.burst(list(np.repeat(frames[..., 1:2], 3, axis=3)), "ibp")
    assert np.abs(in_colour.astype(int) - grey[..., None].astype(int)).max() <= 1


def test_a_known_blur_is_used(rng):
    frames = list(bursts.burst(bursts.scene(rng, 80, 80), bursts.shifts(3)))
    sharp, blurred = (jsr.burst(frames, zoo.load("ibp").with_observation(Observation(blur=b))) for b in (0.0, 1.5))
    assert np.std(blurred) > np.std(sharp)


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ([], "expected frames of one size and type, got 0 sorts among 0"),
        ([np.zeros((9, 9, 3), np.uint8), np.zeros((9, 8, 3), np.uint8)], "got 2 sorts among 2"),
        ([np.zeros((9, 9), np.uint8), np.zeros((9, 9), np.uint16)], "got 2 sorts among 2"),
    ],
)
def test_frames_of_several_sorts_are_refused(frames, message):
    with pytest.raises(PictureError, match=message):
        jsr.burst(frames)


def test_another_scene_is_refused(rng):
    frames = [bursts.scene(rng, 64, 64), bursts.scene(rng, 64, 64)]
    with pytest.raises(PictureError, match="frame 2 does not show the scene of the first"):
        jsr.burst(frames)


def test_another_model_is_refused():
    with pytest.raises(WeightsError, match="expected ibp or map as the model, got Interpolation"):
        burst.upscale(zoo.load("bicubic"), [np.zeros((9, 9, 3), np.uint8)])


def test_scales(rng):
    frames = list(bursts.burst(bursts.scene(rng, 60, 80), bursts.shifts(3), scale=2))
    for module in (BackProjection(), MaximumAPosteriori(iterations=2)):
        assert burst.upscale(Model(module, {}, {}).with_scale(2), frames).shape == (60, 80, 3)


@pytest.mark.usefixtures("place")
def test_a_burst_becomes_one_picture(rng, capsys):
    """Of the files of a folder, in the order of their names, beside the first; with its metadata."""
    frames = bursts.burst(bursts.scene(rng, 80, 96), bursts.shifts(3, largest=1.0), scale=2)
    Path("frames").mkdir()
    for i, frame in enumerate(frames):
        Image.fromarray(frame).save(f"frames/{i}.png", icc_profile=commands.ICC)
    assert infer.main(["frames", "--burst", "--scale", "2"]) == 0
    output = capsys.readouterr().out
    assert output.startswith("frames/0.png -> frames/0_x2.png (96x80, ") and output.endswith("  3 frames\n")
    with Image.open("frames/0_x2.png") as image:
        model = zoo.load("map", scale=2)
        np.testing.assert_array_equal(np.asarray(image), burst.upscale(model, list(frames)))
        assert image.info["icc_profile"] == commands.ICC
    # The result is no frame of the next command.
    assert infer.main(["frames", "--burst", "--scale", "2", "-o", "large.png", "--model", "ibp"]) == 0
    assert commands.size("large.png") == (96, 80) and capsys.readouterr().out.splitlines()[-1] == "  3 frames"


@pytest.mark.usefixtures("place")
def test_frames_that_do_not_belong_together_are_named(capsys):
    commands.picture("a.png", 20, 30)
    commands.picture("b.png", 20, 31)
    commands.picture("c.png", 20, 30, seed=1)
    assert infer.main(["a.png", "b.png", "--burst"]) == 1
    error = capsys.readouterr().err
    assert error.endswith("b.png: expected a frame as the first, without transparency, 30x20, got 31x20\n")
    assert infer.main(["a.png", "c.png", "--burst"]) == 1
    assert "frame 2 does not show the scene of the first" in capsys.readouterr().err
    assert not Path("a_x4.png").exists()
