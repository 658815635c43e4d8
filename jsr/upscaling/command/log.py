"""What `jsr infer` prints: a line about each file, or JSON for scripts, and errors."""

import io
import json
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from tqdm import tqdm

from jsr import command_line
from jsr.devices import memory
from jsr.errors import Error
from jsr.upscaling.files import Result
from jsr.upscaling.jobs import Job
from jsr.video import segments


class Log(NamedTuple):
    """What is printed about pictures: lines, or JSON for scripts, on a stream; errors on stderr."""

    stream: TextIO | io.TextIOBase
    name: Callable[[Path], str]  # the name by which the user knows a file
    is_quiet: bool
    is_verbose: bool
    is_json: bool

    def say(self, line: str) -> None:
        """Prints a line past the progress bar."""
        if not self.is_quiet:
            _print(line, sys.stderr if self.is_json else self.stream)

    def leave_out(self, reason: str, paths: list[Path]) -> None:
        """Prints how many files are left out and why, and the name of the first, or of each; JSON names each."""
        for path in paths:
            self._record(self.name(path), skipped=reason)
        if paths and self.is_verbose:
            for path in paths:
                self.say(f"left out {reason}: {path}")
        elif paths:
            self.say(f"left out {reason}: {len(paths)}, such as {paths[0]}")

    def finish(self, job: Job, result: Result, seconds: float) -> None:
        """Prints what a picture has become."""
        source, target, size = self.name(job.source), self.name(job.target), f"{result.width}x{result.height}"
        self._record(source, target, result=result, seconds=seconds)
        self.say(f"{source} -> {target} ({size}, {seconds:.1f} s)")
        for note in (*((f"from {result.contents}",) if self.is_verbose else ()), *result.notes):
            self.say(f"  {note}")

    def fail(self, job: Job, error: Exception) -> None:
        """Prints in one line which picture failed and why; of a bug, also the traceback if `JSR_TRACEBACK` is set."""
        if memory.is_exhausted(error):
            reason = "out of memory"
        elif isinstance(error, Error):
            reason = str(error).removeprefix(f"{job.source}: ")
        elif isinstance(error, OSError):
            reason = f"{error.filename or self.name(job.target)}: {error.strerror or error}"
        else:
            if os.environ.get("JSR_TRACEBACK"):
                for line in "".join(traceback.format_exception(error)).splitlines():
                    _print(line, sys.stderr)
            message = next(iter(str(error).splitlines()), "")
            last_line = f"{type(error).__name__}: {message}" if message else type(error).__name__
            reason = f"{last_line} (a bug of jsr: please report it, with the traceback that JSR_TRACEBACK=1 prints)"
        source = self.name(job.source)
        self._record(source, error=reason)
        _print(f"jsr.infer: error: {source}: {reason}", sys.stderr)

    def interrupt(self, job: Job) -> None:
        """Prints what is kept of a video that is not finished."""
        place = segments.folder(job.target)
        count = segments.LENGTH * len(segments.finished(place))
        if job.is_video and count and self.name(job.target) == str(job.target):
            message = f"{count} frames are kept in {place}; the same command goes on with them"
            _print(f"jsr.infer: {self.name(job.source)}: {message}", sys.stderr)

    def _record(
        self,
        source: str,
        target: str | None = None,
        *,
        result: Result | None = None,
        seconds: float | None = None,
        error: str | None = None,
        skipped: str | None = None,
    ) -> None:
        """Prints the line of JSON for a picture."""
        if not self.is_json:
            return
        line: dict[str, Any] = {"input": source, "output": target, "error": error, "skipped": skipped}
        if result and seconds is not None:
            line |= {"width": result.width, "height": result.height, "seconds": round(seconds, 3)}
            line |= {"from": result.contents, "notes": result.notes}
        tqdm.write(json.dumps(line), file=self.stream)
        self.stream.flush()


def _print(line: str, stream: TextIO | io.TextIOBase) -> None:
    """Prints a line past the progress bar; characters that the terminal cannot show, as in file names, are escaped."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    tqdm.write(command_line.escaped(line).encode(encoding, "backslashreplace").decode(encoding), file=stream)
    stream.flush()
