"""Tests ../jsr/evaluate.py."""

import functools
import json
import shutil
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jsr import evaluate
from jsr.data.sets import pairs
from jsr.data.sets.benchmarks import Benchmark
from jsr.metrics import fidelity, lpips, lpips_model, niqe, niqe_model
from jsr.metrics.lpips import Reference
from jsr.metrics.protocol import Protocol
from jsr.metrics.scores import mean
from jsr.models.judges.alexnet import AlexNet
from jsr.ops.observation import Observation
from jsr.upscaling import tiles
from jsr.weights import zoo

# PSNR (dB), SSIM (Wang) and SSIM (daala) of MATLAB-style bicubic at x4, as the folder's own README gives them.
BICUBIC = {
    "Set5": (28.43, 0.8113, 0.8202),
    "Set14": (26.09, 0.7049, 0.7491),
    "BSD100": (25.96, 0.6682, 0.6934),
}


def _scene(rng, height, width):
    """A picture with edges and texture, so that models differ on it."""
    y, x = np.mgrid[:height, :width]
    waves = 128 + 90 * np.sin(x * y / 90)[..., None] * [1, 0.6, -0.8]
    return np.clip(waves + rng.normal(0, 6, waves.shape), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def fetched_lpips():
    """What the user has fetched of LPIPS; skips the test where it is missing."""
    reference = lpips_model.load()
    if reference is None:
        pytest.skip("needs the weights of LPIPS: jsr fetch lpips")
    return reference


@pytest.fixture(autouse=True)
def empty_cache(tmp_path_factory, monkeypatch):
    """So that no result depends on what the user has fetched; a fixture of the module is made before this one."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def with_lpips(monkeypatch):
    """LPIPS with random weights; its heads are all one."""
    variables = AlexNet().init(jax.random.key(0), jnp.zeros((1, 64, 64, 3)))
    heads = tuple(np.ones(n, np.float32) for n in (64, 192, 384, 256, 256))
    monkeypatch.setattr(lpips_model, "load", lambda: Reference(AlexNet(), variables, heads))


@pytest.fixture
def benchmark_set(tmp_path, rng):
    """A set of two pictures; the second has sides that 4 does not divide."""
    folder = tmp_path / "tiny"
    (folder / "hr").mkdir(parents=True)
    for name, size in (("a.png", (64, 80)), ("b.png", (67, 61))):
        Image.fromarray(_scene(rng, *size)).save(folder / "hr" / name)
    return folder


def _scores(name, folder):
    return evaluate.score_set(_contestant(name), Benchmark("tiny", folder))


def _contestant(name, perceptual=None):
    model = zoo.load(name)
    score = functools.partial(evaluate.score, model, protocol=Protocol(niqe_model.load(), perceptual))
    return evaluate.Contestant(name, 4, functools.partial(pairs.find, scale=4), score, model)


def _fails(argv, capsys):
    """Runs the command; returns its status and its only line on stderr."""
    try:
        status = evaluate.main([str(a) for a in argv])
    except SystemExit as stop:
        status = stop.code
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and error.startswith("jsr.evaluate: error: "), error
    return status, error


@pytest.mark.parametrize("name", BICUBIC)
def test_bicubic_has_the_known_scores(jsr_data, name):
    means = mean(_scores("bicubic", jsr_data / "eval" / name / "x4"))
    psnr, ssim, daala = BICUBIC[name]
    assert means.ssim_daala == pytest.approx(daala, abs=5e-4)
    assert means.psnr == pytest.approx(psnr, abs=0.02)
    assert means.ssim == pytest.approx(ssim, abs=5e-4)


def test_missing_lr_is_made_by_bicubic_reduction(jsr_data, tmp_path):
    """Without `lr` the scores are nearly those with the pictures that MATLAB made."""
    given = jsr_data / "eval" / "Set5" / "x4"
    (tmp_path / "hr").symlink_to(given / "hr")
    with_lr, without = (mean(_scores("bicubic", f)) for f in (given, tmp_path))
    assert without.psnr == pytest.approx(with_lr.psnr, abs=0.02)
    assert without.ssim == pytest.approx(with_lr.ssim, abs=5e-4)


def test_table_json_and_verbose_say_the_same(benchmark_set, tmp_path, capsys):
    argv = ["--model", "bicubic", "nearest", "--data", str(benchmark_set), "--verbose"]
    assert evaluate.main([*argv, "--json", str(tmp_path / "scores.json")]) == 0
    output = capsys.readouterr().out
    document = json.loads((tmp_path / "scores.json").read_text())
    assert (document["channel"], document["shave"], document["ssim"]) == ("y", "scale", "Wang 2004")
    bicubic, nearest, original = document["results"]
    assert original["mean"] == {"psnr": None, "ssim": None, "ssim_daala": None, "niqe": None}
    assert (bicubic["model"], nearest["model"], bicubic["set"]) == ("bicubic", "nearest", "tiny")
    assert bicubic["mean"]["psnr"] > nearest["mean"]["psnr"]
    for result in (bicubic, nearest):
        scores = [image["psnr"] for image in result["images"]]
        assert [image["name"] for image in result["images"]] == ["a.png", "b.png"]
        assert result["mean"]["psnr"] == pytest.approx(np.mean(scores))
        for row in [*result["images"], result["mean"]]:
            shown = f"{row['psnr']:.3f} / {row['ssim']:.4f} / {row['ssim_daala']:.4f} / -"
            assert shown in output  # too small for NIQE
    assert output.splitlines()[-4].split() == [*"PSNR dB / SSIM Wang / SSIM daala / NIQE".split(), "tiny"]


def test_scores_are_those_of_the_upscaled_picture(benchmark_set):
    """Repetition needs no resampling code: the scores of `nearest` follow from numpy alone."""
    lr = np.asarray(Image.open(benchmark_set / "hr" / "a.png").reduce(4))
    (benchmark_set / "lr").mkdir()
    (benchmark_set / "hr" / "b.png").unlink()
    Image.fromarray(lr).save(benchmark_set / "lr" / "ax4.png")  # DIV2K's way to name it
    hr = np.asarray(Image.open(benchmark_set / "hr" / "a.png"))
    repeated = lr.repeat(4, axis=0).repeat(4, axis=1)
    (score,) = _scores("nearest", benchmark_set)
    measures = (fidelity.psnr, fidelity.ssim, fidelity.ssim_daala)
    assert score[1:4] == pytest.approx([measure(hr, repeated) for measure in measures])


def test_niqe_is_that_of_the_upscaled_picture_and_of_the_original(tmp_path, rng, capsys):
    (tmp_path / "hr").mkdir()
    Image.fromarray(_scene(rng, 208, 208)).save(tmp_path / "hr" / "a.png")
    argv = ["--model", "nearest", "--data", str(tmp_path), "--json", str(tmp_path / "s.json")]
    assert evaluate.main(argv) == 0
    (hr,) = (np.asarray(Image.open(path)) for path in (tmp_path / "hr").iterdir())
    lr = pairs.reduce(hr, scale=4)
    images = lr.repeat(4, axis=0).repeat(4, axis=1), hr
    results = json.loads((tmp_path / "s.json").read_text())["results"]
    model = niqe_model.load()
    for result, image in zip(results, images, strict=True):
        assert result["mean"]["niqe"] == pytest.approx(niqe.distance(image, model))


def test_lpips_is_that_of_the_whole_picture_and_undefined_for_originals(benchmark_set, with_lpips, tmp_path, capsys):
    argv = ["--model", "nearest", "--data", str(benchmark_set), "--json", str(tmp_path / "s.json"), "--grid"]
    assert evaluate.main(argv) == 0
    out, err = capsys.readouterr()
    caption, title, nearest, original = out.splitlines()
    assert caption.endswith("; LPIPS of whole RGB pictures")
    assert "/ NIQE / LPIPS / grid" in title and "LPIPS" not in err
    document = json.loads((tmp_path / "s.json").read_text())
    assert document["lpips"] == "0.1, AlexNet"
    result, original_result = document["results"]
    assert original_result["mean"]["lpips"] is None and original.split()[-3] == "-"
    reference = lpips_model.load()
    assert reference is not None
    for image in result["images"]:
        hr = np.asarray(Image.open(benchmark_set / "hr" / image["name"]))
        hr = hr[: len(hr) // 4 * 4, : hr.shape[1] // 4 * 4]
        sr = pairs.reduce(hr, scale=4).repeat(4, axis=0).repeat(4, axis=1)
        assert image["lpips"] == pytest.approx(lpips.distance(hr, sr, reference), rel=1e-5)
    assert nearest.split()[-3] == f"{result['mean']['lpips']:.3f}"


def test_without_the_weights_of_lpips_one_line_tells_how_to_get_them(benchmark_set, tmp_path, capsys):
    argv = ["--model", "nearest", "--data", str(benchmark_set), "--json", str(tmp_path / "s.json")]
    assert evaluate.main(argv) == 0
    out, err = capsys.readouterr()
    assert err.splitlines()[-1] == "LPIPS: not measured; jsr fetch lpips" and "LPIPS" not in out
    document = json.loads((tmp_path / "s.json").read_text())
    assert document["lpips"] is None and "lpips" not in document["results"][0]["mean"]


@pytest.mark.slow
@pytest.mark.parametrize("name, expected", [("Set5", 0.341), ("Set14", 0.440)])
def test_bicubic_has_the_known_lpips(fetched_lpips, jsr_data, name, expected):
    """Recorded from an LPIPS in PyTorch. With a border of 4 pixels shaved, Set5 would have 0.344."""
    contestant = _contestant("bicubic", perceptual=fetched_lpips)
    scores = evaluate.score_set(contestant, Benchmark(name, jsr_data / "eval" / name / "x4"))
    assert mean(scores).lpips == pytest.approx(expected, abs=1e-3)


def test_grey_and_16_bit_pictures_count_as_rgb(tmp_path, rng):
    grey = _scene(rng, 64, 64)[..., 0]
    scores = []
    for name, image in (
        ("rgb", np.repeat(grey[..., None], 3, axis=-1)),
        ("grey", grey),
        ("deep", grey.astype(np.uint16) * 257),
    ):
        (tmp_path / name / "hr").mkdir(parents=True)
        Image.fromarray(image).save(tmp_path / name / "hr" / "a.png")
        scores += _scores("bicubic", tmp_path / name)
    assert scores[0] == scores[1] == scores[2]


def test_equal_pictures_are_null_in_json(tmp_path):
    """JSON has no infinity, and strict readers refuse the word."""
    (tmp_path / "flat" / "hr").mkdir(parents=True)
    Image.new("RGB", (64, 64), (90, 90, 90)).save(tmp_path / "flat" / "hr" / "a.png")
    argv = ["--model", "nearest", "--data", str(tmp_path / "flat")]
    assert evaluate.main([*argv, "--json", str(tmp_path / "s.json")]) == 0

    def refuse(word):
        raise AssertionError(word)

    text = (tmp_path / "s.json").read_text()
    result, _ = json.loads(text, parse_constant=refuse)["results"]
    assert result["mean"] == {"psnr": None, "ssim": 1.0, "ssim_daala": 1.0, "niqe": None}


def test_degrade_makes_a_column_for_each_observation(benchmark_set, tmp_path, capsys):
    """Methods that take blur and noise as known are told of them, the others are not."""
    argv = ["--model", "bicubic", "map", "--data", str(benchmark_set), "--json", str(tmp_path / "s.json")]
    assert evaluate.main([*argv, "--degrade", "sigma=2", "sigma=1,noise=4"]) == 0
    heading = capsys.readouterr().out.splitlines()[1]
    assert "tiny sigma=2,noise=0" in heading and "tiny sigma=1,noise=4" in heading
    results = {(r["model"], r["set"]): r for r in json.loads((tmp_path / "s.json").read_text())["results"]}
    seen = Observation(blur=1.0, noise=4.0)
    pair = pairs.find(benchmark_set, scale=4)[1]
    lr, hr = pairs.read(pair, scale=4, observation=seen)
    for name, model in (("bicubic", zoo.load("bicubic")), ("map", zoo.load("map").with_observation(seen))):
        single = results[name, "tiny sigma=1,noise=4"]["images"][1]
        expected = fidelity.psnr(hr, tiles.upscale(model, lr), shave=4)
        assert single["psnr"] == pytest.approx(expected, abs=1e-3)


def test_scale_is_that_of_the_models(benchmark_set, capsys):
    assert evaluate.main(["--model", "lanczos", "ibp", "--scale", "3", "--data", str(benchmark_set)]) == 0
    assert capsys.readouterr().out.count("tiny") == 1


def test_time_is_printed_on_demand(benchmark_set, capsys):
    argv = ["--model", "nearest", "--data", str(benchmark_set)]
    assert evaluate.main(argv) == 0
    assert "256x256" not in capsys.readouterr().out
    assert evaluate.main([*argv, "--time"]) == 0
    _, heading, nearest, original = capsys.readouterr().out.splitlines()
    assert heading.endswith("256x256") and original.endswith("-")
    value, unit = nearest.split()[-2:]
    assert unit == "s" and 0 < float(value) < 10


def test_wrong_arguments_end_with_2(benchmark_set, tmp_path, capsys):
    (tmp_path / "empty" / "hr").mkdir(parents=True)
    data = ["--data", benchmark_set]
    for argv, message in (
        (["--model", "nonesuch", *data], "srresnet"),  # lists the names
        (["--model", "bicubic", "--data", tmp_path / "nowhere"], "is not a folder"),
        (["--model", "bicubic", "--data", tmp_path], "has no sub-folder 'hr'"),
        (["--model", "bicubic", "--data", tmp_path / "empty"], "no pictures"),
        (["--model", "srcnn", *data, "--scale", "2"], "srcnn: no weights of scale 2 are released"),
        (["--model", "bicubic", *data, "--niqe-model", tmp_path / "no.mat"], "no.mat: No such"),
        (["--results", tmp_path / "out", *data], "out is not a folder; expected one with the results for"),
        (["--results", benchmark_set / "hr", tmp_path / "empty", *data], "empty: no pictures"),
    ):
        status, error = _fails(argv, capsys)
        assert status == 2 and message in error


@pytest.fixture
def results(benchmark_set, tmp_path):
    """What another program has made of the set: each pixel repeated, in files that are named in its own way."""
    for pair in pairs.find(benchmark_set, scale=4):
        lr, _ = pairs.read(pair, scale=4)
        (tmp_path / "rival").mkdir(exist_ok=True)
        Image.fromarray(lr.repeat(4, axis=0).repeat(4, axis=1)).save(tmp_path / "rival" / f"{pair.hr.stem}_x4_out.png")
    return tmp_path / "rival"


def test_results_have_the_scores_of_the_model_that_makes_the_same(benchmark_set, results, with_lpips, tmp_path, capsys):
    argv = ["--model", "nearest", "--results", str(results), "--data", str(benchmark_set), "--grid", "--time"]
    assert evaluate.main([*argv, "--json", str(tmp_path / "s.json")]) == 0
    *_, nearest, rival, original = capsys.readouterr().out.splitlines()
    assert [row.split()[0] for row in (nearest, rival, original)] == ["nearest", "rival", "original"]
    assert rival.split()[-1] == "-"  # of the time
    nearest, rival, _ = json.loads((tmp_path / "s.json").read_text())["results"]
    assert rival["images"] == nearest["images"] and rival["mean"]["lpips"] > 0


@pytest.mark.parametrize("shave", ["0", "3", "scale"])
def test_results_in_rgb_agree_with_scikit_image(benchmark_set, results, tmp_path, capsys, shave):
    metrics = pytest.importorskip("skimage.metrics")
    argv = ["--results", str(results), "--data", str(benchmark_set), "--channel", "rgb", "--shave", shave]
    assert evaluate.main([*argv, "--json", str(tmp_path / "s.json")]) == 0
    border = 4 if shave == "scale" else int(shave)
    caption, title, *_ = capsys.readouterr().out.splitlines()
    assert caption == f"PSNR and SSIM of RGB, NIQE of Y (BT.601), {border} pixels shaved" and "daala" not in title
    document = json.loads((tmp_path / "s.json").read_text())
    assert (document["channel"], document["shave"]) == ("rgb", "scale" if shave == "scale" else border)
    for image in document["results"][0]["images"]:
        hr = np.asarray(Image.open(benchmark_set / "hr" / image["name"]))
        sr = np.asarray(Image.open(results / image["name"].replace(".", "_x4_out.")))
        x, y = (z[border : sr.shape[0] - border, border : sr.shape[1] - border] for z in (hr, sr))
        assert image["psnr"] == pytest.approx(metrics.peak_signal_noise_ratio(x, y))
        options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "channel_axis": -1}
        assert image["ssim"] == pytest.approx(metrics.structural_similarity(x, y, data_range=255, **options))


def test_results_of_several_sets_and_programs_have_their_own_cells(benchmark_set, results, tmp_path, capsys):
    """A second set in which all is flat, and a second program, which has the pictures of both sets in sub-folders."""
    other = tmp_path / "sets" / "flat"
    (other / "hr").mkdir(parents=True)
    Image.new("RGB", (48, 48), (90, 90, 90)).save(other / "hr" / "c.png")
    for name, folder in (("tiny", results), ("flat", other / "hr")):
        shutil.copytree(folder, tmp_path / "both" / name)
    argv = ["--results", tmp_path / "both", "--data", benchmark_set, other, "--json", tmp_path / "s.json"]
    assert evaluate.main([str(a) for a in argv]) == 0
    tiny, flat, *_ = json.loads((tmp_path / "s.json").read_text())["results"]
    assert [image["name"] for image in tiny["images"]] == ["a.png", "b.png"] and tiny["mean"]["psnr"] < 40
    assert flat["mean"]["ssim"] == 1 and flat["mean"]["psnr"] is None  # infinite


def test_results_of_another_size_end_with_1(benchmark_set, results, capsys):
    Image.new("RGB", (61, 64)).save(results / "b_x4_out.png")
    status, error = _fails(["--results", results, "--data", benchmark_set], capsys)
    assert status == 1 and f"error: {results / 'b_x4_out.png'}: expected 60x64 pixels, to fit" in error
    assert error.endswith("hr/b.png, got 61x64\n")


def test_a_row_without_numbers_is_explained(benchmark_set, capsys):
    assert evaluate.main(["--model", "nearest", "--data", str(benchmark_set)]) == 0
    line = capsys.readouterr().err.splitlines()[0]
    assert line == "NIQE: - where a picture has less than two blocks of 96x96 pixels: 2 of 2 in tiny"


def test_lr_without_a_partner_ends_with_2(benchmark_set, capsys):
    (benchmark_set / "lr").mkdir()
    Image.new("RGB", (20, 16)).save(benchmark_set / "lr" / "a.png")
    status, error = _fails(["--model", "bicubic", "--data", benchmark_set], capsys)
    assert status == 2 and "no picture for b.png" in error


def test_pictures_that_cannot_be_scored_end_with_1(benchmark_set, capsys):
    argv = ["--model", "bicubic", "--data", benchmark_set]
    Image.new("RGB", (16, 16)).save(benchmark_set / "hr" / "a.png")
    status, error = _fails(argv, capsys)
    assert status == 1 and "a.png: expected at least 19 pixels" in error
    (benchmark_set / "hr" / "a.png").write_bytes(b"no picture")
    status, error = _fails(argv, capsys)
    assert status == 1 and "a.png" in error


def test_sizes_that_do_not_fit_the_scale_end_with_1(benchmark_set, capsys):
    (benchmark_set / "lr").mkdir()
    (benchmark_set / "hr" / "b.png").unlink()
    Image.new("RGB", (40, 32)).save(benchmark_set / "lr" / "a.png")
    status, error = _fails(["--model", "bicubic", "--data", benchmark_set], capsys)
    assert status == 1 and "expected hr 4 times the size of lr, got 80x64 for 40x32; --scale 2 would fit\n" in error


def test_the_command_itself(benchmark_set):
    command = [sys.executable, "-m", "jsr.evaluate", "--model", "nearest", "--data"]
    result = subprocess.run([*command, benchmark_set], capture_output=True, text=True)
    assert result.returncode == 0 and "nearest" in result.stdout, result.stderr
    result = subprocess.run([*command, "nowhere"], capture_output=True, text=True)
    assert result.returncode == 2 and result.stderr.count("\n") == 1
