"""Tests ../jsr/infer.py."""

import hashlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import png
import pytest
from PIL import Image, ImageCms

from jsr import infer, pictures
from jsr.errors import PictureError
from jsr.models import Model
from jsr.models.classical.interpolation import Interpolation
from jsr.models.consistency import Consistent
from jsr.models.srresnet import SRResNet
from jsr.ops import resize
from jsr.ops.bleed import bleed
from jsr.ops.observation import Observation
from jsr.pictures import Metadata, Picture, formats, large, writing
from jsr.upscaling import burst, tiles
from jsr.upscaling.command import options as command
from jsr.upscaling.command import shares
from jsr.weights import file as weights_file
from jsr.weights import zoo
from tests import bursts, encoders
from tests.expected import stored

BUG = "(a bug of jsr: please report it, with the traceback that JSR_TRACEBACK=1 prints)"
BICUBIC = Model(Interpolation(), {}, {})
ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def _picture(name, height=6, width=8, *, seed=0, **options):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return pixels


def _run(*argv):
    return infer.main([*argv, "--model", "bicubic"])


def _refused(capsys, *argv):
    """Runs the command with wrong arguments; returns its only line."""
    with pytest.raises(SystemExit) as stop:
        infer.main(list(argv))
    output = capsys.readouterr()
    assert stop.value.code == 2 and output.out == ""
    assert output.err.count("\n") == 1 and output.err.startswith("jsr.infer: error: ")
    return output.err


def _size(path):
    with Image.open(path) as image:
        return image.size


def _network(path, *, factors=(2, 2), seed=0):
    """A small random network; returns the model as it is saved."""
    fields = {"factors": factors, "features": 4, "blocks": 1}
    module = SRResNet(**fields)
    variables: Any = module.init(jax.random.key(seed), jnp.zeros((1, 8, 8, 3)))
    weights_file.save(path, "srresnet", fields, variables, {})
    return Model(module, variables, {})


