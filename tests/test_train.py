"""Tests ../jsr/train.py, config.py and phases.py, by training tiny runs to their end."""

import dataclasses
import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load, load_file

from jsr import train
from jsr.data import placement as placements
from jsr.devices import parallel
from jsr.errors import ConfigError, TrainingError
from jsr.training import config, loop, losses, optimizers, run_folder
from jsr.training import options as command_line
from jsr.weights import zoo

ROOT = Path(__file__).parents[1]
# ESPCN is small enough for the many runs that are about the loop and not about the network.
TINY = ["--model", "espcn", "--steps", "6", "--batch-size", "4", "--crop", "16", "--log-every", "2"]


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty place with its own cache and a folder of pictures."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    rng = np.random.default_rng(0)
    for i in range(12):
        coarse = rng.integers(0, 256, (10, 12, 3), np.uint8)
        Image.fromarray(coarse).resize((96, 80)).save(tmp_path / "photos" / f"{i}.png")
    return tmp_path


def parse(*options):
    return command_line.parse(["--phase", "srresnet", "--data", "photos", *TINY, *map(str, options)])


def lines(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def command(home, *options, devices=1):
    """Runs the program as a user would, on one device."""
    env = os.environ | {
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
        "PYTHONPATH": str(ROOT),
        "XDG_CACHE_HOME": str(home / "cache"),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "jsr.train", *map(str, options)],
        cwd=home,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_papers_values_are_the_defaults():
    """Ledig et al. 2017, section 3.2."""
    first, second = config.PHASES["srresnet"], config.PHASES["srgan"]
    for phase in (first, second):
        assert (phase.crop, phase.batch_size, phase.learning_rate) == (96, 16, 1e-4)
        assert phase.beta1 == 0.9
    assert first.steps == 10**6
    assert second.steps == 2 * 10**5
    assert second.adversarial_weight == 1e-3
    rate = optimizers.schedule(second)
    assert [float(rate(s)) for s in (0, 10**5 - 1)] == pytest.approx([1e-4, 1e-4])
    assert [float(rate(s)) for s in (10**5 + 1, 2 * 10**5)] == pytest.approx([1e-5, 1e-5])


def test_every_field_is_an_option():
    given = {"steps": 7, "learning_rate": 0.5, "content_weight": 2.0, "content": "mse", "seed": 3}
    options = [x for k, v in given.items() for x in ("--" + k.replace("_", "-"), str(v))]
    expected = dataclasses.replace(config.PHASES["srgan"], **given)
    assert command_line.parse(["--phase", "srgan", *options]) == expected
    demanded = dataclasses.replace(expected, overwrite_config=True)
    assert command_line.parse(["--phase", "srgan", *options, "--overwrite-config"]) == demanded


@pytest.mark.parametrize("path", sorted((ROOT / "experiments").glob("[a-z]*.py")), ids=lambda p: p.stem)
def test_experiments_could_be_run(path, monkeypatch, tmp_path):
    monkeypatch.setenv("JSR_DATA", str(tmp_path))
    config.check(importlib.import_module(f"experiments.{path.stem}").CONFIG)


def test_run_leaves_what_it_promises(home):
    path = loop.run(parse("--save-every", 4, "--sample-every", 3))
    folder = home / "runs" / "srresnet"
    assert path == Path("runs/srresnet/generator.safetensors")
    assert json.loads((folder / "config.json").read_text())["crop"] == 16
    logged = [line for line in lines(folder) if "loss" in line]
    assert [line["step"] for line in logged] == [2, 4, 6]
    assert all(np.isfinite(line["loss"]) for line in logged)
    assert [line["step"] for line in lines(folder) if "psnr" in line] == [3, 4, 6]
    assert sorted(p.name for p in (folder / "samples").iterdir()) == [
        "00000003.png",
        "00000006.png",
    ]
    assert {p.name for p in (folder / "checkpoints").iterdir()} == {"4", "6"}
    assert list(folder.glob("events*"))  # the tensorboard extra is part of the tests' environment
    assert zoo.load(str(folder)).module == zoo.load(str(path)).module


@pytest.mark.slow
def test_pictures_too_many_for_the_devices_train_alike(home, monkeypatch, capsys):
    """Sharded or from the host, the same crops give the same weights, but for the order of sums over devices."""
    placements = ("replicated", "sharded", "streamed")
    for placement in placements:
        monkeypatch.setattr(placements, "choose", lambda _, chosen=placement: (chosen, "tested"))
        monkeypatch.setattr(loop, "MOST_STREAMED", 4)  # so that six steps need two chunks
        loop.run(parse("--workdir", placement))
        assert "(tested)" in capsys.readouterr().out
    ends = [load_file(home / run / "generator.safetensors") for run in placements]
    for name, value in ends[0].items():
        for end in ends[1:]:
            np.testing.assert_allclose(value, end[name], atol=1e-6, err_msg=name)


def test_devices_do_not_wait_for_the_host(home, monkeypatch):
    """A dispatch begins before the metrics of the one before are downloaded, but where the state is needed."""
    events = []
    real = parallel.parallel

    def watched(*args, **options):
        dispatch = real(*args, **options)

        def watching(state, source, count):
            first = int(state.step)
            state, metrics = dispatch(state, source, count)
            events.append(("begin", first))

            def downloading():
                events.append(("download", first))
                return metrics()

            return state, downloading

        return watching

    monkeypatch.setattr(parallel, "parallel", watched)
    monkeypatch.setattr(loop, "DISPATCH_SECONDS", 0.0)  # one step each
    loop.run(parse("--save-every", 3))
    firsts = [[("begin", n), ("begin", n + 1), ("download", n)] for n in (0, 3)]
    rest = [[("begin", n + 2), ("download", n + 1), ("download", n + 2)] for n in (0, 3)]
    assert events == firsts[0] + rest[0] + firsts[1] + rest[1]
    assert [line["step"] for line in lines(home / "runs" / "srresnet")] == [2, 3, 4, 6, 6]


@pytest.mark.slow
def test_a_loop_on_the_device_trains_alike(home, monkeypatch):
    """As on accelerators: many steps to a program, whose metrics are not waited for."""
    loop.run(parse("--workdir", "host", "--save-every", 4))
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    loop.run(parse("--workdir", "device", "--save-every", 4))
    ends = [load_file(home / run / "generator.safetensors") for run in ("host", "device")]
    for name, value in ends[0].items():
        np.testing.assert_allclose(value, ends[1][name], atol=1e-5, err_msg=name)
    losses = [[m["loss"] for m in lines(home / r) if "loss" in m] for r in ("host", "device")]
    np.testing.assert_allclose(*losses, rtol=1e-5)


def test_bfloat16_is_how_a_run_computes_and_not_what_it_leaves(home):
    """The exported network is as of any run: float32 weights, and no word of what they were trained in."""
    paths = [loop.run(parse("--workdir", p, "--precision", p)) for p in ("fp32", "bf16")]
    models = [zoo.load(str(home / path)) for path in paths]
    assert models[0].module == models[1].module
    ends = [load_file(home / path) for path in paths]
    assert {value.dtype for value in ends[1].values()} == {np.dtype(np.float32)}
    assert any(not np.array_equal(value, ends[1][name]) for name, value in ends[0].items())


def test_a_run_may_start_from_another(home, capsys):
    """Fine-tuning: at a rate of almost nothing it ends as what it began from, run or file."""
    first = loop.run(parse("--workdir", "first"))
    for i, origin in enumerate(("first", str(first))):
        tuned = loop.run(parse("--workdir", f"{i}", "--init", origin, "--learning-rate", 1e-12))
        assert f"{origin}\n" in capsys.readouterr().out
        for name, value in load_file(home / first).items():
            np.testing.assert_allclose(load_file(home / tuned)[name], value, atol=1e-6)


def test_time_ends_a_run_that_the_same_command_resumes(home, capsys):
    loop.run(parse("--workdir", "whole"))
    loop.run(parse("--workdir", "parts", "--minutes", 1e-6))
    assert "the same command resumes" in "".join(capsys.readouterr())
    assert lines(home / "parts")[-1]["step"] < 6
    loop.run(parse("--workdir", "parts"))
    ends = [load_file(home / run / "generator.safetensors") for run in ("whole", "parts")]
    for name, value in ends[0].items():
        np.testing.assert_allclose(value, ends[1][name], atol=1e-6, err_msg=name)


def test_muon_orthogonalises_kernels_and_resumes(home):
    """The first change of a kernel, as a matrix, has singular values of about one size; Adam moves the rest."""
    muon = ("--optimizer", "muon", "--learning-rate", 0.1, "--ema-decay", 0)
    params, grads = {"kernel": np.zeros((3, 3, 8, 16)), "bias": np.zeros(16)}, {}
    rng = np.random.default_rng(0)
    grads = {name: rng.normal(size=value.shape) for name, value in params.items()}
    optimizer = optimizers.make_optimizer(parse(*muon))
    updates, _ = optimizer.update(grads, optimizer.init(params), params)
    values = np.linalg.svd(updates["kernel"].reshape(72, 16), compute_uv=False)
    assert values.max() / values.min() < 2
    size = 0.1 * 0.2  # Liu et al. 2025: of the rate, as the size of Adam's updates is
    assert np.sqrt(np.mean(updates["kernel"] ** 2)) == pytest.approx(size, rel=0.3)
    signs = updates["bias"] / np.abs(updates["bias"]).max()  # Adam's first step is of one size
    np.testing.assert_allclose(signs, -np.sign(grads["bias"]), rtol=1e-2)

    loop.run(parse(*muon, "--workdir", "whole"))
    loop.run(parse(*muon, "--workdir", "parts", "--minutes", 1e-6))
    loop.run(parse(*muon, "--workdir", "parts"))
    ends = [load_file(home / run / "generator.safetensors") for run in ("whole", "parts")]
    for name, value in ends[0].items():
        np.testing.assert_allclose(value, ends[1][name], atol=1e-5, err_msg=name)


def test_a_run_before_an_option_was_goes_on(home):
    """Its configuration does not name the option: it computed as the default does."""
    configured = parse("--workdir", "run")
    run_folder.keep(configured)
    path = home / "run" / run_folder.FILE
    old = json.loads(path.read_text())
    del old["precision"]
    path.write_text(json.dumps(old))
    run_folder.check_folder(configured)
    with pytest.raises(ConfigError, match="precision fp32 there, bf16 here"):
        run_folder.check_folder(parse("--workdir", "run", "--precision", "bf16"))


@pytest.mark.slow
def test_stopped_run_equals_one_never_stopped_to_the_last_bit(home):
    """N steps, SIGTERM, and the same command again give the weights of 2N steps in one go, on one CPU device."""
    options = [
        "--phase",
        "srresnet",
        "--data",
        "photos",
        *TINY,
        "--steps",
        "400",
        "--log-every",
        "20",
    ]
    whole = command(home, *options, "--workdir", "whole")
    assert whole.wait(300) == 0, whole.stderr.read()

    stopped = command(home, *options, "--workdir", "stopped")
    record = home / "stopped" / "metrics.jsonl"
    for _ in range(1200):
        if record.exists() and record.read_text():
            break
        time.sleep(0.05)
    stopped.send_signal(signal.SIGTERM)
    assert stopped.wait(120) == 0
    assert "the same command resumes" in stopped.stderr.read() + stopped.stdout.read()
    assert lines(home / "stopped")[-1]["step"] < 400

    resumed = command(home, *options, "--workdir", "stopped")
    out, err = resumed.communicate(timeout=300)
    assert resumed.returncode == 0, err
    assert "resuming" in out
    ends = [load_file(home / run / "generator.safetensors") for run in ("whole", "stopped")]
    assert ends[0].keys() == ends[1].keys()
    for name, value in ends[0].items():
        np.testing.assert_array_equal(value, ends[1][name], err_msg=name)
    numbers = [[(m["step"], m["loss"]) for m in lines(home / r) if "loss" in m] for r in ("whole", "stopped")]
    assert numbers[0][-1] == numbers[1][-1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_loses_no_step(home, monkeypatch, number):
    """It comes while the third step is under way: that step is saved, and the fourth not begun."""
    for each in (signal.SIGTERM, signal.SIGINT):
        monkeypatch.setattr(signal, "SIG_DFL", signal.getsignal(each))
    real, dispatched = parallel.parallel, []

    def watched(*args, **options):
        dispatch = real(*args, **options)

        def signalled(state, source, count):
            dispatched.append(count)
            if len(dispatched) == 3:
                os.kill(os.getpid(), number)
            return dispatch(state, source, count)

        return signalled

    monkeypatch.setattr(parallel, "parallel", watched)
    monkeypatch.setattr(loop, "DISPATCH_SECONDS", 0.0)  # one step each
    before = [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)]
    try:
        loop.run(parse("--workdir", "run"))
        assert dispatched == [1, 1, 1]
        loop.run(parse("--workdir", "run"))
    finally:
        for each, handler in zip((signal.SIGTERM, signal.SIGINT), before, strict=True):
            signal.signal(each, handler)
    assert sum(dispatched) == 6
    assert {p.name for p in (home / "run" / "checkpoints").iterdir()} == {"3", "6"}


def test_pictures_and_patches_that_vanish_do_not_stop_a_run(home, monkeypatch):
    real = parallel.parallel

    def watched(*args, **options):
        dispatch = real(*args, **options)

        def vanishing(state, source, count):
            shutil.rmtree(home / "photos", ignore_errors=True)
            shutil.rmtree(home / "cache", ignore_errors=True)
            return dispatch(state, source, count)

        return vanishing

    monkeypatch.setattr(parallel, "parallel", watched)
    shutil.copytree(home / "photos", home / "kept")
    for placement in ("replicated", "streamed"):
        shutil.copytree(home / "kept", home / "photos", dirs_exist_ok=True)
        monkeypatch.setattr(placements, "choose", lambda _, chosen=placement: (chosen, "tested"))
        loop.run(parse("--workdir", placement))
        assert lines(home / placement)[-1]["step"] == 6


def test_what_may_change_midway_is_overwritten_on_demand(home, capsys):
    loop.run(parse("--workdir", "run", "--schedule", "cosine"))
    longer = ("--workdir", "run", "--schedule", "cosine", "--steps", 8)
    with pytest.raises(ConfigError, match="steps 6 there, 8 here.* give --overwrite-config"):
        loop.run(parse(*longer))
    assert lines(home / "run")[-1]["step"] == 6
    loop.run(parse(*longer, "--learning-rate", 1e-5, "--overwrite-config"))
    (note,) = [line for line in lines(home / "run") if "note" in line]
    assert note["step"] == 6 and "steps 6 there, 8 here, learning_rate" in note["note"]
    assert note["note"] in "".join(capsys.readouterr())
    assert lines(home / "run")[-1]["step"] == 8
    # It is a permission, and no part of the run: the new configuration resumes without it.
    loop.run(parse(*longer, "--learning-rate", 1e-5))


@pytest.mark.parametrize(
    "other",
    [("--seed", 1), ("--crop", 32), ("--data", "other"), ("--model", "srcnn"), ("--scale", 2)],
)
def test_what_makes_another_run_is_refused_even_on_demand(home, other):
    run_folder.keep(parse("--workdir", "run"))
    name = other[0].removeprefix("--")
    for demand in ((), ("--overwrite-config",)):
        with pytest.raises(ConfigError, match=f"{name} .* there, {other[1]} here") as error:
            run_folder.check_folder(parse("--workdir", "run", *other, "--steps", 9, *demand))
        # The keys that may be changed are listed only to who asked for them.
        assert ("allows for other steps, learning_rate" in str(error.value)) == bool(demand)


@pytest.mark.parametrize("text", ["", '{"phase": "srre', "[]", "\x00"])
def test_a_broken_configuration_is_refused_in_one_line(home, text):
    run_folder.keep(parse("--workdir", "run"))
    (home / "run" / run_folder.FILE).write_text(text)
    with pytest.raises(ConfigError, match="expected a run's configuration") as error:
        run_folder.check_folder(parse("--workdir", "run"))
    assert "\n" not in str(error.value)


def test_a_run_killed_before_its_first_line_begins_anew(home):
    """Between the folder and the configuration in it."""
    (home / "run").mkdir()
    (home / "run" / run_folder.TEMPORARY).write_text('{"pha')
    run_folder.check_folder(parse("--workdir", "run"))


@pytest.mark.slow
def test_srgan_goes_on_from_srresnet(home, capsys):
    """Both phases, the full network, two steps each: the bridge between them is the checkpoint."""
    small = ["--data", "photos", "--steps", "2", "--batch-size", "4", "--crop", "16"]
    loop.run(command_line.parse(["--phase", "srresnet", *small]))
    options = ["--phase", "srgan", "--content", "vgg22", "--vgg19", "random", *small]
    loop.run(parse(options))
    assert "generator: from the run" in capsys.readouterr().out
    record = lines(home / "runs" / "srgan")[0]
    assert {"content", "generator", "discriminator", "content_pull"} <= record.keys()
    # Same command, run done: nothing is trained, nothing is lost.
    before = (home / "runs/srgan/generator.safetensors").read_bytes()
    loop.run(parse(options))
    assert "resuming" in capsys.readouterr().out
    assert (home / "runs/srgan/generator.safetensors").read_bytes() == before


def test_loss_that_is_not_finite_stops_the_run_and_keeps_the_checkpoint(home):
    loop.run(parse("--steps", 2, "--workdir", "run", "--schedule", "constant"))
    kept = {p.name for p in (home / "run" / "checkpoints").iterdir()}
    # The same run, made longer, with weights that someone broke.
    original = losses.mse
    losses.mse = lambda a, b: original(a, b) * np.nan
    try:
        with pytest.raises(TrainingError, match="loss is not finite at step 3"):
            loop.run(parse("--steps", 4, "--workdir", "run", "--schedule", "constant"))
    finally:
        losses.mse = original
    assert lines(home / "run")[-1] == {"step": 3, "note": "loss is not finite"}
    assert {p.name for p in (home / "run" / "checkpoints").iterdir()} == kept


@pytest.mark.parametrize(
    ("options", "status", "said"),
    [
        ([], 2, "--phase"),
        (["--phase", "gan"], 2, "srresnet"),
        (["--phase", "srresnet", "--stepz", "3"], 2, "--stepz"),
        (["--phase", "srresnet", "--data", "photos", "--steps", "many"], 2, "many"),
        (["--phase", "srresnet", "--data", "photos", "--crop", "30"], 2, "multiple of the scale 4"),
        (["--phase", "srresnet", "--data", "photos", "--batch-size", "6"], 2, "4 devices, got 6"),
        (["--phase", "srresnet", "--data", "photos", "--model", "unet"], 2, "espcn"),
        (["--phase", "srresnet", "--data", "nowhere"], 1, "nowhere"),
        (["--phase", "srresnet", "--data", "empty"], 1, "empty"),
        (["--phase", "srresnet", "--data", "photos", "--workdir", "photos"], 1, "photos"),
        (["--phase", "srgan", "--data", "photos", "--init", "nowhere"], 1, "nowhere"),
        (
            ["--phase", "srgan", "--data", "photos", "--vgg19", "none.safetensors"],
            1,
            "jsr.convert",
        ),
        (["--phase", "srgan", "--data", "photos", "--workdir", "other"], 1, "phase srresnet there"),
        (["--phase", "srgan", "--data", "photos", "--model", "espcn"], 2, "espcn"),
    ],
)
def test_mistakes_get_one_line(home, capsys, options, status, said):
    (home / "empty").mkdir()
    run_folder.keep(parse("--workdir", "other"))
    with pytest.raises(SystemExit) as ended:
        train.main(options)
    (message,) = capsys.readouterr().err.splitlines()
    assert ended.value.code == status
    assert said in message
    assert message.startswith("jsr.train: error: ")


def test_folder_of_another_run_is_refused(home):
    loop.run(parse("--workdir", "run"))
    with pytest.raises(ConfigError, match="seed 0 there, 1 here"):
        loop.run(parse("--workdir", "run", "--seed", 1))


def test_a_damaged_checkpoint_is_named_and_the_one_before_used(home, capsys):
    loop.run(parse("--workdir", "run", "--save-every", 4))
    whole = (home / "run" / "generator.safetensors").read_bytes()
    path = home / "run" / "checkpoints" / "6" / "state" / "manifest.ocdbt"
    path.write_bytes(path.read_bytes()[:-1])
    capsys.readouterr()
    loop.run(parse("--workdir", "run", "--save-every", 4))
    said = capsys.readouterr().out
    assert (
        "checkpoint 6 in run/checkpoints is damaged (state/manifest.ocdbt has changed);"
        " step 4 is used\nresuming run at step 4\n" in said
    )
    ends = [load(whole), load_file(home / "run" / "generator.safetensors")]
    for name, value in ends[0].items():
        np.testing.assert_allclose(value, ends[1][name], atol=1e-6, err_msg=name)

    for path in (home / "run" / "checkpoints").rglob("_METADATA"):
        path.unlink()
    with pytest.raises(ValueError, match="checkpoint 4 in .* is damaged .*_METADATA is missing.* no other is left"):
        loop.run(parse("--workdir", "run"))
