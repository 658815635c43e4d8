"""Tests ../../scripts/torture/kills.py: the real program, in short, and programs with flaws."""

import re
import sys

import pytest

from scripts.torture import __main__ as torture
from scripts.torture import kills

# Stands for jsr.train: twenty quick steps, resumed where the record ends.
TRAINER = """
import json, os, pathlib, sys, time
flaw, folder = sys.argv[1], pathlib.Path(sys.argv[sys.argv.index("--workdir") + 1])
if flaw == "refuses" and folder.exists():
    sys.exit("no run is resumed")
for name in ("checkpoints", "samples"):
    (folder / name).mkdir(parents=True, exist_ok=True)
while os.environ["JSR_PROCESS"] == "1" and not (folder / "over").exists():
    time.sleep(0.01)  # whatever becomes of the first process
if os.environ["JSR_PROCESS"] == "1":
    sys.exit()
starts = folder / "checkpoints" / "starts"
starts.write_text(starts.read_text() + "x" if starts.exists() else "x")
with (folder / "metrics.jsonl").open("a+") as record:
    record.seek(0)
    for step in range(len(record.readlines()), 20):
        unfinished = folder / "checkpoints" / "1-tmp"
        unfinished.mkdir(exist_ok=True)
        time.sleep(0.01)
        unfinished.rmdir()
        print(json.dumps({"step": step}), file=record, flush=True)
weights = starts.read_text() if flaw == "forgets" else "the same"
(folder / "generator.safetensors").write_text(weights)
(folder / "over").touch()
"""


@pytest.fixture
def trainer(monkeypatch):
    """Puts a trainer with a flaw in the place of jsr.train."""

    def place(flaw):
        monkeypatch.setattr(kills, "COMMAND", [sys.executable, "-c", TRAINER, flaw])
        monkeypatch.setattr(kills, "STARTING", 0.1)
        monkeypatch.setattr(kills, "TRAINING", 0.05)
        monkeypatch.setattr(kills, "SAVING", 0.005)

    return place


@pytest.mark.slow
def test_a_killed_run_ends_as_one_never_stopped():
    counts = kills.count(2, seed=1, steps=60)
    assert (counts.kills.total(), counts.refused, counts.unequal) == (2, [], [])
    assert counts.equal >= 1


def test_main_returns_0_where_every_kill_is_survived(trainer, capsys):
    trainer("none")
    assert torture.main(["training", "6"]) == 0
    line = capsys.readouterr().out
    assert line.startswith("6 kills (") and ": 0 lost; " in line and line.endswith("to the last bit, 0 wrong\n")


def test_main_returns_1_where_a_run_comes_out_otherwise(trainer, capsys):
    """The weights depend on how often the run was started."""
    trainer("forgets")
    assert torture.main(["training", "6"]) == 1
    line = capsys.readouterr().out
    assert ": 0 lost; " in line and re.search(r" [1-9] wrong; run\d differs in weights", line)


def test_main_returns_1_where_a_run_is_not_resumed(trainer, capsys):
    trainer("refuses")
    assert torture.main(["training", "6"]) == 1
    line = capsys.readouterr().out
    assert re.search(r": [1-9] lost; ", line) and re.search(r"; run\d: no run is resumed", line)


def test_main_returns_1_where_a_process_outlives_another(trainer, capsys, monkeypatch):
    """It waits for ever for the one that was killed, or goes on without it."""
    monkeypatch.setattr(kills, "END", dict.fromkeys(kills.END, 2))
    trainer("none")
    assert torture.main(["training", "1", "--processes", "2"]) == 1
    line = capsys.readouterr().out
    assert ": 0 lost; 1 hung; " in line and re.search(r"; (no end|0) after a kill while \w+\n", line)
