"""Tests ../../jsr/web/queue.py, on a queue whose jobs wait for a gate."""

import contextlib
import io
import threading
import time

import pytest

from jsr.errors import PictureError
from jsr.upscaling import files
from jsr.web import queue as web_queue
from jsr.web.queue import FullError, Queue
from tests.web.client import encoded


@pytest.fixture
def queue(tmp_path):
    queue = Queue(tmp_path, precision="fp32", max_pixels=1000)
    yield queue
    queue.close()


class Gate:
    """Holds each job, after its first report, until it is opened."""

    def __init__(self, monkeypatch):
        self.is_open, self.order, self._upscale = threading.Event(), [], files.upscale_file
        monkeypatch.setattr(files, "upscale_file", self)

    def __call__(self, job, options, progress):
        self.order.append(job.target.stem)
        progress.report(1, 4)
        while not self.is_open.wait(0.01):
            progress.report(1, 4)
        return self._upscale(job, options, progress)


@pytest.fixture
def gate(monkeypatch):
    return Gate(monkeypatch)


def _upload(queue, content=None):
    content = encoded() if content is None else content
    return queue.receive(io.BufferedReader(io.BytesIO(content)), len(content))


def _add(queue, upload):
    job = queue.add(upload.id, "bicubic")
    assert job
    return job


def _wait(condition):
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def _states(queue):
    return [state["state"] for state in queue.states()]


def test_jobs_are_done_one_by_one_in_order(queue, gate):
    upload = _upload(queue)
    jobs = [_add(queue, upload) for _ in range(3)]
    _wait(lambda: gate.order)
    assert _states(queue) == ["running", "waiting", "waiting"]
    assert [state.get("ahead") for state in queue.states()] == [None, 1, 2]
    gate.is_open.set()
    _wait(lambda: _states(queue) == ["done"] * 3)
    assert gate.order == [job.id for job in jobs]


def test_running_job_is_cancelled_and_the_next_one_begins(queue, gate):
    upload = _upload(queue)
    jobs = [_add(queue, upload) for _ in range(3)]
    _wait(lambda: gate.order)
    queue.cancel(jobs[1])  # which is waiting
    queue.cancel(jobs[0])
    _wait(lambda: gate.order == [jobs[0].id, jobs[2].id])
    gate.is_open.set()
    _wait(lambda: _states(queue) == ["cancelled", "cancelled", "done"])
    assert {path.stem for path in upload.folder.glob("*.png")} == {"view", jobs[2].id}


def test_job_that_ends_after_its_cancellation_stays_cancelled(queue, monkeypatch):
    """It may be writing, where no tile reports."""
    upscale = files.upscale_file

    def late(*args):
        result = upscale(*args)
        queue.cancel(job)
        return result

    monkeypatch.setattr(files, "upscale_file", late)
    upload = _upload(queue)
    with queue._changed:  # so that the name is there before the job begins
        job = _add(queue, upload)
    _wait(lambda: job.seconds)
    _wait(lambda: _states(queue) == ["cancelled"])


def test_full_queue_refuses(queue, gate, monkeypatch):
    monkeypatch.setattr(web_queue, "MAX_WAITING", 2)
    monkeypatch.setattr(web_queue, "MAX_UPLOADS", 1)
    upload = _upload(queue)
    queue.add(upload.id, "bicubic")
    _wait(lambda: gate.order)
    for _ in range(2):
        queue.add(upload.id, "bicubic")
    with pytest.raises(FullError, match="there are 2 pictures in the queue already"):
        queue.add(upload.id, "bicubic")
    with pytest.raises(FullError, match="there are 1 pictures already"):
        _upload(queue)


def test_pictures_go_after_an_hour_without_use(queue, gate, tmp_path):
    gate.is_open.set()
    old, used = _upload(queue), _upload(queue)
    job = _add(queue, old)
    _wait(lambda: _states(queue) == ["done"])
    hour = time.monotonic() + web_queue.KEPT
    queue.expire(now=hour - 60)
    assert queue.upload(old.id) and queue.job(job.id)
    used.used += 120
    queue.expire(now=hour + 60)
    assert queue.upload(old.id) is None and queue.job(job.id) is None and queue.states() == []
    assert queue.upload(used.id) and [path.name for path in tmp_path.iterdir()] == [used.id]


def test_pictures_of_unfinished_jobs_stay(queue, gate):
    upload = _upload(queue)
    queue.add(upload.id, "bicubic")
    _wait(lambda: gate.order)
    queue.expire(now=time.monotonic() + 2 * web_queue.KEPT)
    assert queue.upload(upload.id)


def test_removed_picture_leaves_no_file_though_its_job_runs(queue, gate, tmp_path):
    upload, other = _upload(queue), _upload(queue)
    queue.add(upload.id, "bicubic")
    _wait(lambda: gate.order)
    queue.remove(upload)
    queue.add(other.id, "bicubic")
    gate.is_open.set()
    _wait(lambda: _states(queue) == ["done"])
    assert [path.name for path in tmp_path.iterdir()] == [other.id]
    assert queue.add(upload.id, "bicubic") is None


def test_failure_is_told_without_our_names_and_the_worker_goes_on(queue, tmp_path, monkeypatch, capfd):
    upscale, errors = files.upscale_file, []

    def failing(job, options, progress):
        if errors:
            raise errors.pop(0)
        return upscale(job, options, progress)

    monkeypatch.setattr(files, "upscale_file", failing)
    upload = _upload(queue)
    errors += [
        PictureError(f"{upload.source}: broken"),
        PictureError(f"{upload.folder}/x.jpg: JPEG holds up to 9 pixels"),
        OSError(28, "No space left on device", str(upload.folder / "x.png")),
        MemoryError(),
        ZeroDivisionError("a\nb"),
    ]
    for _ in range(6):
        queue.add(upload.id, "bicubic")
    _wait(lambda: _states(queue) == ["failed"] * 5 + ["done"])
    assert [state["error"] for state in queue.states()[:5]] == [
        "broken",
        "the result: JPEG holds up to 9 pixels",
        "the result: No space left on device",
        "out of memory; a smaller picture may fit",
        "ZeroDivisionError (a bug of jsr: please report it, with the traceback in the terminal)",
    ]
    assert "Traceback" in capfd.readouterr().err


def test_close_ends_all(tmp_path, monkeypatch):
    gate = Gate(monkeypatch)
    with contextlib.closing(Queue(tmp_path, precision="fp32", max_pixels=1000)) as queue:
        upload = _upload(queue)
        for _ in range(2):
            queue.add(upload.id, "bicubic")
        _wait(lambda: gate.order)
    assert _states(queue) == ["cancelled"] * 2
    _wait(lambda: not queue._worker.is_alive())
