"""Tests ../jsr/infer.py."""

import hashlib
import os
import subprocess
import sys
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
from jsr.models.interpolation import Interpolation
from jsr.models.srresnet import SRResNet
from jsr.ops.bleed import bleed
from jsr.ops.observation import Observation
from jsr.pictures import Metadata, Picture, formats, writing
from jsr.upscaling import burst, tiles
from jsr.weights import file as weights_file
from jsr.weights import zoo
from tests import bursts
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
    assert output.startswith("left out because they are not pictures: 2, such as in/b/table.csv\n")


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
    model = _network(Path("w.safetensors"), factors=(3,))
    assert infer.main(["photo.png", "--model", "w.safetensors", "--tile", "16"]) == 0
    expected = tiles.upscale(model, pixels)
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
    expected = tiles.upscale(corners[0]._replace(variables=mixed), pixels)
    np.testing.assert_allclose(stored("photo_x4.png"), expected.astype(int), atol=1)


def test_help_explains_texture_and_restore_and_hides_blend(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    with pytest.raises(SystemExit):
        infer.main(["--help"])
    text = capsys.readouterr().out
    assert "from faithful, 0, to painted, 1: sharper, with invented detail" in text
    assert "from pictures that were only made smaller, 0, to photographs with JPEG, noise or blur, 1" in text
    assert "--blend" not in text


@pytest.mark.parametrize("name", zoo.RECONSTRUCTIONS)
def test_scale_blur_and_noise_reach_the_method(name):
    pixels = _picture("a.png", 20, 24)
    assert infer.main(["a.png", "--model", name, "--scale", "3", "--psf", "sigma=1.2", "--noise", "5"]) == 0
    model = zoo.load(name, scale=3).with_observation(Observation(blur=1.2, noise=5.0))
    np.testing.assert_array_equal(np.asarray(Image.open("a_x3.png")), tiles.upscale(model, pixels))


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
    writing.write("a.png", Picture(pixels, alpha, Metadata(ICC, exif.tobytes())))
    assert _run("a.png") == 0
    width, height, rows, info = png.Reader(bytes=Path("a_x4.png").read_bytes()).read()
    planes = 2 if is_grey else 4
    assert (width, height, info["planes"]) == (28, 20, planes)
    assert info["bitdepth"] == 8 * np.dtype(dtype).itemsize
    samples = np.array([list(row) for row in rows]).reshape(20, 28, planes)
    assert (samples[:, :9, -1] == 0).all() and (samples[:, -12:, -1] == top).all()
    large = pictures.read("a_x4.png")
    assert large.metadata.icc == ICC and b"Camera" in (large.metadata.exif or b"")
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
    assert errors[4:] == ["jsr.infer: 4 of 6 pictures failed"]
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
    assert errors == [f"jsr.infer: error: a.png: {message}", "jsr.infer: 1 of 2 pictures failed"]
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

    def interrupted(path, picture):
        if path.name == "b_x4.png":
            raise KeyboardInterrupt
        return write(path, picture)

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


def test_two_results_of_one_name_are_refused(capsys):
    for name in ("a.png", "b/a.webp"):
        _picture(name)
    line = _refused(capsys, "a.png", "b/a.webp", "-o", "out", "--model", "bicubic")
    assert "a.png and b/a.webp would both become out/a.png" in line
    assert not Path("out").exists() and not Path("a_x4.png").exists()


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
        (["a.png", "--tile", "big"], "--tile"),
        (["a.png", "-o", "a.avif", "--model", "bicubic"], "a.avif: expected a name that ends in one"),
        (["a.png", "c.png", "-o", "b.png", "--model", "bicubic"], "-o b.png: expected a folder"),
        ([".", "-o", "b.png", "--model", "bicubic"], "-o b.png: expected a folder"),
        ([".", "-o", "file", "--model", "bicubic"], "-o file: expected a folder"),
        (["empty", "--model", "bicubic"], "empty: no pictures in this folder"),
        (["a.png", "--texture", "1.5"], "--texture: expected 0 to 1, got 1.5"),
        (["a.png", "--texture", "nan"], "--texture: expected 0 to 1, got nan"),
        (["a.png", "--texture", "much"], "--texture"),
        (["a.png", "--texture", "1", "--restore", "-1"], "--restore: expected 0 to 1, got -1"),
        (["a.png", "--blend", "1.5"], "--texture: expected 0 to 1, got 1.5"),
        (["a.png", "--restore", "1", "--model", "bicubic"], "expected no --model, got bicubic"),
        (["a.png", "--no-such"], "--no-such"),
        (["a.png", "--scale", "5"], "--scale: invalid choice: 5"),
        (["a.png", "--scale", "2"], "SRResNet: expected its own scale, 4, got 2"),
        (["a.png", "--scale", "2", "--model", "espcn"], "espcn: no weights of scale 2 are released, only espcn_x4"),
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
        expected = tiles.upscale(zoo.load(name).folded(), pixels)
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


def test_a_folder_of_other_files_alone_is_refused(capsys):
    Path("in").mkdir()
    Path("in/notes.txt").touch()
    line = _refused(capsys, "in", "--model", "bicubic")
    assert line == "jsr.infer: error: in: no pictures in this folder; other files: 1, such as in/notes.txt\n"
