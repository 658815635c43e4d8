"""Pictures that a browser has uploaded, and the jobs on them."""

import dataclasses
import time
from pathlib import Path
from typing import Any, Literal

from jsr.web import views
from jsr.web.views import View

State = Literal["waiting", "running", "done", "failed", "cancelled"]
UNFINISHED = ("waiting", "running")


class Cancelled(Exception):
    """Ends a job from within, at the next tile."""


@dataclasses.dataclass(eq=False)
class Upload:
    """A picture from the browser, in a folder with its view and its results."""

    id: str  # random, and the name of the folder
    folder: Path
    source: Path
    view: View
    used: float  # the time of its last use; all times are those of `time.monotonic`


@dataclasses.dataclass(eq=False)
class Job:
    """A picture to upscale by a model, and what has become of it."""

    id: str  # random
    upload: Upload
    model: str
    state: State = "waiting"
    is_cancelled: bool = False
    started: float = 0.0
    reports: tuple[tuple[float, int, int], ...] = ()  # the first and the last: time, complete tiles, all tiles
    seconds: float = 0.0
    error: str = ""
    notes: tuple[str, ...] = ()
    result: Path | None = None
    view: View | None = None  # of the result

    def report(self, complete: int, total: int | None) -> None:
        """Notes the progress.

        Raises:
          Cancelled: the job is cancelled.
        """
        if self.is_cancelled:
            raise Cancelled
        assert total is not None  # as that of a video may be
        # Where memory ran out, the tiles are counted anew, and there are more of them.
        first = [report for report in self.reports[:1] if report[1] < complete and report[2] == total]
        self.reports = (*first, (time.monotonic(), complete, total))

    def expected(self, rate: float | None) -> float | None:
        """Returns the seconds from start to end: by the pace of the tiles, or else by a rate, or None without either.

        Args:
          rate: seconds a pixel of earlier jobs.
        """
        if len(self.reports) == 2:
            # The pace is that from the first tile to the last, because the first one waits for the compiler.
            (first_time, first, _), (last_time, last, total) = self.reports
            return last_time - self.started + (last_time - first_time) / (last - first) * (total - last)
        return None if rate is None else rate * self.upload.view.pixels

    def describe(self, *, ahead: int, rate: float | None) -> dict[str, Any]:
        """Describes the job to the page.

        Args:
          ahead: the jobs before it.
          rate: as `expected` takes it.
        """
        state: dict[str, Any] = {"id": self.id, "state": self.state}
        if self.state == "waiting":
            state["ahead"] = ahead
        elif self.state == "running":
            elapsed, expected = time.monotonic() - self.started, self.expected(rate)
            if expected and expected > elapsed:
                state |= {"fraction": elapsed / expected, "left": expected - elapsed}
            elif self.reports:  # when it ends is not known yet, or it takes longer than expected
                state["fraction"] = self.reports[-1][1] / self.reports[-1][2]
        elif self.state == "failed":
            state["error"] = self.error
        elif self.state == "done" and self.view:
            height, width = self.view.height, self.view.width
            state |= {"height": height, "width": width, "seconds": self.seconds, "notes": self.notes}
            state |= {
                "formats": views.downloads(self.upload.view, height, width),
                "hasView": self.view.path is not None,
            }
        return state
