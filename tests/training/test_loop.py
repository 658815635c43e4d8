"""Tests ../../jsr/training/loop.py by training tiny runs to their end."""

import dataclasses
import json
import os
import shutil
import signal
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load, load_file

from jsr.data import placement
from jsr.devices import parallel
from jsr.devices.parallel import Pending
from jsr.errors import CheckpointError, ConfigError, DataError, TrainingError
from jsr.training import loop, losses, options
from jsr.weights import zoo
from tests.training.tiny_runs import assert_equal_weights, lines, parse


def weights(folder):
    return load_file(folder / "generator.safetensors")


@pytest.fixture
def watch(monkeypatch):
    """Calls a function before each dispatch, with its arguments; a function that it returns wraps the metrics."""

    def install(before):
        make = parallel.make_dispatch

        def make_watched(*args, **kwargs):
            dispatch = make(*args, **kwargs)

            def watched(state, source, count):
                wrap = before(state, source, count)
                state, pending = dispatch(state, source, count)
                return state, wrap(pending) if wrap else pending

            return watched

        monkeypatch.setattr(parallel, "make_dispatch", make_watched)

    return install


def test_run_leaves_its_files(finished):
    assert json.loads((finished / "config.json").read_text())["crop"] == 16
    logged = [line for line in lines(finished) if "loss" in line]
    assert [line["step"] for line in logged] == [2, 4, 6]
    assert all(np.isfinite(line["loss"]) for line in logged)
    assert [line["step"] for line in lines(finished) if "psnr" in line] == [3, 4, 6]
    assert sorted(p.name for p in (finished / "samples").iterdir()) == ["00000003.png", "00000006.png"]
    assert {p.name for p in (finished / "checkpoints").iterdir()} == {"4", "6"}
    assert list(finished.glob("events*"))  # the tensorboard extra is part of the tests' environment
    assert zoo.load(finished).module == zoo.load(finished / "generator.safetensors").module


def test_run_returns_the_path_of_the_generator_and_trains_no_finished_run(finished, watch):
    watch(lambda *_: pytest.fail("a finished run trains on"))
    before = (finished / "generator.safetensors").read_bytes()
    assert loop.run(parse("--workdir", "run")) == Path("run/generator.safetensors")
    assert (finished / "generator.safetensors").read_bytes() == before


def test_run_has_a_folder_named_after_its_phase_by_default(home):
    assert loop.run(parse("--steps", 1)) == Path("runs/srresnet/generator.safetensors")
    assert json.loads(Path("runs/srresnet/config.json").read_text())["workdir"] == "runs/srresnet"


@pytest.mark.slow
def test_run_trains_alike_with_pictures_too_many_for_the_devices(home, monkeypatch, capsys):
    """Sharded or from the host, the same crops give the same weights, up to the order of sums over devices."""
    kinds = ("replicated", "sharded", "streamed")
    for kind in kinds:
        monkeypatch.setattr(placement, "choose", lambda _, kind=kind: (kind, "tested"))
        monkeypatch.setattr(placement, "MOST_STREAMED", 4)  # so that six steps need two chunks
        loop.run(parse("--workdir", kind))
        assert "(tested)" in capsys.readouterr().out
    first, *others = [weights(home / kind) for kind in kinds]
    for other in others:
        assert_equal_weights(first, other, atol=1e-6)