@pytest.fixture
def pretrained(tmp_path_factory, monkeypatch):
    """Small random networks in the place of the released ones."""
    folder = tmp_path_factory.mktemp("pretrained")
    lines = []
    for seed, name in enumerate(zoo.BUNDLED):
        path = folder / f"{name}_x4.safetensors"
        _network(path, seed=seed)
        lines.append(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n")
    (folder / "SHA256SUMS").write_text("".join(lines))
    monkeypatch.setattr(weights_file, "PRETRAINED", folder)


def test_infer_writes_the_result_beside_its_picture(capsys):
    pixels = _picture("photo.png")
    assert _run("photo.png") == 0
    np.testing.assert_array_equal(stored("photo_x4.png"), tiles.upscale(BICUBIC, pixels))
    output = capsys.readouterr()
    assert output.out.startswith("photo.png -> photo_x4.png (32x24, ") and output.err == ""
    assert output.out.count("\n") == 1


def test_infer_replaces_its_earlier_result():
    _picture("photo.png")
    assert _run("photo.png") == 0
    expected = Path("photo_x4.png").read_bytes()
    Path("photo_x4.png").write_bytes(b"old")
    assert _run("photo.png") == 0
    assert Path("photo_x4.png").read_bytes() == expected


def test_output_file_decides_the_format():
    _picture("photo.png")
    assert _run("photo.png", "-o", "new/large.jpg") == 0
    with Image.open("new/large.jpg") as image:
        assert (image.format, image.size) == ("JPEG", (32, 24))


@pytest.mark.parametrize("output", ["out", "out/", "out.d/"])
def test_output_folder(output):
    _picture("a/photo.jpg")
    assert _run("a/photo.jpg", "-o", output) == 0
    assert _size(Path(output, "photo.png")) == (32, 24)


def test_existing_folder_with_a_suffix_is_a_folder():
    _picture("photo.jpg")
    Path("out.png").mkdir()
    assert _run("photo.jpg", "-o", "out.png") == 0
    assert _size("out.png/photo.png") == (32, 24)


def test_folders_keep_their_sub_folders_and_other_files_are_counted(capsys):
    for seed, name in enumerate(("in/a.png", "in/b/a.jpg", "in/b/c.d.webp", "single.bmp")):
        _picture(name, seed=seed)
    Path("in/notes.txt").write_text("no picture")
    Path("in/b/table.csv").touch()
    assert _run("in", "single.bmp", "-o", "out") == 0
    written = sorted(str(p) for p in Path("out").rglob("*.*"))
    assert written == ["out/a.png", "out/b/a.png", "out/b/c.d.png", "out/single.png"]
    output = capsys.readouterr().out
    assert output.count(" -> ") == 4
    assert output.startswith("left out because they are neither pictures nor videos: 2, such as in/b/table.csv\n")


def test_earlier_results_are_not_upscaled_again(capsys):
    """Beside the inputs, and in a folder of results below them; what has no source is a picture."""
    for name in ("in/a.JPG", "in/sub/b.png", "in/alone_x4.png"):
        _picture(name)
    assert _run("in") == 0
    assert _run("in", "-o", "in/large") == 0
    Path("in/a_compare.png").write_bytes(Path("in/a_x4.png").read_bytes())
    before = sorted(Path("in").rglob("*"))
    capsys.readouterr()
    assert _run("in", "-o", "in/large") == 0
    assert sorted(Path("in").rglob("*")) == before
    out = capsys.readouterr().out
    assert out.count(" -> ") == 3 and "in/alone_x4.png -> in/large/alone_x4.png" in out
    # alone_x4_x4.png is the third, after a's two.
    assert out.startswith("left out as earlier results: 4, such as in/a_compare.png\n")


def test_a_picture_named_twice_is_upscaled_once(capsys):
    _picture("in/a.png")
    Path("link").symlink_to("in")
    assert _run("in/a.png", "in", "./in/../in/a.png", "link/a.png") == 0
    assert capsys.readouterr().out.count(" -> ") == 1


def test_model_from_a_file_and_its_scale(capsys):
    pixels = _picture("photo.png", 20, 18)
    _network(Path("w.safetensors"), factors=(3,))
    assert infer.main(["photo.png", "--model", "w.safetensors", "--tile", "16"]) == 0
    expected = tiles.upscale(zoo.ready("w.safetensors"), pixels)
    written = stored("photo_x3.png")
    assert written.shape == (60, 54, 3) and np.abs(written - expected.astype(int)).max() <= 1


def test_without_options_the_default_blend_is_taken(pretrained):
    pixels = _picture("photo.png")
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
    pixels = _picture("photo.png")
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


def test_help_explains_texture_and_restore_and_hides_blend(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    with pytest.raises(SystemExit):
        infer.main(["--help"])
    text = capsys.readouterr().out
    assert "from 0, faithful, to 1, invented detail" in text
    assert "from 0, clean, to 1, JPEG, noise, blur" in text
    assert "--blend" not in text


@pytest.mark.parametrize("name", zoo.RECONSTRUCTIONS)
def test_scale_blur_and_noise_reach_the_method(name):
    pixels = _picture("a.png", 20, 24)
    assert infer.main(["a.png", "--model", name, "--scale", "3", "--psf", "sigma=1.2", "--noise", "5"]) == 0
    model = zoo.load(name, scale=3).with_observation(Observation(blur=1.2, noise=5.0))
    np.testing.assert_array_equal(np.asarray(Image.open("a_x3.png")), tiles.upscale(model, pixels))


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
    pixels = _picture("a.png", 20, 24)
    _network(Path("w.safetensors"))
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
    pixels = _picture("a.png", 20, 24)
    _network(Path("x3.safetensors"), factors=(3,))
    assert infer.main(["a.png", "--model", name, "-s", asked, "-o", "b.png"]) == 0
    enlarged = tiles.upscale(zoo.ready(name, scale=own), pixels)
    expected = enlarged if float(asked) == own else _resized(enlarged, *(round(float(asked) * n) for n in (20, 24)))
    np.testing.assert_allclose(stored("b.png"), expected.astype(float), atol=0.51)


@pytest.mark.parametrize("argv, size", [(["-s", "1"], (20, 24)), (["-s", "0.5"], (10, 12)), (["--width", "9"], (8, 9))])
def test_no_model_is_asked_where_bicubic_will_do(capsys, monkeypatch, argv, size):
    monkeypatch.setattr(tiles, "bands", lambda *args, **options: pytest.fail("the model was asked"))
    pixels = _picture("a.png", 20, 24)
    _network(Path("w.safetensors"))
    assert infer.main(["a.png", "--model", "w.safetensors", "-o", "b.png", *argv]) == 0
    np.testing.assert_allclose(stored("b.png"), _resized(pixels, *size), atol=0.51)
    assert capsys.readouterr().out.endswith("  bicubic alone, without the model\n")
    assert _run("a.png", "-s", "1.5", "-o", "c.png") == 0  # twice bicubic would be less sharp
    np.testing.assert_allclose(stored("c.png"), _resized(pixels, 30, 36), atol=0.51)


@pytest.mark.parametrize("argv", [["-s", "1.5"], ["-s", "0.7"], ["--width", "70"]])
def test_a_large_picture_is_resized_by_rows_as_a_whole_one(monkeypatch, argv):
    _picture("a.png", 150, 40)
    _network(Path("w.safetensors"))
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
    _network(Path("w.safetensors"))
    assert infer.main(["a.gif", "--model", "w.safetensors", "-s", "2"]) == 0
    assert "a.gif -> a_x2.png (18x12, " in capsys.readouterr().out
    with Image.open("a_x2.png") as image:
        assert (image.size, getattr(image, "n_frames", 1)) == ((18, 12), 2)
    _picture("b.png", 20, 24)
    assert infer.main(["b.png", "b.png", "--burst", "--width", "60", "--model", "ibp"]) == 0
    assert _size("b_w60.png") == (60, 50)


def test_a_size_beyond_sense_is_refused_before_any_work(capsys, monkeypatch):
    monkeypatch.setattr(tiles, "bands", lambda *args, **options: pytest.fail("the work was begun"))
    _picture("a.png")
    assert _run("a.png", "--width", "1000000") == 1
    assert "expected a result up to 16 times as large, got 125000 times 8x6" in capsys.readouterr().err


@pytest.mark.parametrize("number", ["1", "-1"])
def test_a_missing_frame_of_a_still_picture_is_named(capsys, number):
    _picture("a.png")
    assert _run("a.png", "--frame", number) == 1
    expected = f"jsr.infer: error: a.png: --frame: expected 0, because there is one frame alone, got {number}\n"
    assert capsys.readouterr().err == expected


def test_help_fits_a_screen_of_eighty_columns(capsys, monkeypatch):
    """In groups, with examples whose options there are."""
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        infer.main(["--help"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 64 and max(map(len, lines)) <= 80
    assert [line for line in lines if line.endswith(":")][1:] == [
        *("input:", "output:", "model:", "size:", "speed:", "examples:"),
    ]
    examples = [line.split("   ")[0].split()[2:] for line in lines if line.startswith("  jsr infer ")]
    assert len(examples) == 3
    for example in examples:
        command.parse(example)


def test_a_burst_becomes_one_picture(rng, capsys):
    """Of the files of a folder, in the order of their names, beside the first; with its metadata."""
    frames = bursts.burst(bursts.scene(rng, 80, 96), bursts.shifts(3, largest=1.0), scale=2)
    Path("frames").mkdir()
    for i, frame in enumerate(frames):
        Image.fromarray(frame).save(f"frames/{i}.png", icc_profile=ICC)
    assert infer.main(["frames", "--burst", "--scale", "2"]) == 0
    output = capsys.readouterr().out
    assert output.startswith("frames/0.png -> frames/0_x2.png (96x80, ") and output.endswith("  3 frames\n")
    with Image.open("frames/0_x2.png") as image:
        model = zoo.load("map", scale=2)
        np.testing.assert_array_equal(np.asarray(image), burst.upscale(model, list(frames)))
        assert image.info["icc_profile"] == ICC
    # The result is no frame of the next command.
    assert infer.main(["frames", "--burst", "--scale", "2", "-o", "large.png", "--model", "ibp"]) == 0
    assert _size("large.png") == (96, 80) and capsys.readouterr().out.splitlines()[-1] == "  3 frames"


def test_frames_that_do_not_belong_together_are_named(capsys):
    _picture("a.png", 20, 30)
    _picture("b.png", 20, 31)
    _picture("c.png", 20, 30, seed=1)
    assert infer.main(["a.png", "b.png", "--burst"]) == 1
    error = capsys.readouterr().err
    assert error.endswith("b.png: expected a frame as the first, without transparency, 30x20, got 31x20\n")
    assert infer.main(["a.png", "c.png", "--burst"]) == 1
    assert "frame 2 does not show the scene of the first" in capsys.readouterr().err
    assert not Path("a_x4.png").exists()


def test_ensemble_is_the_mean_of_eight(pretrained):
    pixels = _picture("photo.png")
    assert infer.main(["photo.png", "--ensemble"]) == 0
    expected = tiles.upscale(zoo.ready(zoo.DEFAULT).ensemble(), pixels)
    np.testing.assert_array_equal(stored("photo_x4.png"), expected)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("is_grey", [False, True])
def test_depth_grey_alpha_and_profile_are_kept(rng, dtype, is_grey):
    top = np.iinfo(dtype).max
    pixels = rng.integers(0, top + 1, (5, 7) if is_grey else (5, 7, 3), dtype)
    alpha = np.full((5, 7), top, dtype)
    alpha[:, :3] = 0
    exif = Image.Exif()
    exif[0x010F] = "Camera"
    icc = encoders.grey_profile() if is_grey else ICC
    writing.write("a.png", Picture(pixels, alpha, Metadata(icc, exif.tobytes())))
    assert _run("a.png") == 0
    width, height, rows, info = png.Reader(bytes=Path("a_x4.png").read_bytes()).read()
    planes = 2 if is_grey else 4
    assert (width, height, info["planes"]) == (28, 20, planes)
    assert info["bitdepth"] == 8 * np.dtype(dtype).itemsize
    samples = np.array([list(row) for row in rows]).reshape(20, 28, planes)
    assert (samples[:, :9, -1] == 0).all() and (samples[:, -12:, -1] == top).all()
    large = pictures.read("a_x4.png")
    assert large.metadata.icc == icc and b"Camera" in (large.metadata.exif or b"")
    expected = tiles.upscale(BICUBIC, bleed(pixels, alpha))
    np.testing.assert_array_equal(samples[..., :-1].reshape(expected.shape), expected)


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (37, 2)])
def test_pictures_of_any_size_are_upscaled(size):
    for name, pixels in (("g.png", np.full(size, 77)), ("c.png", np.full((*size, 4), 77))):
        Image.fromarray(pixels.astype(np.uint8)).save(name)
        assert _run(name) == 0
        large = stored(name.replace(".", "_x4."))
        assert large.shape[:2] == (4 * size[0], 4 * size[1]) and (large == 77).all()


def test_notes_name_each_loss(capsys):
    rgba = np.full((4, 4, 4), 99, np.uint8)
    frames = [Image.fromarray(rgba), Image.fromarray(rgba // 2)]
    frames[0].save("a.png", save_all=True, append_images=frames[1:])
    assert _run("a.png", "-o", "b.jpg") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:] == [
        "  only the first of 2 frames is taken; --frame N takes another",
        "  transparency is laid over white: JPEG has none",
    ]


def test_bad_pictures_are_named_and_the_others_upscaled(capsys):
    _picture("in/a.png")
    _picture("in/z.png")
    Path("in/empty.png").touch()
    Path("in/text.jpg").write_text("no picture")
    whole = Path("in/a.png").read_bytes()
    Path("in/torn.png").write_bytes(whole[: len(whole) // 2])
    assert _run("in", "missing.png") == 1
    output = capsys.readouterr()
    assert output.out.count(" -> ") == 2 and _size("in/z_x4.png") == (32, 24)
    errors = output.err.splitlines()
    assert [line.split(": ")[2] for line in errors[:4]] == [
        "in/empty.png",
        "in/text.jpg",
        "in/torn.png",
        "missing.png",
    ]
    assert errors[4:] == ["jsr.infer: 4 of 6 files failed"]
    results = {str(p) for p in Path("in").glob("*_x4*")}
    assert results == {"in/a_x4.png", "in/z_x4.png"}


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (MemoryError(), "out of memory"),
        (RuntimeError("RESOURCE_EXHAUSTED: Out of memory\nallocating"), "out of memory"),
        (RuntimeError("first line\nsecond"), f"RuntimeError: first line {BUG}"),
        (ValueError("of a library"), f"ValueError: of a library {BUG}"),
        (KeyError(), f"KeyError {BUG}"),
        (PictureError("a.png: cannot be read"), "cannot be read"),
        (OSError(28, "No space left on device"), "a_x4.png: No space left on device"),
    ],
)
def test_any_failure_costs_one_picture_and_one_line(capsys, monkeypatch, error, message):
    _picture("a.png")
    _picture("b.png", 7)
    upscale = tiles.upscale

    def fails(model, image, **options):
        if len(image) == 6:
            raise error
        return upscale(model, image, **options)

    monkeypatch.setattr(tiles, "upscale", fails)
    assert _run("a.png", "b.png", "--tile", "64") == 1
    errors = capsys.readouterr().err.splitlines()
    assert errors == [f"jsr.infer: error: a.png: {message}", "jsr.infer: 1 of 2 files failed"]
    assert _size("b_x4.png") == (32, 28) and not Path("a_x4.png").exists()


def test_a_bug_shows_its_traceback_on_demand(capsys, monkeypatch):
    _picture("a.png")

    def fails(model, image, **options):
        raise KeyError("place")

    monkeypatch.setattr(tiles, "upscale", fails)
    monkeypatch.setenv("JSR_TRACEBACK", "1")
    assert _run("a.png") == 1
    errors = capsys.readouterr().err.splitlines()
    assert errors[0] == "Traceback (most recent call last):" and any("in fails" in line for line in errors)
    assert errors[-1] == f"jsr.infer: error: a.png: KeyError: 'place' {BUG}"


def test_interruption_ends_with_one_line(capsys, monkeypatch):
    for name in ("a.png", "b.png"):
        _picture(name)
    write = writing.write

    def interrupted(path, picture, **options):
        if path.name == "b_x4.png":
            raise KeyboardInterrupt
        return write(path, picture, **options)

    monkeypatch.setattr(writing, "write", interrupted)
    assert _run("a.png", "b.png") == 130
    assert capsys.readouterr().err == "jsr.infer: interrupted; what was finished is kept\n"
    assert sorted(p.name for p in Path().iterdir()) == ["a.png", "a_x4.png", "b.png"]


def test_a_result_too_large_for_its_format_is_refused_before_any_work(capsys, monkeypatch):
    _picture("a.png", 1, 4096)
    monkeypatch.setattr(tiles, "upscale", lambda *a, **k: pytest.fail("the work was begun"))
    assert _run("a.png", "-o", "a.webp") == 1
    assert "WEBP holds up to 16383 pixels a side, not 16384x4" in capsys.readouterr().err


def test_inputs_are_never_overwritten(capsys):
    _picture("a.png")
    _picture("a_x4.png")
    Path("link.png").symlink_to("a.png")
    Path("hard.png").hardlink_to("a.png")
    before = Path("a.png").read_bytes(), Path("a_x4.png").read_bytes()
    for argv in (
        ["a.png", "-o", "a.png"],
        ["a.png", "-o", "."],
        ["a.png", "a_x4.png"],
        ["a.png", "-o", "link.png"],
        ["a.png", "-o", "hard.png"],
    ):
        line = _refused(capsys, *argv, "--model", "bicubic")
        assert "a.png: its result" in line and "would overwrite an input" in line
    assert (Path("a.png").read_bytes(), Path("a_x4.png").read_bytes()) == before


def test_two_results_of_one_name_are_both_written():
    for height, name in enumerate(("a.png", "b/a.webp"), start=1):
        _picture(name, height)
    assert _run("a.png", "b/a.webp", "-o", "out") == 0
    assert _size("out/a.png") == (32, 4) and _size("out/a.webp.png") == (32, 8)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "the following arguments are required"),
        (
            ["a.png", "--model", "esrgan"],
            "srresnet, srgan, srresnet-photo, srgan-photo, espcn, srcnn, aplus, sparse, ne, ibp, pocs, map, bicubic,"
            " lanczos, bilinear, nearest",
        ),
        (["a.png", "--model", "a.png"], "expected a weights file"),
        (["a.png", "--tile", "15"], "--tile: expected 16 or more pixels, got 15"),
        (["a.png", "--tile", "big"], "--tile: expected a number of pixels or auto, got big"),
        ([""], "FILE_OR_FOLDER: expected a path, got an empty text"),
        (["a.png", "-o", ""], "-o/--output: expected a path, got an empty text"),
        (["a.png", "--model", ""], "--model: expected a path, got an empty text"),
        (["-"], "-: expected -o with the name of its result, or -o - for standard output"),
        (["a.png", "a.png", "-o", "-"], "-o -: expected one picture"),
        ([".", "-o", "-"], "-o -: expected one picture"),
        (["missing\n.png", "-o", "b.xyz"], "b.xyz: expected"),
        (["a.png", "-o", "a.jp2", "--model", "bicubic"], "a.jp2: expected a name that ends in one"),
        (["a.png", "c.png", "-o", "b.png", "--model", "bicubic"], "-o b.png: expected a folder"),
        ([".", "-o", "b.png", "--model", "bicubic"], "-o b.png: expected a folder"),
        ([".", "-o", "file", "--model", "bicubic"], "-o file: expected a folder"),
        (["empty", "--model", "bicubic"], "empty: no pictures or videos in this folder"),
        (["a.png", "--texture", "1.5"], "--texture: expected 0 to 1, got 1.5"),
        (["a.png", "--texture", "nan"], "--texture: expected 0 to 1, got nan"),
        (["a.png", "--texture", "much"], "--texture"),
        (["a.png", "--texture", "1", "--restore", "-1"], "--restore: expected 0 to 1, got -1"),
        (["a.png", "--blend", "1.5"], "--texture: expected 0 to 1, got 1.5"),
        (["a.png", "--restore", "1", "--model", "bicubic"], "expected no --model, got bicubic"),
        (["a.png", "--no-such"], "--no-such"),
        (["a.png", "--scale", "17"], "--scale: expected more than 0 and up to 16, got 17"),
        (["a.png", "-s", "0"], "--scale: expected more than 0 and up to 16, got 0"),
        (["a.png", "-s", "nan"], "--scale: expected more than 0 and up to 16, got nan"),
        (["a.png", "-s", "two"], "--scale: expected a number, got two"),
        (["a.png", "-s", "2", "--width", "9"], "--scale: expected neither --width nor --height beside it"),
        (["a.png", "--width", "0"], "--width: expected 1 pixel or more, got 0"),
        (["a.png", "--compare", "-s", "1.5"], "--compare: shows whole scales, so expected --scale 2, 3 or 4"),
        (["a.png", "--compare", "-s", "2"], "--compare: expected the scale of blend:0.8,0.8, 4, got 2"),
        (["a.png", "--psf", "1.2", "--model", "map"], "--psf: expected sigma=N with N from 0 to 8, got 1.2"),
        (["a.png", "--psf", "sigma=9", "--model", "map"], "--psf: expected sigma=N with N from 0 to 8, got sigma=9"),
        (["a.png", "--psf", "sigma=nan", "--model", "map"], "got sigma=nan"),
        (["a.png", "--noise", "-1", "--model", "map"], "--noise: expected 0 to 100, got -1"),
        (["a.png", "--noise", "5"], "expected a method that takes blur and noise as known (ibp, pocs, map)"),
        (["a.png", "--burst", "--compare"], "--burst: expected neither --compare nor --ensemble"),
        (["a.png", "--burst", "--ensemble"], "--burst: expected neither --compare nor --ensemble"),
        (["a.png", "--burst", "--model", "pocs"], "--burst: expected --model ibp or map, got pocs"),
        (["a.png", "a.png", "--burst", "-o", "a.png"], "would overwrite an input"),
    ],
)
def test_wrong_arguments_are_refused_in_one_line(capsys, argv, message):
    _picture("a.png")
    Path("file").touch()
    Path("empty").mkdir()
    assert message in _refused(capsys, *argv)


