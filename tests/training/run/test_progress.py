"""Tests ../../../jsr/training/run/progress.py."""

import json
import time
from pathlib import Path

import numpy as np
import pytest

from jsr.devices.parallel import Pending
from jsr.errors import TrainingError
from jsr.training.run.progress import Dispatched, Progress
from jsr.training.run.record import Record
from jsr.training.run.run_folder import RunFolder


@pytest.fixture
def record(tmp_path):
    with Record(RunFolder(tmp_path), step=0, steps=10, phase="srresnet") as record:
        yield record


def _dispatched(first: int, *losses: float) -> Dispatched:
    pending = Pending({"loss": np.array(losses, np.float32)}, len(losses), time.perf_counter() + 1)
    return Dispatched(first, first + len(losses), pending)


def _lines(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_finish_records_the_mean_over_all_steps_since_the_last_line(record, tmp_path):
    progress = Progress(record, log_every=4)
    progress.restart_clock()
    progress.finish(_dispatched(0, 1.0))
    progress.finish(_dispatched(1, 2.0, 3.0, 6.0))
    progress.finish(_dispatched(4, 7.0, 9.0), is_last=True)
    assert [(line["step"], line["loss"]) for line in _lines(tmp_path)] == [(4, 3.0), (6, 8.0)]


def test_finish_measures_the_steps_of_a_second(record):
    progress = Progress(record, log_every=4)
    progress.restart_clock()
    progress.finish(_dispatched(0, 1.0, 1.0))  # these two end a second from now
    assert progress.rate == pytest.approx(2, rel=0.1)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_finish_names_the_first_step_whose_loss_is_not_finite(record, tmp_path, bad):
    progress = Progress(record, log_every=4)
    progress.restart_clock()
    with pytest.raises(TrainingError, match="^loss is not finite at step 7$"):
        progress.finish(_dispatched(4, 1.0, 1.0, bad, bad))
    assert _lines(tmp_path) == [{"step": 7, "note": "loss is not finite"}]
