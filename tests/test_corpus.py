"""Tests by value the results of `jsr.infer` for every kind of picture: corpus.py."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from jsr import infer, pictures
from tests import corpus, encoders
from tests.expected import stored

SAMPLES = {sample.name: sample for sample in corpus.samples()}
RIGHT = [sample for sample in SAMPLES.values() if sample.pixels is not None]
ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def batch(tmp_path_factory):
    """The whole corpus given to one command; its folder, status and lines."""
    folder = tmp_path_factory.mktemp("corpus")
    for i, sample in enumerate(SAMPLES.values()):
        (folder / f"{i:03}").mkdir()
        (folder / f"{i:03}" / sample.name).write_bytes(sample.content)
    files = sorted(str(p) for p in folder.glob("*/*"))
    out, err = sys.stdout, sys.stderr
    with open(folder / "out", "w+") as sys.stdout, open(folder / "err", "w+") as sys.stderr:
        try:
            status = infer.main([*files, "--model", "bicubic", "--frame", "0", "--format", "png"])
        finally:
            sys.stdout, sys.stderr = out, err
    return folder, status, (folder / "err").read_text().splitlines()


def _enlarged(pixels):
    """Returns Pillow's bicubic result, in float levels."""
    size = (4 * pixels.shape[1], 4 * pixels.shape[0])
    planes = pixels.reshape(*pixels.shape[:2], -1).astype(np.float32)
    large = [
        np.asarray(Image.fromarray(plane).resize(size, Image.Resampling.BICUBIC))
        for plane in np.moveaxis(planes, -1, 0)
    ]
    top = np.iinfo(pixels.dtype).max
    return np.clip(np.stack(large, axis=-1), 0, top).reshape(size[1], size[0], *pixels.shape[2:])


def _assert_right(path, sample):
    """Asserts mode, depth, size, profile, transparency and colours of a result."""
    assert sample.pixels is not None
    result = pictures.read(path)  # tested against other readers in tests/pictures
    expected = _enlarged(sample.pixels)
    assert result.pixels.shape == expected.shape and result.pixels.dtype == sample.pixels.dtype
    assert result.metadata.icc == sample.icc
    level = np.iinfo(sample.pixels.dtype).max // 255
    is_visible = np.ones(sample.pixels.shape[:2], bool)
    inner = np.s_[8:-8, 8:-8]  # Pillow pads edges otherwise
    if sample.alpha is None:
        assert result.alpha is None
    else:
        assert result.alpha is not None and result.alpha.dtype == sample.alpha.dtype
        error = np.abs(result.alpha - _enlarged(sample.alpha))[inner] / level
        assert error.max() <= 1.01 + 1.5 * sample.tolerance
        # Beside transparent pixels, jsr fills in colours, and Pillow does not.
        is_visible = np.asarray(Image.fromarray(sample.alpha > 0).convert("L").filter(ImageFilter.MinFilter(7))) > 0
    is_visible = is_visible.repeat(4, axis=0).repeat(4, axis=1)
    difference = (result.pixels - expected) / level
    if is_visible.any():
        assert np.abs(difference[is_visible].mean(axis=0)).max() <= 1 + sample.tolerance / 4
    if is_visible[inner].any():
        assert np.abs(difference[inner][is_visible[inner]]).max() <= 1.01 + 1.5 * sample.tolerance


@pytest.mark.parametrize("sample", RIGHT, ids=lambda s: s.name)
def test_infer_is_right(batch, sample):
    folder = batch[0]
    (source,) = folder.glob(f"*/{sample.name}")
    _assert_right(source.with_name(f"{source.stem}_x4.png"), sample)


def test_infer_refuses_every_other_file_in_one_line_and_leaves_nothing(batch):
    folder, status, errors = batch
    refused = [sample for sample in SAMPLES.values() if sample.pixels is None]
    assert status == 1 and len(errors) == len(refused) + 1
    for sample, line in zip(refused, errors, strict=False):
        assert line.startswith("jsr.infer: error: ") and f"/{sample.name}: " in line
        assert sample.message in line
    assert errors[-1] == f"jsr.infer: {len(refused)} of {len(SAMPLES)} files failed"
    assert len(list(folder.rglob("*_x4.png"))) == len(RIGHT)
    assert not list(folder.rglob(".*"))


def test_infer_keeps_grey_exactly_grey(tmp_path):
    """Also where it is stored in three channels, and whatever the network would tint."""
    level = encoders.grey()
    for name, pixels in (("one", level), ("three", np.stack([level] * 3, axis=-1))):
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    assert infer.main([str(tmp_path), "--model", "srgan"]) == 0
    one, three = (stored(tmp_path / f"{n}_x4.png") for n in ("one", "three"))
    assert one.ndim == 2 and three.shape[2] == 3
    for channel in range(3):
        np.testing.assert_array_equal(three[..., channel], one)


