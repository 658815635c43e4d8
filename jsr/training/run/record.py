"""The record of a run: `metrics.jsonl`, TensorBoard events, sample pictures and a progress bar.

The lines of JSON are authoritative. TensorBoard gets the same numbers where tensorboardX is installed.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image
from tqdm import tqdm

from jsr.files import atomic
from jsr.training.run.run_folder import RunFolder
from jsr.training.validation import Sample

GAP = 4  # pixels between the pictures of a grid


class Record:
    """Writes a run's numbers and pictures into its folder and shows the progress on stderr."""

    def __init__(self, folder: RunFolder, *, step: int, steps: int, phase: str) -> None:
        """Continues the record at `step`, removing lines of later steps that a killed run wrote.

        Args:
          steps: of the whole run.
          phase: the label of the progress bar.

        Raises:
          OSError: the record cannot be written.
        """
        self.folder = folder
        folder.path.mkdir(parents=True, exist_ok=True)
        atomic.write_text(folder.metrics, "".join(_lines(folder.metrics, last=step)))
        self._file = folder.metrics.open("a", encoding="utf-8", newline="\n")
        self._events = _events(folder.path, step)
        self._bar = tqdm(total=steps, initial=step, desc=phase, unit="step", dynamic_ncols=True)

    def __enter__(self) -> "Record":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bar.close()
        self._file.close()
        if self._events:
            self._events.close()

    def advance(self, count: int, warning: str = "", **numbers: float) -> None:
        """Moves the progress bar by `count` steps, with a warning and the latest numbers beside it."""
        shown = [f"{name}={value:.4g}" for name, value in numbers.items()]
        self._bar.set_postfix_str(", ".join([*filter(None, [warning]), *shown]), refresh=False)
        self._bar.update(count)

    def log(self, step: int, **metrics: float) -> None:
        """Writes one line of numbers."""
        self._write({"step": step, **metrics})
        if self._events:
            for name, value in metrics.items():
                self._events.add_scalar(name, value, step)

    def note(self, step: int, text: str) -> None:
        """Writes a line of text and prints it."""
        self._write({"step": step, "note": text})
        self.show(text)

    def show(self, text: str) -> None:
        """Prints a line above the progress bar."""
        self._bar.write(text)

    def samples(self, step: int, columns: list[Sample]) -> None:
        """Writes a grid of sample pictures."""
        self.folder.samples.mkdir(exist_ok=True)
        picture = grid(columns)
        Image.fromarray(picture).save(self.folder.samples / f"{step:08d}.png")
        if self._events:
            self._events.add_image("samples", picture, step, dataformats="HWC")

    def _write(self, line: dict[str, Any]) -> None:
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()


class Silence(Record):
    """The record of a process that is not the first one of a run, which writes for all."""

    def __init__(self, folder: RunFolder) -> None:
        """Opens nothing."""
        self.folder = folder

    def __exit__(self, *_: object) -> None:
        pass

    def advance(self, count: int, warning: str = "", **numbers: float) -> None:
        """Shows nothing."""

    def log(self, step: int, **metrics: float) -> None:
        """Writes nothing."""

    def note(self, step: int, text: str) -> None:
        """Writes nothing."""

    def show(self, text: str) -> None:
        """Shows nothing."""

    def samples(self, step: int, columns: list[Sample]) -> None:
        """Writes nothing."""


def grid(columns: list[Sample]) -> UInt8[np.ndarray, "h w 3"]:
    """Draws samples on white, a column each: LR enlarged by repeating pixels, SR and HR."""
    height = max(sample.hr.shape[0] for sample in columns)
    width = max(sample.hr.shape[1] for sample in columns)
    shape = (3 * (height + GAP) + GAP, len(columns) * (width + GAP) + GAP, 3)
    canvas = np.full(shape, 255, np.uint8)
    for column, (lr, sr, hr) in enumerate(columns):
        scale = hr.shape[0] // lr.shape[0]
        enlarged = lr.repeat(scale, axis=0).repeat(scale, axis=1)
        for row, picture in enumerate((enlarged, sr, hr)):
            y, x = GAP + row * (height + GAP), GAP + column * (width + GAP)
            canvas[y : y + picture.shape[0], x : x + picture.shape[1]] = picture
    return canvas


def _lines(path: Path, *, last: int) -> Iterator[str]:
    """Yields the lines of a record up to a step, without those that a crash or a full disk cut off."""
    if not path.exists():
        return
    for line in path.read_text("utf-8", errors="replace").splitlines(keepends=True):
        try:
            if line.endswith("\n") and json.loads(line)["step"] <= last:
                yield line
        except (ValueError, TypeError, KeyError):
            continue


def _events(folder: Path, step: int) -> Any:
    """Returns TensorBoard's writer, or None where tensorboardX is not installed."""
    try:
        from tensorboardX import SummaryWriter
    except ImportError:
        return None
    # A killed run's events of later steps stay in its own file; this hides them in TensorBoard.
    return SummaryWriter(str(folder), purge_step=step + 1)
