"""Tests ../../../jsr/data/sets/pairs.py."""

import re

import numpy as np
import pytest
from PIL import Image

from jsr.data.sets import pairs
from jsr.errors import DataError, PictureError
from jsr.ops import observation
from jsr.ops.observation import Observation


def _write(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8)).save(path)


@pytest.fixture
def benchmark_set(tmp_path, rng):
    """Writes a set of two pictures, with low-resolution ones that are named in both ways."""
    for name in ("hr/a.png", "hr/b.png", "lr/a.png", "lr/bx4.jpg"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        height, width = (41, 34) if path.parent.name == "hr" else (10, 8)
        Image.fromarray(rng.integers(0, 256, (height, width, 3), np.uint8)).save(path)
    return tmp_path


def test_find_takes_both_ways_to_name_lr(benchmark_set):
    first, second = pairs.find(benchmark_set, scale=4)
    assert (first.name, first.lr) == ("a.png", benchmark_set / "lr" / "a.png")
    assert (second.name, second.lr) == ("b.png", benchmark_set / "lr" / "bx4.jpg")


def test_find_pairs_by_the_path_below_the_folder(tmp_path):
    """Not by the name alone, which may come twice; with suffixes that differ, and dots in names."""
    for name in ("hr/city/0001.png", "hr/forest/0001.png", "hr/v1.5.png"):
        _write(tmp_path / name)
    for name in ("lr/forest/0001.jpg", "lr/city/0001x4.png", "lr/v1.5.bmp"):
        _write(tmp_path / name)
    found = {pair.name: pair.lr for pair in pairs.find(tmp_path, scale=4)}
    assert found == {
        "city/0001.png": tmp_path / "lr/city/0001x4.png",
        "forest/0001.png": tmp_path / "lr/forest/0001.jpg",
        "v1.5.png": tmp_path / "lr/v1.5.bmp",
    }


@pytest.mark.parametrize("second", ["lr/a.bmp", "lr/ax4.png"])
def test_find_names_both_of_two_candidates(tmp_path, second):
    for name in ("hr/a.png", "lr/a.png", second):
        _write(tmp_path / name)
    with pytest.raises(DataError, match="hr/a.png: expected one low-resolution picture, got .*lr/a.* and .*lr/a"):
        pairs.find(tmp_path, scale=4)


def test_find_names_what_is_missing(benchmark_set):
    with pytest.raises(DataError, match="no-set is not a folder; expected SET_DIR/hr"):
        pairs.find(benchmark_set / "no-set", scale=4)
    with pytest.raises(DataError, match="lr has no sub-folder 'hr'"):
        pairs.find(benchmark_set / "lr", scale=4)
    (benchmark_set / "lr" / "a.png").unlink()
    with pytest.raises(DataError, match="no picture for a.png$"):
        pairs.find(benchmark_set, scale=4)
    with pytest.raises(DataError, match="no picture for a.png and 1 more of hr$"):
        pairs.find(benchmark_set, scale=3)  # for which b has none either


def test_read_cuts_hr_to_a_multiple_of_the_scale(benchmark_set):
    lr, hr = pairs.read(pairs.find(benchmark_set, scale=4)[0], scale=4)
    assert np.array_equal(lr, np.asarray(Image.open(benchmark_set / "lr" / "a.png")))
    assert np.array_equal(hr, np.asarray(Image.open(benchmark_set / "hr" / "a.png"))[:40, :32])


def test_read_makes_a_missing_lr_from_the_cut_hr(benchmark_set):
    pair = pairs.find(benchmark_set, scale=4)[0]._replace(lr=None)
    lr, hr = pairs.read(pair, scale=4)
    assert np.array_equal(lr, pairs.reduce(hr, scale=4))


def test_read_lays_transparent_pictures_over_white(tmp_path, rng):
    for name, side in (("hr", 24), ("lr", 6)):
        (tmp_path / name).mkdir()
        pixels = rng.integers(0, 256, (side, side, 4), np.uint8)
        pixels[..., 3] = 255
        pixels[: side // 2, :, 3] = 0
        Image.fromarray(pixels).save(tmp_path / name / "a.png")
    for result, name in zip(pairs.read(pairs.find(tmp_path, scale=4)[0], scale=4), ("lr", "hr"), strict=True):
        half = len(result) // 2
        assert (result[:half] == 255).all()
        assert np.array_equal(result[half:], np.asarray(Image.open(tmp_path / name / "a.png"))[half:, :, :3])


def test_read_names_sizes_that_do_not_fit_and_pictures_that_are_broken(benchmark_set, tmp_path):
    pair = pairs.find(benchmark_set, scale=4)[0]
    with pytest.raises(
        DataError, match="a.png: expected hr 2 times the size of lr, got 34x40 for 8x10; --scale 4 would fit$"
    ):
        pairs.read(pair, scale=2)
    Image.new("RGB", (7, 10)).save(tmp_path / "odd.png")
    with pytest.raises(DataError, match="a.png: expected hr 4 times the size of lr, got 32x40 for 7x10$"):
        pairs.read(pair._replace(lr=tmp_path / "odd.png"), scale=4)
    pair.hr.write_bytes(b"no picture")
    with pytest.raises(PictureError, match="hr/a.png: "):
        pairs.read(pair, scale=4)


def test_reduce_of_one_colour_is_that_colour():
    hr = np.full((24, 36, 3), (10, 200, 77), np.uint8)
    lr = pairs.reduce(hr, scale=3)
    assert lr.shape == (8, 12, 3) and lr.dtype == np.uint8 and (lr == (10, 200, 77)).all()


def test_observe_blurs_reduces_and_adds_noise(rng):
    hr = np.asarray(Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8)).resize((240, 240)))
    exact = np.asarray(observation.observe(hr.astype(np.float32), 4, blur=2.0))
    clean, noisy, other = (
        pairs.observe(hr, Observation(blur=2.0, noise=noise), scale=4, seed=seed)
        for noise, seed in ((0.0, 0), (5.0, 0), (5.0, 1))
    )
    assert np.abs(clean - exact).max() <= 0.5 + 1e-3
    assert np.std(noisy - exact) == pytest.approx(5, rel=0.05)
    assert (noisy != other).any()


