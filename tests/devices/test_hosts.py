"""Tests ../../jsr/devices/hosts.py: processes that train together, as real ones on the loopback interface."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from jsr.files import checksums
from tests.training.tiny_runs import assert_equal_weights, lines, make_photos

ROOT = Path(__file__).parents[2]
PATIENCE = 6  # seconds of silence after which a process is gone, here
TINY = ["--data", "photos", "--batch-size", "4", "--crop", "16", "--log-every", "5"]
ESPCN = ["--phase", "srresnet", "--model", "espcn", *TINY, "--workdir", "run"]
# Both phases: the second starts from the first, and reads its averaged generator.
EQUAL = ["--steps", "20", "--save-every", "20", "--sample-every", "20", *TINY]
COMMANDS = [
    ("streamed", ["--phase", "srresnet", "--optimizer", "muon", "--workdir", "srresnet", *EQUAL]),
    ("sharded", ["--phase", "srgan", "--content", "mse", "--workdir", "srgan", *EQUAL]),
]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    return tmp_path_factory.mktemp("compiled")


@pytest.fixture
def place(tmp_path, compiled):
    """A folder with photographs, in which processes run."""
    make_photos(tmp_path / "photos")
    return Place(tmp_path, compiled)


class Place:
    """Starts processes in a folder and waits for them."""

    def __init__(self, folder, compiled):
        self.folder = folder
        self.compiled = compiled
        self.processes = []

    def environment(self, devices):
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("JAX_", "JSR_PROC", "OMPI_", "SLURM_"))}
        return inherited | {
            "JAX_PLATFORMS": "cpu",
            "JAX_COMPILATION_CACHE_DIR": str(self.compiled),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
            "PYTHONPATH": str(ROOT),
            "XDG_CACHE_HOME": str(self.folder / "cache"),
            "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
        }

    def start(self, count, devices, *settings, cwd=()):
        """Starts processes, with the same settings or one for each, in the folder or one for each."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.processes = []
        for index in range(count):
            environment = self.environment(devices)
            if count > 1:
                environment |= {
                    "JAX_COORDINATOR_ADDRESS": f"127.0.0.1:{port}",
                    "JSR_PROCESSES": str(count),
                    "JSR_PROCESS": str(index),
                }
            own = json.dumps(settings[index % len(settings)])
            command = [sys.executable, "-m", "tests.devices.hosts_process", own]
            folder = cwd[index] if cwd else self.folder
            with (self.folder / f"out{index}").open("w") as out, (self.folder / f"err{index}").open("w") as error:
                process = subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=error)
            self.processes.append(process)

    def wait(self, *, seconds=300):
        """Waits for all; returns their exit statuses."""
        end = time.monotonic() + seconds
        try:
            return [process.wait(end - time.monotonic()) for process in self.processes]
        finally:
            for process in self.processes:
                process.kill()
                process.wait()

    def errors(self, index):
        """Returns what a process wrote to stderr, without progress bars and JAX's warning of a proxy."""
        text = (self.folder / f"err{index}").read_text().replace("\r", "\n")
        ignored = re.compile(r"\S+: +\d+%\||\s*$|.*proxy|On some systems")
        return [line for line in text.split("\n") if not ignored.match(line)]

    def run(self, count, devices, *settings, cwd=()):
        """Runs processes that must succeed."""
        self.start(count, devices, *settings, cwd=cwd)
        assert self.wait() == [0] * count, [self.errors(index) for index in range(count)]

    def wait_for(self, has_happened, *, seconds=200):
        """Waits until something has happened while all processes live."""
        end = time.monotonic() + seconds
        while not has_happened():
            alive = [process.poll() is None for process in self.processes]
            assert all(alive) and time.monotonic() < end, [self.errors(i) for i in range(len(alive))]
            time.sleep(0.002)

    def step(self):
        """Returns the last step of the record."""
        with contextlib.suppress(OSError, ValueError, IndexError):
            return lines(self.folder / "run")[-1]["step"]
        return 0


def saved(run):
    """Returns the steps of the complete checkpoints, and checks their sums."""
    steps = sorted(int(path.name) for path in (run / "checkpoints").iterdir() if path.name.isdigit())
    assert not any(checksums.damage(run / "checkpoints" / str(step)) for step in steps)
    return steps


def test_processes_train_as_one_process_does(place, tmp_path):
    """1 x 4, 2 x 2 and 4 x 1 devices draw equal crops, and reach equal weights with BatchNorm, in both phases."""
    results = {}
    for count, devices in ((1, 4), (2, 2), (4, 1)):
        folder = tmp_path / f"{count}x{devices}"
        folder.mkdir()
        shutil.copytree(tmp_path / "photos", folder / "photos")
        place.run(count, devices, {"commands": COMMANDS, "mode": "crops"}, cwd=[folder] * count)
        results[count] = folder
    first = results[1]
    expected = np.load(first / "replicated.npy")
    assert len(np.unique(expected.reshape(24, -1), axis=0)) > 20
    for folder in results.values():
        for kind in ("replicated", "sharded", "streamed"):
            np.testing.assert_array_equal(np.load(folder / f"{kind}.npy"), expected)
        for run in ("srresnet", "srgan"):
            weights = [load_file(path / run / "generator.safetensors") for path in (first, folder)]
            assert_equal_weights(*weights, atol=1e-6)
            assert saved(folder / run) == [20]
            assert [line["step"] for line in lines(folder / run)] == [line["step"] for line in lines(first / run)]
            psnr = [lines(path / run)[-1]["psnr"] for path in (first, folder)]
            assert abs(psnr[0] - psnr[1]) < 1e-3