def test_the_program_by_its_status_and_streams(tmp_path):
    """As a program: status and streams, and names that the terminal cannot show."""
    name = b"caf\xe9.png"  # no UTF-8
    _picture("a.png")
    (tmp_path / os.fsdecode(name)).write_bytes((tmp_path / "a.png").read_bytes())
    command = [sys.executable, "-m", "jsr.infer", name, "missing.png", "--model", "bicubic"]
    root = Path(infer.__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONIOENCODING": "utf-8:strict"}
    process = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert process.returncode == 1 and "Traceback" not in process.stderr
    assert process.stdout.startswith("caf\\udce9.png -> caf\\udce9_x4.png (32x24, ")
    assert process.stderr.splitlines()[0] == ("jsr.infer: error: missing.png: No such file or directory")


def _piped(*argv, content=b""):
    command = [sys.executable, "-m", "jsr.infer", *argv, "--model", "bicubic"]
    environment = {**os.environ, "PYTHONPATH": str(Path(infer.__file__).parents[1])}
    return subprocess.run(command, input=content, capture_output=True, env=environment)


def test_a_picture_comes_by_standard_input_and_goes_to_standard_output():
    """The picture alone goes there; all messages go to stderr."""
    pixels = _picture("a.png")
    process = _piped("-", "-o", "-", content=Path("a.png").read_bytes())
    assert process.returncode == 0
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(process.stdout))), tiles.upscale(BICUBIC, pixels))
    assert process.stderr.startswith(b"- -> - (32x24, ") and process.stderr.count(b"\n") == 1
    assert [path.name for path in Path().iterdir()] == ["a.png"]