def test_infer_keeps_colours_and_shows_no_halo(tmp_path):
    """The mean colour of bicubic; around a disc on transparent black, nothing darker than the disc."""
    pixels = encoders.smooth(40, 30)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    y, x = np.mgrid[:48, :48] - 23.5
    inside = y**2 + x**2 < 300
    disc = np.where(inside[..., None], (200, 120, 60, 255), 0).astype(np.uint8)
    Image.fromarray(disc).save(tmp_path / "disc.png")
    assert infer.main([str(tmp_path), "--model", "srgan"]) == 0
    large = stored(tmp_path / "a_x4.png")
    assert np.abs(large.mean(axis=(0, 1)) - pixels.mean(axis=(0, 1))).max() < 3
    large = stored(tmp_path / "disc_x4.png")
    seen = large[large[..., 3] > 0][:, :3].astype(int)
    assert np.abs(seen - (200, 120, 60)).max() < 12


# Names and places


def test_infer_takes_hard_names(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    pixels = encoders.smooth()
    for name in corpus.HARD_NAMES:
        Image.fromarray(pixels).save(Path(f"{name}.png"))
    assert infer.main([".", "--model", "nearest"]) == 0
    assert infer.main(["--model", "nearest", "--", "-dash.png", "two words.png"]) == 0
    for name in corpus.HARD_NAMES:
        large = stored(Path(f"{name}_x4.png"))
        np.testing.assert_array_equal(large, pixels.repeat(4, 0).repeat(4, 1))
    assert capsys.readouterr().err == ""


def test_infer_on_a_full_disk_loses_the_pictures_that_do_not_fit(tmp_path, rng):
    Image.fromarray(rng.integers(0, 256, (64, 64, 3), np.uint8)).save(tmp_path / "large.png")
    Image.fromarray(encoders.smooth(8, 8)).save(tmp_path / "small.png")
    (tmp_path / "large_x4.png").write_bytes(b"an earlier result")
    limited = f"ulimit -f 10; exec {sys.executable} -m jsr.infer large.png small.png --model nearest"
    process = subprocess.run(
        ["bash", "-c", limited],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.returncode == 1 and "Traceback" not in process.stderr
    assert process.stderr.splitlines() == [
        "jsr.infer: error: large.png: large_x4.png: cannot be written: File too large",
        "jsr.infer: 1 of 2 files failed",
    ]
    assert (tmp_path / "large_x4.png").read_bytes() == b"an earlier result"
    names = sorted(os.listdir(tmp_path))
    assert names == ["large.png", "large_x4.png", "small.png", "small_x4.png"]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that not even root writes to")
def test_infer_names_a_folder_that_cannot_be_written_to(tmp_path, capsys):
    Image.fromarray(encoders.smooth(8, 8)).save(tmp_path / "a.png")
    assert infer.main([str(tmp_path / "a.png"), "-o", "/proc/self/", "--model", "nearest"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "/proc/self/a.png: cannot be written: " in line
    assert infer.main([str(tmp_path / "a.png"), "-o", "/proc/none/", "--model", "nearest"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_infer_follows_links_and_takes_a_folder_inside_its_own_output(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("in/deep").mkdir(parents=True)
    pixels = encoders.smooth(8, 8)
    Image.fromarray(pixels).save("in/a.png")
    Image.fromarray(255 - pixels).save("in/deep/b.png")
    Path("in/dangling.png").symlink_to("nowhere.png")
    Path("in/circle").symlink_to("..")
    Path("in/other.png").symlink_to("deep/b.png")
    before = Path("in/a.png").read_bytes(), Path("in/deep/b.png").read_bytes()
    for _ in range(2):  # the second time, the results are there already
        assert infer.main(["in", "-o", "out", "--model", "nearest"]) == 1
        errors = capsys.readouterr().err.splitlines()
        assert len(errors) == 2 and "in/dangling.png: No such file" in errors[0]
    assert (Path("in/a.png").read_bytes(), Path("in/deep/b.png").read_bytes()) == before
    large = stored("out/a.png")
    np.testing.assert_array_equal(large, pixels.repeat(4, 0).repeat(4, 1))
    Path("in/circle").unlink()
    Path("in/dangling.png").unlink()
    assert infer.main(["in/deep", "-o", "in/deep/../large", "--model", "nearest"]) == 0
    assert infer.main(["in/deep", "-o", "in/deep/out", "--model", "nearest"]) == 0
    assert infer.main(["in/deep", "-o", "in/deep/out", "--model", "nearest"]) == 0
    assert sorted(p.name for p in Path("in/deep").rglob("*.*")) == ["b.png", "b.png"]
    assert infer.main(["in/deep", "-o", ".", "--model", "nearest"]) == 0
    assert stored("b.png").shape[:2] == (32, 32)