def test_nothing_is_lost_when_a_process_is_killed_or_stopped(place, tmp_path):
    """A run that is killed while stepping and while saving, and stopped thrice, ends as one that never was."""
    run = tmp_path / "run"

    def command(*further):
        arguments = [*ESPCN, "--steps", "300", "--save-every", "20", "--sample-every", "300", *further]
        return {"commands": [(None, arguments)], "patience": PATIENCE, "pause": 0.05}

    # Each victim in turn; the other one ends with one line.
    for victim, is_saving in ((1, False), (0, True)):
        place.start(2, 2, command())
        target = place.step() + 25
        place.wait_for(lambda target=target: place.step() > target)
        if is_saving:
            place.wait_for(lambda: list(run.glob("checkpoints/*tmp*")))
        place.processes[victim].kill()
        start = time.monotonic()
        statuses = place.wait(seconds=60)
        assert time.monotonic() - start < 60
        assert (statuses[victim], statuses[1 - victim]) == (-signal.SIGKILL, 1)
        (line,) = place.errors(1 - victim)
        assert re.fullmatch(rf"test: error: process {victim} of 2 on \S+ is gone; the same command resumes", line)

    def stopped(step):
        assert place.wait() == [0] * len(place.processes), place.errors(0)
        assert saved(run)[-1] == place.step() >= step
        assert f"stopped at step {place.step()} of 300" in (tmp_path / "out0").read_text()
        return place.step()

    # SIGTERM to any one, Ctrl-C, which all hear, and --minutes: all save the same step.
    place.start(2, 2, command())
    place.wait_for(lambda: "resuming" in (tmp_path / "out0").read_text())
    before = place.step()
    place.wait_for(lambda: place.step() > before)
    place.processes[1].send_signal(signal.SIGTERM)
    before = stopped(before)
    place.start(4, 1, command())
    place.wait_for(lambda: place.step() > before)
    for process in place.processes:
        process.send_signal(signal.SIGINT)
    before = stopped(before)
    place.start(2, 1, command("--minutes", "0.1"))
    before = stopped(before)

    place.run(1, 4, command())
    steps = [line["step"] for line in lines(run) if "loss" in line]
    assert steps == sorted(set(steps)) and steps[-1] == 300
    (tmp_path / "run").rename(tmp_path / "killed")
    place.run(1, 4, command())
    weights = [load_file(tmp_path / name / "generator.safetensors") for name in ("killed", "run")]
    assert_equal_weights(*weights, atol=1e-6)


def test_a_frozen_process_is_named(place, tmp_path):
    """The first one, which runs the service: it does not answer, but its connections stay."""
    command = [*ESPCN, "--steps", "100000", "--precision", "bf16"]
    place.start(2, 1, {"commands": [(None, command)], "patience": PATIENCE})
    place.wait_for(lambda: place.step() > 0)
    place.processes[0].send_signal(signal.SIGSTOP)
    assert place.processes[1].wait(60) == 1
    (line,) = place.errors(1)
    assert line.startswith("test: error: process 0 of 2 on") and "is gone" in line
    place.processes[0].send_signal(signal.SIGCONT)
    assert place.wait(seconds=60)[0] == 1


def test_a_process_that_differs_is_named_before_the_first_step(place, tmp_path):
    """All differences at once: configuration, photographs and version."""
    shutil.copytree(tmp_path / "photos", tmp_path / "others")
    (tmp_path / "others" / "3.png").unlink()
    commands = [[*ESPCN, "--steps", "2"], [*ESPCN, "--steps", "2", "--seed", "7", "--data", "others"]]
    settings = [{"commands": [(None, command)]} for command in commands]
    place.start(2, 1, settings[0], settings[1] | {"version": "9.9"})
    assert place.wait(seconds=100) == [1, 1]
    assert re.fullmatch(r"test: error: process 1 of 2 on \S+ has failed, and says why", *place.errors(0))
    (line,) = place.errors(1)
    assert line.startswith("jsr.train: error: process 1 of 2 on ")
    assert "seed 7 here, 0 there" in line and "jsr 9.9 here" in line and re.search(r"data \w{12} here", line)
    assert not (tmp_path / "run").exists()


def test_a_folder_that_is_not_shared_is_named(place, tmp_path):
    """Each process has its own."""
    folders = [tmp_path / name for name in "ab"]
    for folder in folders:
        folder.mkdir()
    place.start(2, 1, {"mode": "shared", "visible": 1}, cwd=folders)
    assert place.wait(seconds=100) == [1, 1]
    assert "run: expected a folder that all hosts share, got one that process 0 does not see" in place.errors(1)[-1]
    assert "process 1 of 2" in place.errors(0)[-1]
