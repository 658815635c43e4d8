"""Kills training at random moments, and shows that it ends as if never stopped, to the last bit of its weights.

    python -m scripts.torture training [--processes 2]

A third of the kills (SIGKILL, which no program can handle) fall while the program starts or resumes, a third while it
trains, a third while it saves. After each the same command is given again. The network is small and runs on one CPU
device, where sums have a fixed order; when a run has reached its end, the next begins. With several processes of one
device each, one of them is killed, and the others must end by themselves, with status 1.
"""

import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

ROOT = Path(__file__).parents[2]
# Reports are due where checkpoints are, so that a resumed run reports the means over the same steps.
COMMAND = [
    sys.executable,
    "-m",
    "jsr.train",
    "--phase",
    "srresnet",
    "--data",
    "photos",
    "--model",
    "espcn",
    "--batch-size",
    "4",
    "--crop",
    "16",
    "--log-every",
    "5",
    "--save-every",
    "10",
    "--sample-every",
    "40",
]
STARTING = 8.0  # seconds after the start within which a kill counts as one of the start
TRAINING = 2.0  # seconds after its first new line of metrics
SAVING = 0.1  # seconds after Orbax made its temporary folder
PATIENCE = 400  # seconds that anything may take
END = {"starting": 330, "training": 60, "saving": 60}  # seconds until the others end; JAX waits 300 for all to start


class Counts(NamedTuple):
    """The results of the kills."""

    kills: Counter  # by moment
    hung: list[str]  # processes that did not end with status 1 when another one was killed
    refused: list[str]  # last lines of commands that did not resume after a kill
    equal: int  # runs that ended like the one never stopped
    unequal: list[str]  # differences of the others
    aside: int  # checkpoints whose process was killed before it wrote their checksums


def run(kills: int, seed: int, processes: int = 1) -> str:
    """Kills a run `kills` times; returns a line of counts."""
    counts = count(kills, seed, processes=processes)
    moments = ", ".join(f"{n} while {moment}" for moment, n in sorted(counts.kills.items()))
    runs = counts.equal + len(counts.unequal)
    line = (
        f"{kills} kills ({moments}): {len(counts.refused)} lost; {len(counts.hung)} hung;"
        f" {counts.aside} checkpoints cut short; {runs} runs:"
        f" {counts.equal} equal to one never stopped, to the last bit, {len(counts.unequal)} wrong"
    )
    return "; ".join([line, *counts.refused, *counts.hung, *counts.unequal])


def count(kills: int, seed: int, *, steps: int = 400, processes: int = 1) -> Counts:
    """Kills a run `kills` times, and then lets the last run end."""
    rng = random.Random(seed)
    killed: Counter = Counter()
    refused, hung, unequal = [], [], []
    equal = aside = 0
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary)
        _photos(home / "photos")
        if any([_wait(process) for process in _start(home, "whole", steps, processes)]):
            raise RuntimeError(f"expected a run to compare with, got: {_last_line(home)}")
        while killed.total() < kills or not equal + len(unequal) + len(refused):
            folder = home / f"run{equal + len(unequal) + len(refused)}"
            while True:
                started = _start(home, folder.name, steps, processes)
                left = killed.total() < kills
                if not (left and (moment := _kill(started, folder, rng))):
                    break
                killed[moment] += 1
                statuses = [_wait(process, END[moment]) for process in started]
                hung += [f"{status} after a kill while {moment}" for status in statuses if status not in (-9, 1)]
                hung += [f"no end after a kill while {moment}"] * (statuses.count(-9) - 1)
            if any([_wait(process) for process in started]):
                refused.append(f"{folder.name}: {_last_line(home)}")
                continue
            aside += len(list((folder / "checkpoints").glob("*.damaged")))
            if differences := _differences(home / "whole", folder):
                unequal.append(f"{folder.name} differs in {', '.join(differences)}")
            else:
                equal += 1
    return Counts(killed, hung, refused, equal, unequal, aside)


def _photos(folder):
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(12):
        coarse = rng.integers(0, 256, (10, 12, 3), np.uint8)
        Image.fromarray(coarse).resize((96, 80)).save(folder / f"{i}.png")


def _start(home, workdir, steps, processes):
    """Starts the processes of a run."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    environment = os.environ | {
        "JAX_PLATFORMS": "cpu",
        "JAX_COORDINATOR_ADDRESS": address,
        "JSR_PROCESSES": str(processes),
        "PYTHONPATH": str(ROOT),
        "XDG_CACHE_HOME": str(Path(home) / "cache"),
        "XLA_FLAGS": "--xla_force_host_platform_device_count=1",
    }
    command = [*COMMAND, "--steps", str(steps), "--workdir", workdir]
    with (home / "output").open("w") as output:
        return [
            subprocess.Popen(
                command, cwd=home, env=environment | {"JSR_PROCESS": str(index)}, stdout=output, stderr=output
            )
            for index in range(processes)
        ]


def _kill(processes, folder, rng):
    """Kills one of the processes at a random moment; returns the moment's name, or None if it ended before."""
    process = rng.choice(processes)
    moment = rng.choice(("starting", "training", "saving"))
    if moment == "starting":
        delay = rng.uniform(0, STARTING)
    elif moment == "training":
        before = _steps(folder)
        _wait_until(process, lambda: _steps(folder) > before)
        delay = rng.uniform(0, TRAINING)
    else:
        _wait_until(process, lambda: any(folder.glob("checkpoints/*-tmp")))
        delay = rng.uniform(0, SAVING)
    time.sleep(delay)
    if process.poll() is not None:
        return None
    process.kill()
    process.wait()
    return moment


def _wait_until(process, has_happened):
    """Waits until something has happened or the process has ended."""
    end = time.monotonic() + PATIENCE
    while process.poll() is None and not has_happened():
        if time.monotonic() > end:
            process.kill()
        time.sleep(0.001)


def _wait(process, seconds=PATIENCE):
    """Waits for the end of a process, and kills it if there is none; returns its exit status."""
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _last_line(home):
    return (home / "output").read_text(errors="replace").strip().splitlines()[-1]


def _steps(folder):
    path = folder / "metrics.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def _differences(whole, other):
    """Lists the differences of two runs: in weights to the bit, in the record without its speeds, in names of files."""
    found = []
    name = "generator.safetensors"
    if (whole / name).read_bytes() != (other / name).read_bytes():
        found.append("weights")
    if _record(whole) != _record(other):
        found.append("record")
    if _files(whole) != _files(other):
        found.append("files")
    return found


def _record(folder):
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in row.items() if k != "steps_per_second"} for row in rows]


def _files(folder):
    """Returns the names of a run's files, without those of events, one per start, and those inside checkpoints."""
    names = {p.relative_to(folder).as_posix() for d in (".", "checkpoints", "samples") for p in (folder / d).iterdir()}
    return {n for n in names if not n.startswith("events.") and not n.endswith(".damaged")}