def test_read_observes_hr_even_where_there_is_lr(benchmark_set):
    pair = next(pair for pair in pairs.find(benchmark_set, scale=4) if pair.lr)
    lr, hr = pairs.read(pair, scale=4, observation=Observation(blur=2.0, noise=5.0))
    assert lr.shape == (hr.shape[0] // 4, hr.shape[1] // 4, 3)
    assert (lr != pairs.read(pair, scale=4)[0]).any()
    again, _ = pairs.read(pair, scale=4, observation=Observation(blur=2.0, noise=5.0))
    np.testing.assert_array_equal(lr, again)  # the noise depends on the name alone


@pytest.mark.parametrize("given", ["", "x4/hr", "x4/lr"])
def test_find_names_the_set_that_may_be_meant(tmp_path, given):
    """Of the scale, where a folder holds the sets of several; above, where one of a set's two folders is given."""
    for name in ("x2/hr", "x4/hr", "x4/lr"):
        (tmp_path / name).mkdir(parents=True)
    with pytest.raises(DataError, match=f"{re.escape(str(tmp_path / given))} has no .*, perhaps {tmp_path / 'x4'}$"):
        pairs.find(tmp_path / given, scale=4)


def test_find_results_pairs_by_path_and_name(benchmark_set):
    for name in ("out/a_x4.png", "out/b_ESRGAN.jpg", "out/c.png"):
        _write(benchmark_set / name)
    found = pairs.find_results(benchmark_set, benchmark_set / "out", scale=4)
    assert [pair.result for pair in found] == [benchmark_set / "out" / n for n in ("a_x4.png", "b_ESRGAN.jpg")]
    assert [pair._replace(result=None) for pair in found] == pairs.find(benchmark_set, scale=4)


def test_find_results_names_what_is_missing_or_twofold(benchmark_set):
    out = benchmark_set / "out"
    with pytest.raises(DataError, match="out is not a folder; expected one with the results for"):
        pairs.find_results(benchmark_set, out, scale=4)
    out.mkdir()
    with pytest.raises(DataError, match="out: no pictures"):
        pairs.find_results(benchmark_set, out, scale=4)
    _write(out / "a.png")
    with pytest.raises(DataError, match="out: no picture for b.png$"):
        pairs.find_results(benchmark_set, out, scale=4)
    _write(out / "b_x4.png")
    _write(out / "b_out.png")
    with pytest.raises(DataError, match="hr/b.png: expected one result, got .*out/b_out.png and .*out/b_x4.png$"):
        pairs.find_results(benchmark_set, out, scale=4)


@pytest.mark.parametrize("size", [(34, 41), (32, 40)])
def test_read_result_takes_the_size_of_the_cut_original_and_of_the_whole(benchmark_set, rng, size):
    image = rng.integers(0, 256, (size[1], size[0], 3), np.uint8)
    for name in ("a.png", "b.png"):
        (benchmark_set / "out").mkdir(exist_ok=True)
        Image.fromarray(image).save(benchmark_set / "out" / name)
    pair = pairs.find_results(benchmark_set, benchmark_set / "out", scale=4)[0]
    result, hr = pairs.read_result(pair, scale=4)
    assert np.array_equal(result, image[:40, :32])
    assert np.array_equal(hr, pairs.read(pair, scale=4)[1])


def test_read_result_names_a_file_of_another_size_and_both_sizes(benchmark_set):
    for name in ("out/a.png", "out/b.png"):
        _write(benchmark_set / name)
    pair = pairs.find_results(benchmark_set, benchmark_set / "out", scale=4)[0]
    with pytest.raises(DataError, match="^.*out/a.png: expected 32x40 pixels, to fit .*hr/a.png, got 8x8$"):
        pairs.read_result(pair, scale=4)
    with pytest.raises(ValueError, match="a.png: expected a pair that find_results has found"):
        pairs.read_result(pair._replace(result=None), scale=4)
