"""Tests ../../jsr/web/jobs.py: what is known of the time."""

from pathlib import Path

import pytest

from jsr.web import jobs
from jsr.web.jobs import Cancelled, Job, Upload
from jsr.web.views import View


@pytest.fixture
def clock(monkeypatch):
    """Replaces the time by one that the test sets."""
    times = [100.0]
    monkeypatch.setattr(jobs.time, "monotonic", lambda: times[0])
    return times


@pytest.fixture
def job():
    upload = Upload("u", Path("u"), Path("u/source"), View(None, 20, 10, 2, ()), 0.0)
    return Job("j", upload, "bicubic", state="running", started=100.0)


def test_time_left_follows_the_pace_after_the_first_tile(job, clock):
    """The first tile takes 30 s because of the compiler, the others 2 s each."""
    for number, time in enumerate([130.0, 132.0, 134.0], 1):
        clock[0] = time
        job.report(number, 10)
    assert job.expected(None) == 34 + 7 * 2
    clock[0] = 135.0
    state = job.describe(ahead=0, rate=None)
    assert state["left"] == 13 and state["fraction"] == pytest.approx(35 / 48)


def test_pace_is_measured_anew_where_memory_ran_out(job, clock):
    """After two of four tiles, their second half is done in eight smaller ones, a second each."""
    for time, number, total in [(110.0, 1, 4), (120.0, 2, 4), (131.0, 1, 8), (131.0, 1, 8), (132.0, 2, 8)]:
        clock[0] = time
        job.report(number, total)
    assert job.expected(None) == 32 + 6


def test_time_left_of_a_single_tile_follows_earlier_jobs(job, clock):
    assert job.describe(ahead=0, rate=None) == {"id": "j", "state": "running"}
    clock[0] = 110.0
    state = job.describe(ahead=0, rate=0.1)  # of 2 frames of 20x10 pixels
    assert state["left"] == 30 and state["fraction"] == 0.25


def test_no_time_is_promised_once_it_takes_longer(job, clock):
    clock[0] = 141.0
    assert job.describe(ahead=0, rate=0.1) == {"id": "j", "state": "running"}
    job.report(1, 4)
    assert job.describe(ahead=0, rate=0.1) == {"id": "j", "state": "running", "fraction": 0.25}


def test_cancelled_job_ends_at_its_next_report(job):
    job.is_cancelled = True
    with pytest.raises(Cancelled):
        job.report(1, 4)
