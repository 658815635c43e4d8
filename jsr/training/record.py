"""What a run tells: `metrics.jsonl`, TensorBoard events, sample grids and a progress bar.

The JSON lines are the record. TensorBoard gets the same numbers where tensorboardX is installed.
"""

import json
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

GAP = 4  # pixels between the pictures of a grid


class Report:
    """Writes a run's numbers and pictures into its folder and shows progress on stderr."""

    def __init__(self, folder: Path, *, step: int, steps: int, phase: str):
        """Takes up at `step`: lines of later steps, left by a run that died, are cut off."""
        folder.mkdir(parents=True, exist_ok=True)
        self._samples = folder / "samples"
        path = folder / "metrics.jsonl"
        temporary = folder / ".metrics.jsonl"
        temporary.write_text("".join(_lines(path, last=step)))
        temporary.replace(path)  # a process killed here leaves the old record, not half of it
        self._file = path.open("a")
        self._events = _events(folder, step)
        self._bar = tqdm(total=steps, initial=step, desc=phase, unit="step", dynamic_ncols=True)

    def __enter__(self) -> "Report":
        return self

    def __exit__(self, *_) -> None:
        self._bar.close()
        self._file.close()
        if self._events:
            self._events.close()

    def advance(self, count: int, warning: str = "", **shown: float) -> None:
        """Moves the bar, with a warning and the latest numbers beside it."""
        numbers = [f"{name}={value:.4g}" for name, value in shown.items()]
        self._bar.set_postfix_str(", ".join([*filter(None, [warning]), *numbers]), refresh=False)
        self._bar.update(count)

    def log(self, step: int, **metrics: float) -> None:
        """Appends one line of numbers."""
        self._file.write(json.dumps({"step": step, **metrics}) + "\n")
        self._file.flush()
        if self._events:
            for name, value in metrics.items():
                self._events.add_scalar(name, value, step)

    def note(self, step: int, text: str) -> None:
        """Says a line, and keeps it in the record."""
        self._file.write(json.dumps({"step": step, "note": text}) + "\n")
        self._file.flush()
        self.say(text)

    def say(self, text: str) -> None:
        """Prints a line above the bar."""
        self._bar.write(text)

    def samples(self, step: int, columns: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> None:
        """Writes a grid of pictures, rows LR (enlarged by repetition), SR and HR."""
        self._samples.mkdir(exist_ok=True)
        picture = grid(columns)
        Image.fromarray(picture).save(self._samples / f"{step:08d}.png")
        if self._events:
            self._events.add_image("samples", picture, step, dataformats="HWC")


def grid(columns: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> np.ndarray:
    """Puts pictures together: a column for each `(lr, sr, hr)`, all uint8 `[h, w, 3]`, on white."""
    height = max(hr.shape[0] for _, _, hr in columns)
    width = max(hr.shape[1] for _, _, hr in columns)
    shape = (3 * (height + GAP) + GAP, len(columns) * (width + GAP) + GAP, 3)
    canvas = np.full(shape, 255, np.uint8)
    for column, (lr, sr, hr) in enumerate(columns):
        scale = hr.shape[0] // lr.shape[0]
        enlarged = lr.repeat(scale, axis=0).repeat(scale, axis=1)
        for row, picture in enumerate((enlarged, sr, hr)):
            y, x = GAP + row * (height + GAP), GAP + column * (width + GAP)
            canvas[y : y + picture.shape[0], x : x + picture.shape[1]] = picture
    return canvas


def _lines(path, *, last):
    """Yields the lines of a record up to a step, without those that a crash or a full disk broke off."""
    if not path.exists():
        return
    for line in path.read_text(errors="replace").splitlines(keepends=True):
        try:
            if line.endswith("\n") and json.loads(line)["step"] <= last:
                yield line
        except (ValueError, TypeError, KeyError):
            continue


def _events(folder, step):
    try:
        from tensorboardX import SummaryWriter
    except ImportError:
        return None
    # Later events of a run that died stay in its file; from here on TensorBoard hides them.
    return SummaryWriter(str(folder), purge_step=step + 1)