def test_a_stream_is_named_in_errors():
    process = _piped("-", "-o", "b.png", content=b"no picture")
    assert (process.returncode, process.stdout) == (1, b"")
    assert process.stderr == b"jsr.infer: error: -: not a picture of a known format\n"
    process = _piped("-", "-o", "-")
    assert (process.returncode, process.stdout) == (1, b"")
    assert process.stderr == b"jsr.infer: error: -: the file is empty\n"


def test_a_named_pipe_is_read_once(capsys):
    _picture("a.png")
    os.mkfifo("pipe")
    thread = threading.Thread(target=lambda: Path("pipe").write_bytes(Path("a.png").read_bytes()))
    thread.start()
    assert _run("pipe", "-o", "b.png") == 0
    thread.join()
    assert _size("b.png") == (32, 24) and capsys.readouterr().out.startswith("pipe -> b.png (32x24, ")


def test_names_stay_in_one_line_and_the_home_is_found(capsys, monkeypatch):
    _picture("a\nb.png")
    assert _run("a\nb.png", "missing\x1b[2J.png") == 1
    output = capsys.readouterr()
    assert output.out.startswith("a\\nb.png -> a\\nb_x4.png (32x24, ") and output.out.count("\n") == 1
    assert output.err.startswith("jsr.infer: error: missing\\x1b[2J.png: No such file or directory\n")
    monkeypatch.setenv("HOME", str(Path().absolute()))
    _picture("c.png")
    assert _run("~/c.png", "-o", "~/d.png") == 0 and _size("d.png") == (32, 24)


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
    pixels = _picture("a.png", 40, 50)
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
    _picture("in/a.png", 40, 50)
    _network(Path("mine.safetensors"))
    assert infer.main(["in", "--compare", "--model", "mine.safetensors", "-o", "out"]) == 0
    assert _size("out/a_compare.png") == (1000, 200)
    # The released networks enlarge four times, and so do not compare.
    _network(Path("double"), factors=(2,))
    assert infer.main(["in/a.png", "--compare", "--model", "double", "-o", "b.webp"]) == 0
    assert _size("b.webp") == (3 * 100, 40 + 80)


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


