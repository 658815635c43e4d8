"""A bounded queue of jobs, done by one worker, and the uploads that it keeps for an hour."""

import collections
import functools
import io
import secrets
import shutil
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

from jsr import command_line
from jsr.devices import memory
from jsr.devices.compilation import Precision
from jsr.errors import Error, PictureError
from jsr.upscaling import files, tiles
from jsr.upscaling import jobs as upscaling
from jsr.upscaling.files import Options, Progress
from jsr.web import views
from jsr.web.jobs import UNFINISHED, Cancelled, Job, State, Upload
from jsr.web.views import View
from jsr.weights import zoo

MAX_UPLOADS = 100  # pictures that are kept at a time
MAX_WAITING = 32  # jobs
KEPT = 3600  # seconds since its last use, after which an upload goes with its results
MODELS = 4  # that stay loaded
TILE = 256  # pixels, of pictures of several tiles; in smaller ones, progress is seen and a job is cancelled sooner
BLOCK = 2**20  # bytes that are received at a time


class FullError(Error):
    """A picture or a job that there is no room for now."""


class Queue:
    """Keeps uploads and does one job after another, in a thread of its own."""

    def __init__(self, folder: Path, *, precision: Precision, max_pixels: int) -> None:
        """Starts the worker.

        Args:
          folder: that all files are kept in.
          max_pixels: of a picture, all of its frames together.
        """
        self._folder, self._max_pixels = folder, max_pixels
        self._uploads: dict[str, Upload] = {}
        self._jobs: dict[str, Job] = {}
        self._waiting: collections.deque[Job] = collections.deque()
        self._rates: dict[str, float] = {}  # seconds a pixel, by the kind of model
        self._is_closed = False
        self._changed = threading.Condition()  # guards all of the above
        self._decoding = threading.Lock()  # besides the worker, one thread decodes at a time, which bounds the memory
        self.load = functools.lru_cache(MODELS)(functools.partial(zoo.ready, precision=precision))
        self._worker = threading.Thread(target=self._work, daemon=True)
        self._worker.start()

    def receive(self, stream: io.BufferedIOBase, length: int) -> Upload:
        """Stores and checks a picture.

        Raises:
          FullError: too many are kept.
          PictureError: the stream ends too early, or holds no picture, or a broken or too large one.
        """
        self.expire()
        with self._changed:
            if len(self._uploads) >= MAX_UPLOADS:
                raise FullError(f"there are {MAX_UPLOADS} pictures already; remove one of them")
        name = secrets.token_urlsafe(16)
        folder = self._folder / name
        source = folder / "source"
        folder.mkdir()
        try:
            with open(source, "wb") as file:
                while block := stream.read(min(length - file.tell(), BLOCK)):
                    file.write(block)
                if file.tell() < length:
                    raise PictureError(f"expected {length} bytes, got {file.tell()}")
            with self._decoding:
                view = views.create(source, folder / "view.png", max_pixels=self._max_pixels)
        except BaseException as error:
            shutil.rmtree(folder, ignore_errors=True)
            if isinstance(error, Error):
                raise PictureError(_without_paths(str(error), folder)) from None
            raise
        upload = Upload(name, folder, source, view, time.monotonic())
        with self._changed:
            self._uploads[name] = upload
        return upload

    def add(self, name: str, model: str) -> Job | None:
        """Puts a job on an upload into the queue; returns None where the upload is not kept any more.

        Raises:
          FullError: too many are waiting.
        """
        with self._changed:
            upload = self._uploads.get(name)
            if upload is None:
                return None
            if len(self._waiting) >= MAX_WAITING:
                raise FullError(f"there are {MAX_WAITING} pictures in the queue already; wait until one is done")
            job = Job(secrets.token_urlsafe(16), upload, model)
            self._jobs[job.id] = job
            self._waiting.append(job)
            self._changed.notify()
        return job

    def upload(self, name: str) -> Upload | None:
        """Returns an upload by its id, and keeps it for longer."""
        with self._changed:
            upload = self._uploads.get(name)
            if upload:
                upload.used = time.monotonic()
            return upload

    def job(self, name: str) -> Job | None:
        """Returns a job by its id, and keeps its upload for longer."""
        with self._changed:
            job = self._jobs.get(name)
            if job:
                job.upload.used = time.monotonic()
            return job

    def cancel(self, job: Job) -> None:
        """Takes a job out of the queue, or ends it at its next tile."""
        with self._changed:
            job.is_cancelled = True
            if job in self._waiting:
                self._waiting.remove(job)
            if job.state in UNFINISHED:
                job.state = "cancelled"

    def remove(self, upload: Upload) -> None:
        """Removes an upload with its jobs and files."""
        with self._changed:
            self._uploads.pop(upload.id, None)
            for job in [job for job in self._jobs.values() if job.upload is upload]:
                self.cancel(job)
                del self._jobs[job.id]
        shutil.rmtree(upload.folder, ignore_errors=True)

    def expire(self, *, now: float | None = None) -> None:
        """Removes the uploads that nobody has used for `KEPT` seconds and no unfinished job needs."""
        now = time.monotonic() if now is None else now
        with self._changed:
            needed = {job.upload for job in self._jobs.values() if job.state in UNFINISHED}
            old = [u for u in self._uploads.values() if u not in needed and now - u.used > KEPT]
        for upload in old:
            self.remove(upload)

    def states(self) -> list[dict[str, Any]]:
        """Describes all jobs to the page."""
        with self._changed:
            is_running = any(job.state == "running" for job in self._jobs.values())
            ahead = {job: i + is_running for i, job in enumerate(self._waiting)}
            return [
                job.describe(ahead=ahead.get(job, 0), rate=self._rates.get(_kind(job.model)))
                for job in self._jobs.values()
            ]

    def convert(self, job: Job, suffix: str) -> tuple[Path, tuple[str, ...]]:
        """Returns the file of a result in a format, and notes of all that the format cannot hold.

        Raises:
          PictureError: a format that cannot hold it.
        """
        assert job.result and job.view
        target = job.result.with_suffix(suffix)
        if target == job.result:
            return target, ()
        with self._decoding:
            return target, views.convert(job.upload.source, job.result, target, max_pixels=job.view.pixels)

    @property
    def is_computing(self) -> bool:
        """Whether the worker has not ended, as after `close` where a tile takes long."""
        return self._worker.is_alive()

    def close(self) -> None:
        """Cancels all jobs and ends the worker, or gives up waiting for its tile."""
        with self._changed:
            self._is_closed = True
            for job in self._jobs.values():
                self.cancel(job)
            self._changed.notify()
        self._worker.join(timeout=1)

    def _work(self) -> None:
        while not self._is_closed:
            with self._changed:
                if not self._waiting:
                    self._changed.wait(timeout=60)
                job = self._waiting.popleft() if self._waiting else None
                if job:
                    job.state, job.started = "running", time.monotonic()
            if job:
                self._run(job)
            self.expire()

    def _run(self, job: Job) -> None:
        state: State = "failed"
        try:
            self._upscale(job)
            state = "done"
        except Cancelled:
            state = "cancelled"
        except Exception as error:  # one bad picture must not end the worker
            job.error = _without_paths(_reason(error), job.upload.folder)
        with self._changed:
            job.upload.used = time.monotonic()
            job.state = "cancelled" if job.is_cancelled else state
            is_kept = job.upload.id in self._uploads
        if not is_kept:  # removed meanwhile, but there may be a result
            shutil.rmtree(job.upload.folder, ignore_errors=True)

    def _upscale(self, job: Job) -> None:
        """Makes the result, losing nothing that the picture holds, and its view."""
        source = job.upload.source
        target = job.upload.folder / f"{job.id}{views.lossless_suffix(source)}"
        is_large = max(job.upload.view.height, job.upload.view.width) > tiles.TILE
        tile = TILE if is_large else None
        sides: list[int] = []
        options = Options({job.model: self.load(job.model)}, tile=tile, max_pixels=self._max_pixels)
        result = files.upscale_file(upscaling.Job(source, target), options, Progress(job.report, sides.append))
        shortage = tuple(f"memory was short, so tiles had {side} pixels a side or fewer" for side in sides[-1:])
        view = View(target, result.height, result.width, job.upload.view.frames, ())
        if target.suffix != ".png":
            view = views.create(target, target.with_suffix(".view.png"), max_pixels=view.pixels)
        job.notes, job.result, job.view = (*shortage, *result.notes), target, view
        job.seconds = time.monotonic() - job.started
        kind, rate = _kind(job.model), job.seconds / job.upload.view.pixels
        with self._changed:  # the smallest, because a job may have waited for the compiler
            self._rates[kind] = min(rate, self._rates.get(kind, rate))


def _kind(model: str) -> str:
    """Returns what models of one speed have in common: all blends are one network."""
    return zoo.BLEND if model.startswith(zoo.BLEND) or model in zoo.CORNERS.values() else model


def _reason(error: Exception) -> str:
    """Returns the line that explains why a job failed; the traceback of a bug is printed."""
    if memory.is_exhausted(error):
        return "out of memory; a smaller picture may fit"
    if isinstance(error, Error | OSError):
        return command_line.reason(error, path="the result")
    print("".join(traceback.format_exception(error)), file=sys.stderr, end="")
    return f"{type(error).__name__} (a bug of jsr: please report it, with the traceback in the terminal)"


def _without_paths(line: str, folder: Path) -> str:
    """Returns a line without the names of our files, which say nothing to the user."""
    words = line.replace(f"{folder / 'source'}: ", "").split(" ")
    return " ".join("the result:" if str(folder) in word else word for word in words)