@pytest.fixture
def low(home):
    """Low-resolution pictures of the photographs, which no degradation of ours makes: by nearest neighbours, darker."""
    (home / "low").mkdir()
    for path in (home / "photos").iterdir():
        with Image.open(path) as photograph:
            Image.fromarray(np.asarray(photograph)[::4, ::4] // 2).save(home / "low" / path.name)
    return home / "low"


def test_run_on_pairs_learns_from_their_low_resolution(home, low, monkeypatch, capsys):
    """Crops from the host or from the devices' memory give the same weights, and those of bicubic ones others."""
    for kind in ("replicated", "streamed"):
        monkeypatch.setattr(placement, "choose", lambda _, kind=kind: (kind, "tested"))
        monkeypatch.setattr(placement, "MOST_STREAMED", 4)
        loop.run(parse("--lr", "low", "--workdir", kind, "--accumulate", 1, "--pixel-loss", "l1", "--clip-norm", 1))
        assert "validation: the pictures held out" in capsys.readouterr().out
    assert_equal_weights(weights(home / "replicated"), weights(home / "streamed"), atol=1e-6)
    loop.run(parse("--workdir", "bicubic", "--pixel-loss", "l1", "--clip-norm", 1))
    same = [np.allclose(v, weights(home / "bicubic")[k], atol=1e-6) for k, v in weights(home / "streamed").items()]
    assert not all(same)
    records = [[line for line in lines(home / run) if "psnr" in line][-1] for run in ("replicated", "bicubic")]
    assert all(0 < record["ssim"] < 1 and "lpips" not in record for record in records)
    assert records[0]["psnr"] != records[1]["psnr"]  # that of the pairs held out
    _, metadata = zoo.load(home / "streamed")[1:]
    assert metadata["training"]["lr"] == "low"


def test_run_on_pairs_is_resumed_on_the_same_pairs_alone(home, low):
    loop.run(parse("--lr", "low", "--workdir", "run", "--steps", 2))
    low.rename(home / "moved")
    assert loop.run(parse("--lr", "moved", "--workdir", "run", "--steps", 3))
    with pytest.raises(ConfigError, match="run holds a run on other data"):
        loop.run(parse("--workdir", "run", "--steps", 3))
    Image.new("RGB", (24, 20)).save(home / "moved" / "3.png")
    with pytest.raises(ConfigError, match="in --data photos or --lr moved differ from those it began with"):
        loop.run(parse("--lr", "moved", "--workdir", "run", "--steps", 3))


def test_run_on_pairs_names_the_file_of_a_wrong_size_and_leaves_nothing(home, low):
    Image.new("RGB", (24, 21)).save(low / "3.png")
    with pytest.raises(DataError, match="low/3.png: expected a picture 4 times smaller than photos/3.png of 96x80 pix"):
        loop.run(parse("--lr", "low"))
    assert not (home / "runs").exists()


def test_run_dispatches_before_it_downloads_the_metrics_of_the_dispatch_before(home, monkeypatch, watch):
    """The devices wait for the host only where the state is needed: at steps 3 and 6."""
    events = []

    @dataclasses.dataclass(frozen=True)
    class Watched(Pending):
        first: int

        def wait(self):
            events.append(("download", self.first))
            return super().wait()

    def begin(state, source, count):
        first = int(state.step)
        events.append(("begin", first))
        return lambda pending: Watched(pending.history, pending.steps, pending.end, first)

    watch(begin)
    monkeypatch.setattr(loop, "DISPATCH_SECONDS", 0.0)  # one step each
    loop.run(parse("--save-every", 3))
    starts = [[("begin", n), ("begin", n + 1), ("download", n)] for n in (0, 3)]
    ends = [[("begin", n + 2), ("download", n + 1), ("download", n + 2)] for n in (0, 3)]
    assert events == starts[0] + ends[0] + starts[1] + ends[1]
    assert [line["step"] for line in lines(home / "runs" / "srresnet")] == [2, 3, 4, 6, 6]


@pytest.mark.slow
def test_run_trains_alike_by_a_loop_on_the_device(home, monkeypatch):
    """As on accelerators: many steps to a program, whose metrics are downloaded later."""
    loop.run(parse("--workdir", "host", "--save-every", 4))
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    loop.run(parse("--workdir", "device", "--save-every", 4))
    assert_equal_weights(weights(home / "host"), weights(home / "device"), atol=1e-5)
    records = [[m["loss"] for m in lines(home / r) if "loss" in m] for r in ("host", "device")]
    np.testing.assert_allclose(*records, rtol=1e-5)


def test_run_in_bfloat16_exports_float32_weights_of_the_same_network(finished, home):
    """The precision is a property of the run's arithmetic, not of the network that it exports."""
    path = loop.run(parse("--workdir", "bf16", "--precision", "bf16"))
    assert zoo.load(finished).module == zoo.load(path).module
    exact, rounded = weights(finished), weights(home / "bf16")
    assert {value.dtype for value in rounded.values()} == {np.dtype(np.float32)}
    assert any(not np.array_equal(value, rounded[name]) for name, value in exact.items())


@pytest.mark.parametrize("origin", ["run", "run/generator.safetensors"])
def test_run_starts_from_another_run_or_file(finished, home, capsys, origin):
    """Fine-tuning: at a rate of almost nothing it ends as what it began from."""
    loop.run(parse("--workdir", "tuned", "--init", origin, "--learning-rate", 1e-12))
    assert f"{origin}\n" in capsys.readouterr().out
    assert_equal_weights(weights(finished), weights(home / "tuned"), atol=1e-6)


def test_run_ended_by_its_time_is_resumed_by_the_same_command(finished, home, capsys):
    loop.run(parse("--workdir", "parts", "--minutes", 1e-6))
    assert "the same command resumes" in "".join(capsys.readouterr())
    assert lines(home / "parts")[-1]["step"] < 6
    loop.run(parse("--workdir", "parts"))
    assert_equal_weights(weights(finished), weights(home / "parts"), atol=1e-6)


@pytest.mark.slow
def test_run_with_muon_is_resumed(home):
    muon = ("--optimizer", "muon", "--learning-rate", 0.1, "--ema-decay", 0)
    loop.run(parse(*muon, "--workdir", "whole"))
    loop.run(parse(*muon, "--workdir", "parts", "--minutes", 1e-6))
    loop.run(parse(*muon, "--workdir", "parts"))
    assert_equal_weights(weights(home / "whole"), weights(home / "parts"), atol=1e-5)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_run_loses_no_step_to_a_signal(home, monkeypatch, watch, number):
    """It comes while the third step is under way: that step is saved, and the fourth not begun."""
    for each in (signal.SIGTERM, signal.SIGINT):
        monkeypatch.setattr(signal, "SIG_DFL", signal.getsignal(each))
    dispatched = []

    def kill(state, source, count):
        dispatched.append(count)
        if len(dispatched) == 3:
            os.kill(os.getpid(), number)

    watch(kill)
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


@pytest.mark.parametrize("kind", ["replicated", pytest.param("streamed", marks=pytest.mark.slow)])
def test_run_needs_pictures_and_patches_at_its_start_only(home, monkeypatch, watch, kind):
    def remove(*_):
        shutil.rmtree(home / "photos", ignore_errors=True)
        shutil.rmtree(home / "cache", ignore_errors=True)

    watch(remove)
    monkeypatch.setattr(placement, "choose", lambda _: (kind, "tested"))
    loop.run(parse("--workdir", "run"))
    assert not (home / "photos").exists() and not (home / "cache").exists()
    assert lines(home / "run")[-1]["step"] == 6


def test_run_overwrites_its_configuration_on_request(finished, capsys):
    other = ("--workdir", "run", "--steps", 8, "--learning-rate", 1e-5)
    with pytest.raises(ConfigError, match="learning_rate 0.0001 there, 1e-05 here.* give --overwrite-config"):
        loop.run(parse(*other))
    assert lines(finished)[-1]["step"] == 6
    loop.run(parse(*other, "--overwrite-config"))
    (note,) = [line for line in lines(finished) if "note" in line]
    assert note["step"] == 6 and "learning_rate 0.0001 there, 1e-05 here" in note["note"]
    assert note["note"] in "".join(capsys.readouterr())
    assert lines(finished)[-1]["step"] == 8
    # It permits one command and is no part of the run: the new configuration resumes without it.
    loop.run(parse(*other))


@pytest.mark.slow
def test_run_of_srgan_starts_from_that_of_srresnet(home, capsys):
    """Both phases, the full network, two steps each: the checkpoint is the bridge between them."""
    small = ["--data", "photos", "--steps", "2", "--batch-size", "4", "--crop", "16"]
    loop.run(options.parse(["--phase", "srresnet", *small]))
    config = options.parse(["--phase", "srgan", "--content", "vgg22", "--vgg19", "random", *small])
    loop.run(config)
    assert "generator: from the run" in capsys.readouterr().out
    record = lines(home / "runs" / "srgan")[0]
    assert {"content", "generator", "discriminator", "content_pull"} <= record.keys()
    # The same command after the end trains nothing and changes nothing.
    before = (home / "runs/srgan/generator.safetensors").read_bytes()
    loop.run(config)
    assert "resuming" in capsys.readouterr().out
    assert (home / "runs/srgan/generator.safetensors").read_bytes() == before


def test_run_stops_at_a_loss_that_is_not_finite_and_keeps_the_checkpoints(finished, monkeypatch):
    """The same run, made longer, with a loss that breaks."""
    before = {p.name for p in (finished / "checkpoints").iterdir()}
    mse = losses.mse
    monkeypatch.setattr(losses, "mse", lambda a, b: mse(a, b) * np.nan)
    with pytest.raises(TrainingError, match="loss is not finite at step 7; .*run/checkpoints; try"):
        loop.run(parse("--steps", 8, "--workdir", "run"))
    assert lines(finished)[-1] == {"step": 7, "note": "loss is not finite"}
    assert {p.name for p in (finished / "checkpoints").iterdir()} == before


def test_run_says_so_where_a_loss_is_not_finite_and_there_is_no_checkpoint(home, monkeypatch):
    mse = losses.mse
    monkeypatch.setattr(losses, "mse", lambda a, b: mse(a, b) * np.nan)
    with pytest.raises(TrainingError, match="loss is not finite at step 1; none is saved yet in run/checkpoints; try"):
        loop.run(parse("--workdir", "run"))
    assert not list((home / "run" / "checkpoints").iterdir())


@pytest.mark.parametrize("spelling", ["photos/", "./photos", "{}/photos", "moved", "copied"])
def test_run_is_resumed_with_the_same_pictures_wherever_they_lie(finished, home, spelling):
    if spelling == "moved":
        (home / "photos").rename("moved")
    elif spelling == "copied":  # with new times
        shutil.copytree("photos", "copied", copy_function=shutil.copyfile)
    data = spelling.format(home)
    loop.run(parse("--workdir", "run", "--data", data, "--steps", 7))
    assert lines(finished)[-1]["step"] == 7
    assert json.loads((finished / "config.json").read_text())["data"] == data


@pytest.mark.parametrize("change", ["more", "fewer", "renamed", "edited"])
def test_run_is_resumed_with_other_pictures_on_request_alone(finished, home, change):
    """Under the path that the run records."""
    if change == "more":
        shutil.copy("photos/0.png", "photos/more.png")
    elif change == "fewer":
        Path("photos/0.png").unlink()
    elif change == "renamed":
        Path("photos/0.png").rename("photos/another.png")
    else:
        path = Path("photos/7.png")
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    before = (finished / "config.json").read_bytes()
    with pytest.raises(ConfigError, match="^run holds a run on other data .* give --overwrite-config$"):
        loop.run(parse("--workdir", "run", "--steps", 7))
    assert (finished / "config.json").read_bytes() == before
    loop.run(parse("--workdir", "run", "--steps", 7, "--overwrite-config"))
    (note,) = [line for line in lines(finished) if "note" in line]
    assert note["step"] == 6 and "pictures in --data photos differ" in note["note"]
    loop.run(parse("--workdir", "run", "--steps", 8))
    assert lines(finished)[-1]["step"] == 8


def test_run_goes_on_with_another_batch_and_crop_on_request(finished, capsys):
    other = ("--workdir", "run", "--steps", 8, "--batch-size", 8, "--crop", 24)
    with pytest.raises(ConfigError, match="batch_size 4 there, 8 here, crop 16 there, 24 here.* give --overwrite-conf"):
        loop.run(parse(*other))
    before = weights(finished)
    loop.run(parse(*other, "--overwrite-config"))
    assert "resuming run at step 6" in capsys.readouterr().out
    assert lines(finished)[-1]["step"] == 8
    assert any((value != before[name]).any() for name, value in weights(finished).items())
    (note,) = [line for line in lines(finished) if "note" in line]
    assert "batch_size 4 there, 8 here" in note["note"]


def test_run_needs_no_call_that_windows_lacks(home, monkeypatch):
    """Taken away after the imports, since libraries ask for it there where the system has it."""
    monkeypatch.delattr(os, "sysconf")
    loop.run(parse("--workdir", "run", "--steps", 2))
    assert lines(home / "run")[-1]["step"] == 2


def test_run_refuses_the_folder_of_another(finished):
    with pytest.raises(ConfigError, match="seed 0 there, 1 here"):
        loop.run(parse("--workdir", "run", "--seed", 1))


def test_run_names_a_damaged_checkpoint_and_resumes_from_the_one_before(finished, capsys):
    whole = (finished / "generator.safetensors").read_bytes()
    path = finished / "checkpoints" / "6" / "state" / "manifest.ocdbt"
    path.write_bytes(path.read_bytes()[:-1])
    loop.run(parse("--workdir", "run", "--save-every", 4))
    assert (
        "checkpoint 6 in run/checkpoints is damaged (state/manifest.ocdbt has changed);"
        " step 4 is used\nresuming run at step 4\n" in capsys.readouterr().out
    )
    assert_equal_weights(load(whole), weights(finished), atol=1e-6)

    for path in (finished / "checkpoints").rglob("_METADATA"):
        path.unlink()
    with pytest.raises(
        CheckpointError, match="checkpoint 4 in .* is damaged .*_METADATA is missing.* no other is left"
    ):
        loop.run(parse("--workdir", "run"))