def test_temporary_files_of_a_killed_command_are_removed():
    _picture("a.png")
    Path(".jsr-12345678.part").write_bytes(b"half a picture")
    assert _run("a.png") == 0
    assert sorted(p.name for p in Path().iterdir()) == ["a.png", "a_x4.png"]


def test_a_smaller_tile_after_memory_ran_out_is_announced_once_and_kept(capsys, monkeypatch):
    _picture("a.png", 60, 60)
    _picture("b.png", 60, 60, seed=1)
    bands, asked = tiles._bands, []

    def small_only(model, image, *, tile, **options):
        asked.append(tile)
        if tile > 32:
            raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 7 bytes")
        return bands(model, image, tile=tile, **options)

    monkeypatch.setattr(tiles, "_bands", small_only)
    assert _run("a.png", "b.png", "--tile", "128") == 0
    output = capsys.readouterr()
    assert output.out.startswith("a.png: out of memory; going on with tiles of 64 or fewer\n")
    assert output.out.count("out of memory") == 1 and output.err == ""
    assert asked == [128, 64, 32, 32] and _size("b_x4.png") == (240, 240)


@pytest.mark.parametrize("suffix", ["gif", "avif", "jp2", "ppm", "jfif", "apng"])
def test_pictures_of_a_folder_are_those_that_are_read_when_named(capsys, suffix):
    kind = formats.READ[f".{suffix}"].name
    pixels = _picture(f"in/a.{suffix}", 8, 8, format=kind)
    assert _run("in") == 0
    assert _size("in/a_x4.png") == (32, 32) and pixels.shape == (8, 8, 3)
    assert capsys.readouterr().out.startswith(f"in/a.{suffix} -> in/a_x4.png (32x32, ")


