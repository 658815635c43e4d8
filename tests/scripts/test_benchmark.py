"""Tests ../../scripts/benchmark. Nothing here depends on how long anything takes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from PIL import Image

from jsr.models import Model
from jsr.models.srresnet import SRResNet
from jsr.weights import zoo
from scripts.benchmark import __main__ as benchmark
from scripts.benchmark import (
    comparison,
    contestants,
    flops,
    memory,
    ncnn_calls,
    peaks,
    quality,
    scale,
    sizes,
    start,
    table,
    timing,
)
from scripts.benchmark.cases import LOSSES, Picture, Task
from tests.models.networks import init

ROOT = Path(__file__).parents[2]
LIMITS = {"fp32": 1e-4, "bf16": 0.1}


def test_generator_flops_equal_a_count_by_hand():
    module = SRResNet(factors=(2,), features=2, blocks=1)
    head, block, body, subpixel, tail = (
        9 * 9 * 3 * 2,
        2 * 9 * 2 * 2,
        9 * 2 * 2,
        9 * 2 * 8,
        81 * 2 * 3,
    )
    expected = 2 * (15 * (head + block + body + subpixel) + 60 * tail)
    assert flops.generator_flops(module, 3, 5) == expected == 80_460


def test_discriminator_flops_equal_a_count_by_hand():
    assert flops.discriminator_flops(1, 8) == 2 * 3600


def test_vgg19_flops_are_as_published():
    """19.63 GMACs, of which the dense layers are 0.12."""
    assert flops.vgg19_flops(224) == pytest.approx(2 * 19.51e9, rel=1e-3)


def test_flops_of_a_step_are_three_passes():
    one = flops.generator_flops(SRResNet(), 24, 24)
    assert flops.flops(Picture(24, 24)) == one
    assert flops.flops(Task("srresnet", "mse", 16, 96, 1)) == 48 * one
    mse, vgg54 = (flops.flops(Task("srgan", content, 1, 96, 1)) for content in ("mse", "vgg54"))
    assert mse == 3 * one + 7 * flops.discriminator_flops(64, 96)
    assert vgg54 == mse + 3 * flops.vgg19_flops(96)


def test_summed_lists_what_a_program_sums_over_the_devices():
    """Also in a loop and in a derivative."""

    def step(x):
        def body(_, y):
            return y + lax.psum(jnp.ones((5,)), "d").sum()

        y = lax.fori_loop(0, 3, body, x.sum())
        return lax.pmean({"a": x, "b": y}, "d")

    jaxpr = jax.make_jaxpr(step, axis_env=[("d", 4)])(jnp.ones((2, 3))).jaxpr
    assert sorted(shape.size for shape in scale.summed(jaxpr)) == [1, 5, 6]


@pytest.mark.slow
def test_scale_times_processes_that_share_a_batch(monkeypatch):
    monkeypatch.setattr(scale, "COUNTS", (2,))
    monkeypatch.setenv("XLA_FLAGS", "")  # one device a process
    (row,) = scale.times(Task("srresnet", "mse", 1, 32, 1), repeats=1)
    assert (row["processes"], row["of ideal"]) == (2, 1)
    # 1.55 million gradients, two statistics of each of 33 layers with 64 channels, and the loss.
    parameters = sum(x.size for x in jax.tree.leaves(zoo.load("srresnet").variables["params"]))
    assert row["MB summed"] == pytest.approx(4e-6 * (parameters + 33 * 2 * 64 + 1), rel=0.01)
    assert row["in collectives"] > 0 and row["ms"] > 0


def test_rows_compare_within_a_precision():
    seconds = {"jsr fp32": 2.0, "jsr bf16": 1.0, "peer fp32": 4.0, "peer bf16": 0.5}
    peak = {"fp32": 1e12, "bf16": 4e12}
    made = table.rows(seconds, dict.fromkeys(seconds, 0.0), work=10**12, peak=peak, limits=LIMITS)
    rows = {row["contestant"]: row for row in made}
    assert [rows[name]["jsr/peer"] for name in seconds] == [None, None, 0.5, 2.0]
    assert rows["peer bf16"]["TFLOP/s"] == 2 and rows["peer bf16"]["of peak"] == 0.5
    assert rows["peer fp32"]["ms"] == 4000 and rows["peer fp32"]["per second"] == 0.25


@pytest.mark.parametrize(
    "name, difference, wrong",
    [
        ("peer fp32", 0.9e-4, False),
        ("peer fp32", 1.1e-4, True),
        ("peer fp32", float("nan"), True),
        ("peer bf16", 0.09, False),
        ("peer bf16", 0.11, True),
        ("jsr bf16", 0.11, True),
    ],
)
def test_rows_disqualify_a_contestant_whose_outcome_differs(name, difference, wrong):
    names: list[str] = ["jsr fp32", "jsr bf16", "peer fp32", "peer bf16"]
    seconds = dict.fromkeys(names, 1.0)
    differences = dict.fromkeys(names, 0.0) | {name: difference}
    peak = {"fp32": 1.0, "bf16": 1.0}
    rows = table.rows(seconds, differences, work=1, peak=peak, limits=LIMITS)
    assert [r["contestant"] for r in rows if r["disqualified"]] == [name] * wrong
    assert table.table(rows).count("DISQUALIFIED") == wrong


def test_rows_compare_both_kinds_of_16_bits():
    seconds = {"jsr fp32": 2.0, "jsr bf16": 1.0, "peer fp16": 4.0}
    made = table.rows(seconds, dict.fromkeys(seconds, 0.0), work=1, peak={"fp32": 1.0, "bf16": 1.0}, limits=LIMITS)
    assert made[2]["jsr/peer"] == 0.25


@pytest.mark.parametrize("factors", [(3,), (2, 2)], ids=["x3", "x4"])
@pytest.mark.parametrize("precision, limit", [("fp32", 1e-4), ("fp16", 1e-2), ("bf16", 5e-2)])
def test_ncnn_computes_our_network(rng, precision, limit, factors):
    pytest.importorskip("ncnn", reason="ncnn is an extra")
    x = rng.uniform(size=(1, 12, 17, 3)).astype(np.float32)
    module = SRResNet(factors=factors, features=8, blocks=2)
    model = Model(module, init(module, x, gain=0.7), {})
    y = ncnn_calls.infer(model=model, x=x, threads=1, precision=precision)()
    expected = np.asarray(jax.jit(module.apply)(model.variables, x))
    assert np.std(expected) > 0.1
    np.testing.assert_allclose(y.transpose(0, 2, 3, 1), expected, atol=limit)


def test_rival_that_is_not_installed_names_its_package(monkeypatch):
    rival = ncnn_calls.Rival("a-package", "no_such_module", "a")
    monkeypatch.setitem(ncnn_calls.RIVALS, "other", rival)
    with pytest.raises(ModuleNotFoundError, match="^pip install a-package$"):
        ncnn_calls.rival("other", threads=1)


ROWS = [
    {"model": "bicubic", "ms": 10.0, "PSNR": 26.0, "LPIPS": 0.44},
    {"model": "srcnn", "ms": 100.0, "PSNR": 27.5, "LPIPS": 0.32},
    {"model": "other (ncnn)", "ms": 50.0, "PSNR": 25.0, "LPIPS": 0.22},
    {"model": "srresnet", "ms": 900.0, "PSNR": 28.25, "LPIPS": 0.29},
]


def test_frontier_leaves_out_what_a_faster_one_equals():
    names = [[row["model"] for row in quality.frontier(ROWS, axis)] for axis in quality.AXES]
    assert names == [["bicubic", "srcnn", "srresnet"], ["bicubic", "other (ncnn)"]]


@pytest.mark.parametrize("has_lpips", [False, True])
def test_draw_names_every_model_in_each_panel(tmp_path, has_lpips):
    rows = ROWS if has_lpips else [row | {"LPIPS": None} for row in ROWS]
    quality.draw(rows, tmp_path / "a.svg")
    text = (tmp_path / "a.svg").read_text()
    assert [text.count(f">{row['model']}<") for row in ROWS] == [1 + has_lpips] * len(ROWS)


def test_main_leaves_quality_out_without_its_set(fakes, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("JSR_DATA", str(tmp_path))
    assert benchmark.main(["--parts", "quality"]) == 0
    assert capsys.readouterr().out == "\nquality: left out: expected eval/Set14/x4 in the folder JSR_DATA\n"


def test_quality_scores_and_times_all(monkeypatch, tmp_path, rng):
    for name, side in (("hr", 48), ("lr", 12)):
        (tmp_path / name).mkdir()
        Image.fromarray(rng.integers(0, 256, (side, side, 3), np.uint8)).save(tmp_path / name / "a.png")
    monkeypatch.setattr(quality, "MODELS", ("bicubic", "espcn"))
    monkeypatch.setattr(quality.ncnn_calls, "RIVALS", {"other": ncnn_calls.Rival("a-package", "no_such_module", "a")})
    rows, left_out = quality.measure(tmp_path, repeats=1, threads=1, side=8)
    assert {row["model"] for row in rows} == {"bicubic", "espcn"} and left_out == {"other": "pip install a-package"}
    assert rows[0]["ms"] <= rows[1]["ms"] and all(0 < row["PSNR"] < 30 for row in rows)


@pytest.mark.slow
def test_sizes_compares_two_folders():
    one, many = sizes.times(count=2, repeats=1)
    assert one["of one size"] == 1 and many["of one size"] == pytest.approx(many["ms"] / one["ms"])


def test_differences_are_relative():
    y = np.zeros((1, 2, 2, 3))
    assert comparison.infer_difference(y, y + 0.5) == 0.25
    assert comparison.train_difference(np.array([[1.0, 2.2]]), np.array([[1.0, 2.0]])) == (pytest.approx(0.1))


def test_infer_outcome_takes_either_layout():
    y = np.arange(60.0).reshape(1, 4, 5, 3)
    for other in (y, y.transpose(0, 3, 1, 2)):
        np.testing.assert_array_equal(comparison.infer_outcome(lambda other=other: other), y)


def test_alternate_calls_all_in_every_round():
    calls = []
    named = {name: lambda name=name: calls.append(name) for name in "abc"}
    times = timing.alternate(named, repeats=4, pause=0)
    rounds = [calls[i : i + 3] for i in range(0, 12, 3)]
    assert len(calls) == 12 and all(sorted(r) == ["a", "b", "c"] for r in rounds)
    assert len({tuple(r) for r in rounds}) > 1
    assert {name: len(t) for name, t in times.items()} == {"a": 4, "b": 4, "c": 4}


def test_table_is_markdown():
    rows = [
        {"contestant": "jsr", "ms": 1.25, "MB": None},
        {"contestant": "a", "ms": 100.0, "MB": 3},
    ]
    assert table.table(rows) == (
        "| contestant | ms    | MB |\n"
        "| ---------- | ----- | -- |\n"
        "| jsr        | 1.2   | -  |\n"
        "| a          | 100.0 | 3  |"
    )


def test_margin_is_a_difference_in_seconds():
    rows = [
        {"what": "import jax", "ms": 1000},
        {"what": "cold", "ms": 9e3},
        {"what": "warm", "ms": 2500},
    ]
    assert start.margin(rows) == pytest.approx(0.4)


@pytest.fixture
def fakes(monkeypatch):
    """Contestants that take no time, on one device; a test changes what they return."""
    y = np.zeros((1, 4, 4, 3))
    found = {"jsr fp32": lambda: lambda: y, "peer fp32": lambda: lambda: y + 1e-6}
    monkeypatch.setitem(contestants.BUILDERS, "infer", lambda case, *, threads: found)
    monkeypatch.setattr(peaks, "measure", lambda **_: {"fp32": 1e12, "bf16": 1e12})
    monkeypatch.setattr(memory, "peak_memory", lambda *_: 1.0)
    monkeypatch.setattr(benchmark.jax, "device_count", lambda: 1)
    return found


def test_main_leaves_a_missing_peer_out_and_says_why(fakes, capsys, tmp_path):
    def missing():
        raise ModuleNotFoundError("No module named 'other'")

    fakes["other fp32"] = missing
    options = ["--parts", "infer", "--quick", "--repeats", "1", "--json", str(tmp_path / "a.json")]
    assert benchmark.main(options) == 0
    assert "left out of infer 24x16: other fp32: No module named 'other'" in capsys.readouterr().out
    report = json.loads((tmp_path / "a.json").read_text())
    assert [row["contestant"] for row in report["infer"]] == ["jsr fp32", "peer fp32"]
    assert report["left out"] == {"infer 24x16": {"other fp32": "No module named 'other'"}}


def test_main_returns_1_where_an_output_differs(fakes, capsys):
    fakes["peer fp32"] = lambda: lambda: np.full((1, 4, 4, 3), 1e-3)
    assert benchmark.main(["--parts", "infer", "--quick", "--repeats", "1"]) == 1
    assert "DISQUALIFIED" in capsys.readouterr().out


def test_main_raises_where_jsr_fails(fakes):
    def broken():
        raise RuntimeError("broken")

    fakes["jsr fp32"] = broken
    with pytest.raises(RuntimeError, match="broken"):
        benchmark.main(["--parts", "infer", "--quick", "--repeats", "1"])


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--parts", "none"], "--parts: expected one of "),
        (["--repeats", "0"], "--repeats: expected 1 or more, got 0"),
        (["--threads", "0"], "--threads: expected 1 to "),
        (["--json", "missing/a.json"], "--json: missing/a.json: no such folder"),
        ([], "expected one device, got 4; set CUDA_VISIBLE_DEVICES"),
    ],
)
def test_main_refuses_wrong_arguments(capsys, arguments, message):
    with pytest.raises(SystemExit) as exit:
        benchmark.main(arguments)
    assert exit.value.code == 2
    assert capsys.readouterr().err.startswith(f"benchmark: error: {message}")


@pytest.mark.slow
@pytest.mark.parametrize("phase, content", [("srresnet", "mse"), ("srgan", "mse"), ("srgan", "vgg54")])
def test_train_begins_with_the_losses_of_torch(phase, content):
    """The second step's losses depend on the gradients and on Adam, in both networks."""
    pytest.importorskip("torch", reason="torch is the contestant")
    builders = contestants.train(Task(phase, content, 4, 32, 1), threads=2)
    ours, theirs = (comparison.train_outcome(builders[name]()) for name in ("jsr fp32", "torch eager fp32"))
    assert ours.shape == (2, len(LOSSES[phase]))
    assert not np.allclose(ours[0], ours[1], rtol=1e-3)
    assert comparison.train_difference(theirs, ours) < comparison.LIMITS["train"]["fp32"]


@pytest.mark.slow
def test_main_runs_all_contestants(tmp_path):
    environment = {k: v for k, v in os.environ.items() if k != "XLA_FLAGS"}
    environment["PYTHONPATH"] = str(ROOT)
    options = ["--quick", "--repeats", "1", "--parts", "infer", "data", "--json", "a.json"]
    process = subprocess.run(
        [sys.executable, "-m", "scripts.benchmark", *options],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stdout + process.stderr
    report = json.loads((tmp_path / "a.json").read_text())
    names = [row["contestant"] for row in report["infer"]]
    left_out = report["left out"]["infer 24x16"]
    assert {"jsr fp32", "jsr bf16"} <= set(names) and not set(names) & set(left_out)
    assert len(names) + len(left_out) == 12
    assert [row["contestant"] for row in report["data"]] == ["jsr", "Pillow"]