def test_pictures_of_odd_or_no_suffix_are_found_in_a_folder(capsys):
    """As browsers and scripts save them; a text stays one."""
    for name, kind in (("in/noext", "PNG"), ("in/screen.jpg_large", "JPEG"), ("in/scan.bak", "WEBP")):
        _picture(name, format=kind)
    Path("in/README").write_text("P1 stands for plan 1")
    assert _run("in") == 0
    assert all(_size(f"in/{name}_x4.png") == (32, 24) for name in ("noext", "screen", "scan"))
    message = "left out because they are neither pictures nor videos: 1, such as in/README\n"
    assert capsys.readouterr().out.startswith(message)
    _run("in")
    assert "left out as earlier results: 3, such as" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["jpg", "webp", "tiff", "bmp"])
def test_a_folder_is_written_in_a_format(name):
    _picture("in/a.png")
    _picture("in/b.webp", seed=1)
    assert _run("in", "-o", "out", "--format", name) == 0
    assert {path.name for path in Path("out").iterdir()} == {f"a.{name}", f"b.{name}"}
    with Image.open(f"out/b.{name}") as image:
        assert (image.format, image.size) == (formats.WRITTEN[f".{name}"].name, (32, 24))


def test_same_keeps_each_format_and_a_suffix_names_the_results():
    for name in ("in/a.png", "in/b.JPG", "in/c.gif"):
        _picture(name)
    assert _run("in", "--format", "same", "--suffix=-large") == 0
    assert {path.name for path in Path("in").glob("*-large.*")} == {"a-large.png", "b-large.jpg", "c-large.gif"}
    assert _run("in", "-o", "out", "--suffix=-large") == 0  # earlier results are known by the suffix
    assert {path.name for path in Path("out").iterdir()} == {"a-large.png", "b-large.png", "c-large.png"}


def test_quality_and_lossless_reach_the_encoder():
    """Each quality changes the size of the file; a lossless WebP holds the very levels of a PNG."""
    _picture("a.png", 20, 24)
    sizes = []
    for quality in ("20", "60", "100"):
        for name in ("a.jpg", "a.webp"):
            assert _run("a.png", "-o", name, "--quality", quality) == 0
            sizes.append(Path(name).stat().st_size)
    assert sizes[::2] == sorted(set(sizes[::2])) and sizes[1::2] == sorted(set(sizes[1::2]))
    assert _run("a.png", "-o", "b.webp", "--lossless") == 0 and _run("a.png", "-o", "b.png", "--lossless") == 0
    np.testing.assert_array_equal(stored("b.webp"), stored("b.png"))


def test_quality_reaches_the_frames_of_an_animation():
    frames = [Image.fromarray(_picture(f"{seed}.png", 20, 24, seed=seed)) for seed in range(2)]
    frames[0].save("a.webp", save_all=True, append_images=frames[1:], lossless=True)
    sizes = []
    for options in (["--quality", "10"], ["--quality", "90"], ["--lossless"]):
        assert _run("a.webp", "-o", "b.webp", *options) == 0
        sizes.append(Path("b.webp").stat().st_size)
    assert sizes == sorted(set(sizes))


def test_skip_existing_leaves_out_what_is_done(capsys):
    _picture("in/a.png")
    assert _run("in", "-o", "out") == 0
    _picture("in/b.png")
    Path("out/a.png").write_bytes(b"done")
    capsys.readouterr()
    assert _run("in", "-o", "out", "--skip-existing") == 0
    assert Path("out/a.png").read_bytes() == b"done" and _size("out/b.png") == (32, 24)
    output = capsys.readouterr().out
    assert output.startswith("left out because they have results: 1, such as in/a.png\n") and output.count("->") == 1
    assert _run("in", "-o", "out", "--overwrite") == 0 and _size("out/a.png") == (32, 24)


def test_quiet_prints_errors_alone_and_verbose_what_a_picture_holds(capsys):
    _picture("in/a.png")
    Path("in/notes.txt").touch()
    Path("in/more.txt").touch()
    Image.new("LA", (4, 4)).save("in/b.png", icc_profile=ICC)
    assert _run("in", "missing.png", "-q") == 1
    output = capsys.readouterr()
    assert output.out == "" and output.err.startswith("jsr.infer: error: missing.png: ")
    assert _run("in", "-v") == 0
    output = capsys.readouterr().out
    for name in ("in/more.txt", "in/notes.txt"):
        assert f"left out because they are neither pictures nor videos: {name}\n" in output
    assert "  from 8x6 RGB of 8 bits\n" in output and "  from 4x4 grey of 8 bits, with transparency, icc\n" in output


def test_json_is_a_line_for_each_picture_and_nothing_else(capsys):
    _picture("in/a\n.png")
    _picture("in/b.png")
    Path("in/notes.txt").touch()
    assert _run("in", "missing.png", "--json") == 1
    output = capsys.readouterr()
    skipped, first, second, third = map(json.loads, output.out.splitlines())
    reason = "because they are neither pictures nor videos"
    assert skipped == {"input": "in/notes.txt", "output": None, "error": None, "skipped": reason}
    assert first.pop("seconds") > 0 and second["output"] == "in/b_x4.png"
    assert first == {
        "input": "in/a\n.png",
        "output": "in/a\n_x4.png",
        "error": None,
        "skipped": None,
        "width": 32,
        "height": 24,
        "from": "8x6 RGB of 8 bits",
        "notes": [],
    }
    assert third == {"input": "missing.png", "output": None, "error": "No such file or directory", "skipped": None}
    assert f"left out {reason}: 1" in output.err
    assert _run("in", "--json", "--skip-existing") == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["input"]: line["skipped"] for line in lines} == {
        "in/a\n_x4.png": "as earlier results",
        "in/b_x4.png": "as earlier results",
        "in/notes.txt": reason,
        "in/a\n.png": "because they have results",
        "in/b.png": "because they have results",
    }


@pytest.mark.parametrize(
    "argv, message",
    [
        (["--quality", "80"], "--quality: a_x4.png would be PNG; expected --format or -o for JPEG, WEBP"),
        (["--quality", "80", "--format", "tiff"], "a_x4.tiff would be TIFF; expected --format or -o for JPEG, WEBP"),
        (["--quality", "0", "--format", "jpg"], "--quality: expected 1 to 100, got 0"),
        (["--lossless", "--format", "jpg"], "--lossless: a_x4.jpg would be JPEG, which always loses detail"),
        (["--lossless", "--quality", "80", "--format", "webp"], "--lossless: expected no --quality beside it"),
        (
            ["--format", "JPG"],
            "--format: expected one of same, png, jpg, jpeg, webp, tif, tiff, bmp, gif, avif, jxl, npy, mp4, m4v, mkv,"
            " webm, mov, got JPG, pe",
        ),
        (["--format", "jpg", "-o", "b.png"], "-o b.png: names a PNG, so expected no --format jpg"),
        (["--suffix", "/x"], "--suffix: expected a part of a name, got /x"),
        (["--suffix", ""], "--suffix: expected a text"),
        (["--suffix", "_big", "-o", "b.png"], "--suffix: expected none beside -o b.png, which names the result"),
        (["--compare", "--format", "jpg"], "--compare: writes photo_compare.png"),
        (["--skip-existing", "--overwrite"], "--overwrite: not allowed with argument --skip-existing"),
        (["-q", "-v"], "-v/--verbose: not allowed with argument -q/--quiet"),
        (["--json", "-o", "-"], "--json: expected -o with a file, because standard output is for the picture"),
        (["--max-pixels", "1e9x"], "--max-pixels: expected a whole number, got 1e9x"),
        (["-i", "a.png"], "-i: no such option; pictures and folders are named without an option"),
        (["-n", "x4plus"], "-n: no such option; the model is --model"),
        (["--qualiti", "9"], "--qualiti: no such option, perhaps --quality"),
    ],
)
def test_options_that_do_not_fit_are_refused_in_one_line(capsys, argv, message):
    _picture("a.png")
    assert message in _refused(capsys, "a.png", "--model", "bicubic", *argv)
    assert sorted(path.name for path in Path().iterdir()) == ["a.png"]


def test_a_folder_of_other_files_alone_is_refused(capsys):
    Path("in").mkdir()
    Path("in/notes.txt").touch()
    line = _refused(capsys, "in", "--model", "bicubic")
    assert line == "jsr.infer: error: in: no pictures or videos in this folder; other files: 1, such as in/notes.txt\n"


def _processes(monkeypatch, indices, *argv):
    """Runs some of three processes, the first one at the end, because it waits for the others."""
    monkeypatch.setenv("JSR_PROCESSES", "3")
    statuses = {}
    for index in sorted(indices, reverse=True):
        monkeypatch.setenv("JSR_PROCESS", str(index))
        statuses[index] = _run(*argv)
    return statuses


def test_processes_share_a_folder_and_the_first_reports_the_sum(capsys, monkeypatch):
    for number in range(7):
        _picture(f"folder/{number}.png")
    Path("folder/4.png").write_bytes(b"broken")
    assert _processes(monkeypatch, range(3), "folder", "-o", "out") == {0: 1, 1: 1, 2: 0}
    output = capsys.readouterr()
    names = re.findall(r"(\d).png ->", output.out)
    assert names == ["2", "5", "1", "0", "3", "6"]
    assert output.out.splitlines()[-1] == "all 3 processes: 6 files made, 1 failed"
    assert "4.png" in output.err and sorted(os.listdir("out")) == [f"{n}.png" for n in range(7) if n != 4]
    # What is done is left out, by each of its own share.
    assert _processes(monkeypatch, range(3), "folder", "--skip-existing", "-o", "out") == {0: 1, 1: 1, 2: 0}
    assert capsys.readouterr().out.splitlines()[-1] == "all 3 processes: 0 files made, 1 failed"


def test_a_dead_process_costs_its_own_pictures_only(capsys, monkeypatch):
    """It left a sign of life."""
    for number in range(5):
        _picture(f"folder/{number}.png")
    Path("out").mkdir()
    Path("out/.jsr-share-1-of-3").write_text("[7]")
    monkeypatch.setattr(shares, "PATIENCE", 0.1)
    assert _processes(monkeypatch, (0, 2), "folder", "-o", "out") == {0: 1, 2: 0}
    output = capsys.readouterr()
    assert output.out.splitlines()[-1] == "all 3 processes: 3 files made, 0 failed"
    assert output.err == "jsr.infer: error: process 1 of 3 is gone; --skip-existing makes what it has not\n"
    monkeypatch.delenv("JSR_PROCESSES")
    assert _run("folder", "--skip-existing", "-o", "out") == 0
    assert sorted(os.listdir("out")) == [f"{n}.png" for n in range(5)]


def test_several_processes_take_no_stream(capsys, monkeypatch):
    monkeypatch.setenv("JSR_PROCESSES", "2")
    monkeypatch.setenv("JSR_PROCESS", "1")
    _picture("a.png")
    assert "-: expected a file or folder for 2 processes" in _refused(capsys, "a.png", "-o", "-")
    monkeypatch.setenv("JSR_PROCESS", "2")
    assert "JSR_PROCESS: expected a number, 0 to 1, in the environment, got 2" in _refused(capsys, "a.png")


def test_a_folder_may_hold_videos_and_pictures(capsys):
    clips = pytest.importorskip("tests.clips")
    Path("in").mkdir()
    _picture("in/a.png")
    _picture("b.png").tofile(os.devnull)
    Path("b.png").rename("in/picture.mp4")  # by its content
    clips.write("in/clip.mp4", clips.smooth(6))
    Path("in/notes.txt").write_text("text")
    assert _run("in") == 0
    assert sorted(path.name for path in Path("in").glob("*_x4*")) == ["a_x4.png", "clip_x4.mp4", "picture_x4.png"]
    assert clips.shown("in/clip_x4.mp4", 128, 192).shape[0] == 6
    output = capsys.readouterr().out
    assert "in/clip.mp4 -> in/clip_x4.mp4 (192x128, " in output
    # The results are no inputs of the next command, and the picture's model is not the video's.
    assert infer.main(["in", "-o", "out", "--format", "mkv", "--model", "nearest", "--skip-existing"]) == 0
    assert sorted(path.name for path in Path("out").iterdir()) == ["a.png", "clip.mkv", "picture.png"]
    assert "left out as earlier results: 3" in capsys.readouterr().out


def test_options_of_the_other_kind_are_refused(capsys):
    clips = pytest.importorskip("tests.clips")
    clips.write("clip.mp4", clips.smooth(2))
    _picture("a.png")
    for options, message in (
        (["clip.mp4", "--compare"], "--compare: is for pictures, got the video clip.mp4"),
        (["clip.mp4", "--frame", "0"], "--frame: is for pictures, got the video clip.mp4"),
        (["clip.mp4", "--burst"], "--burst: is for pictures, got the video clip.mp4"),
        (["clip.mp4", "-o", "a.gif"], "-o: expected a name in .mp4, .m4v, .mkv, .webm, .mov for a video"),
        (["clip.mp4", "--format", "jpg"], "--format: nothing can be written as jpg, got clip.mp4"),
        (["a.png", "-o", "b.mp4"], "-o: expected a name in .png, .jpg"),
        (["a.png", "--codec", "x265"], "--codec: is for videos, got a.png"),
        (["a.png", "clip.mp4", "--quality", "20"], "--quality: is another number for pictures and videos"),
        (["a.png", "-o", "-", "--raw", "8x6", "--json"], "--json: "),
        (["a.png", "--raw", "8x6"], "--raw: expected one input and -o"),
        (["a.png", "-o", "a.png", "--raw", "8x6"], "-o a.png: would overwrite the input"),
        (["a.png", "-o", "b", "--raw", "8"], "--raw: expected width and height, such as 320x180, got 8"),
        (["a.png", "-o", "b", "--raw", "8x6", "--quality", "9"], "--quality: is not for raw frames"),
    ):
        assert _refused(capsys, *options).startswith(f"jsr.infer: error: {message}")


def test_errors_of_a_video_are_one_line(capsys, monkeypatch):
    clips = pytest.importorskip("tests.clips")
    clips.write("clip.mp4", clips.smooth(2))
    Path("noise.mkv").write_bytes(b"noise")
    for options, message in (
        (["noise.mkv"], "noise.mkv: broken or not a video: Invalid data found when processing input"),
        (["clip.mp4", "-o", "a.webm"], "clip.mp4: WebM does not hold its sound, aac; -o NAME.mkv does"),
        (["clip.mp4", "--quality", "60"], "clip.mp4: --quality: expected a CRF of 1 to 51 for H.264, got 60"),
        (["clip.mp4", "--lossless"], "clip.mp4: --lossless: H.264 loses detail; --codec ffv1 in a .mkv does not"),
    ):
        assert _run(*options) == 1
        assert capsys.readouterr() == ("", f"jsr.infer: error: {message}\n")
    for name in [name for name in sys.modules if name.startswith(("av.", "jsr.video.", "jsr.upscaling.video"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("jsr.upscaling.video")
    monkeypatch.setitem(sys.modules, "av", None)
    assert _run("clip.mp4") == 1
    message = "videos need a package that is not installed: pip install 'jax-srgan[video]'"
    assert capsys.readouterr().err == f"jsr.infer: error: clip.mp4: {message}\n"


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


@pytest.mark.skipif(os.name == "nt", reason="needs head and /dev/zero")
def test_raw_frames_pass_through_a_pipe(rng):
    """As between two programs; a size that does not fit is one line, and a reader may leave."""
    frames = rng.integers(0, 256, (5, 6, 8, 3), np.uint8)
    command = [sys.executable, "-m", "jsr.infer", "-", "-o", "-", "--raw", "8x6", "--model", "nearest"]
    root = Path(infer.__file__).parents[1]
    environment = os.environ | {"PYTHONPATH": str(root)}
    process = subprocess.run(command, input=frames.tobytes() + b"rest", capture_output=True, env=environment)
    expected = frames.repeat(4, axis=1).repeat(4, axis=2)
    np.testing.assert_array_equal(np.frombuffer(process.stdout, np.uint8).reshape(expected.shape), expected)
    message = b"jsr.infer: error: -: frame 5 has 4 bytes, expected 144: --raw 8x6 of rgb24, or a whole number of them\n"
    assert (process.returncode, process.stderr) == (1, message)
    with (
        open("/dev/zero", "rb") as endless,
        subprocess.Popen(["head", "-c", "3000000"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as reader,
        subprocess.Popen(
            command, stdin=endless, stdout=reader.stdin, stderr=subprocess.PIPE, env=environment
        ) as writer,
    ):
        assert reader.stdin and writer.stderr
        reader.stdin.close()
        assert (writer.stderr.read(), writer.wait()) == (b"", 141)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="needs signals")
def test_a_killed_video_goes_on_and_an_interrupted_one_says_how(tmp_path):
    """By `kill -9` and by Ctrl-C; the result has the frames of a run that was never stopped."""
    clips = pytest.importorskip("tests.clips")
    clips.write("clip.mp4", clips.smooth(400))
    command = [sys.executable, "-m", "jsr.infer", "clip.mp4", "--model", "espcn", "-o"]
    environment = os.environ | {"PYTHONPATH": str(Path(infer.__file__).parents[1])}
    subprocess.run([*command, "whole.mp4"], check=True, capture_output=True, env=environment)
    place = Path("large.mp4.jsr")
    for count, number in ((1, signal.SIGKILL), (3, signal.SIGINT)):
        with subprocess.Popen([*command, "large.mp4"], stderr=subprocess.PIPE, env=environment) as process:
            while process.poll() is None and len([*place.glob("*.nut")]) < count:
                time.sleep(0.01)
            process.send_signal(number)
            assert process.stderr
            errors = process.stderr.read().decode()
        assert process.returncode == (-9 if number == signal.SIGKILL else 130)
        assert not Path("large.mp4").exists() and len([*place.glob("*.nut")]) >= count
    assert "frames are kept in large.mp4.jsr; the same command goes on with them\n" in errors
    result = subprocess.run([*command, "large.mp4"], check=True, capture_output=True, text=True, env=environment)
    assert " of 400 frames were finished by an earlier run" in result.stdout and not place.exists()
    assert clips.packets("large.mp4") == clips.packets("whole.mp4")
    np.testing.assert_array_equal(clips.shown("large.mp4", 128, 192), clips.shown("whole.mp4", 128, 192))
