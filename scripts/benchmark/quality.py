"""Quality against time: scores on Set14 at x4 over the seconds that a picture takes, of our models and of others'."""

import functools
import os
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from jsr.data.sets import pairs
from jsr.metrics import fidelity, lpips, lpips_model
from jsr.upscaling import tiles
from jsr.weights import zoo
from scripts.benchmark import contestants, ncnn_calls, timing
from scripts.benchmark.cases import SCALE

SET = "eval/Set14/x4"  # in the folder JSR_DATA
SIDE = 256  # low-resolution pixels of the timed picture
MODELS = ("bicubic", *zoo.BUNDLED, zoo.DEFAULT)

Upscale = Callable[[np.ndarray], np.ndarray]  # from uint8 [h, w, 3] to uint8 [4 h, 4 w, 3]


class Axis(NamedTuple):
    """A score that a panel of the figure shows."""

    score: str
    label: str
    sign: int  # 1 where more is better, -1 where less is


AXES = (Axis("PSNR", "PSNR (dB)", 1), Axis("LPIPS", "LPIPS (lower is better)", -1))
# Where a point's name may stand: points to the right, points above, and which side of the text is there.
PLACES = ((6, -3, "left"), (-6, -3, "right"), (4, 6, "left"), (4, -12, "left"), (-4, 6, "right"), (-4, -12, "right"))
FONTS = ["DejaVu Sans", "Verdana"]


def folder() -> Path | None:
    """Returns the folder of the set, if there is one."""
    root = os.environ.get("JSR_DATA")
    return Path(root, SET) if root and Path(root, SET).is_dir() else None


def measure(
    folder: Path, *, repeats: int, threads: int, side: int = SIDE
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Scores and times our models and the rivals.

    Returns:
      the rows of the table, the fastest first, and why each of the others was left out.
    """
    calls: dict[str, Upscale] = {name: functools.partial(tiles.upscale, zoo.ready(name)) for name in MODELS}
    left_out = {}
    for name in ncnn_calls.RIVALS:
        try:
            calls[f"{name} (ncnn)"] = ncnn_calls.rival(name, threads=threads)
        except ModuleNotFoundError as error:
            left_out[name] = str(error)
    bar = tqdm(calls.items(), desc="quality", leave=False, disable=None)
    rows = [{"model": name, "ms": 0.0, **_scores(upscale, folder)} for name, upscale in bar]
    picture = np.round(255 * contestants.photograph(side, side)[0]).astype(np.uint8)
    timed = {name: functools.partial(upscale, picture) for name, upscale in calls.items()}
    for call in timed.values():
        call()
    times = timing.alternate(timed, repeats=repeats)
    for row in rows:
        row["ms"] = 1e3 * statistics.median(times[row["model"]])
    return sorted(rows, key=lambda row: row["ms"]), left_out


def _scores(upscale: Upscale, folder: Path) -> dict[str, float | None]:
    """Returns the means over a set: PSNR on luma, without 4 pixels of the border, and LPIPS after `jsr fetch lpips`."""
    reference, found = lpips_model.load(), []
    for pair in pairs.find(folder, scale=SCALE):
        lr, hr = pairs.read(pair, scale=SCALE)
        sr = upscale(lr)
        found.append((fidelity.psnr(hr, sr), lpips.distance(hr, sr, reference) if reference else np.nan))
    psnr, distance = np.mean(found, axis=0)
    return {"PSNR": float(psnr), "LPIPS": float(distance) if reference else None}


def frontier(rows: list[dict[str, Any]], axis: Axis) -> list[dict[str, Any]]:
    """Returns the rows that no faster one equals in a score, the fastest first."""
    best: list[dict[str, Any]] = []
    for row in sorted(rows, key=lambda row: row["ms"]):
        if not best or axis.sign * row[axis.score] > axis.sign * best[-1][axis.score]:
            best.append(row)
    return best


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Draws a panel for each score, with a line along the frontier; better is above.

    Raises:
      ModuleNotFoundError: matplotlib is not installed.
    """
    import matplotlib
    from matplotlib.figure import Figure

    axes = [axis for axis in AXES if rows[0][axis.score] is not None]
    figure = Figure(figsize=(7 * len(axes), 6), layout="constrained")
    for panel, axis in zip(figure.subplots(1, len(axes), squeeze=False)[0], axes, strict=True):
        best = np.array([(row["ms"] / 1e3, row[axis.score]) for row in frontier(rows, axis)])
        steps = np.stack([np.repeat(best[:, 0], 2)[1:], np.repeat(best[:, 1], 2)[:-1]], axis=1)
        panel.plot(*steps.T, color="0.7", zorder=0, label="frontier")
        for label, marker, is_ours in (("jsr", "o", True), ("others, by ncnn", "s", False)):
            group = [row for row in rows if (row["model"] in MODELS) == is_ours]
            panel.plot([row["ms"] / 1e3 for row in group], [row[axis.score] for row in group], marker, label=label)
        panel.set_xscale("log")
        panel.set_xlabel(f"seconds for {SIDE} x {SIDE} pixels")
        panel.set_ylabel(axis.label)
        panel.margins(x=0.15, y=0.08)
        if axis.sign < 0:
            panel.invert_yaxis()
        panel.grid(alpha=0.25)
        panel.legend(loc="upper left")
        _name_points(panel, rows, axis, steps)
    # The fonts are few because an SVG lists them with every text.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "jsr", "font.sans-serif": FONTS}):
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def _name_points(panel: Any, rows: list[dict[str, Any]], axis: Axis, steps: np.ndarray) -> None:
    """Writes each point's name where it overlaps no other name, no point and not the line `steps`, if it can."""
    from matplotlib.path import Path as Line

    panel.figure.draw_without_rendering()
    line = Line(panel.transData.transform(steps))
    points = [panel.transData.transform((row["ms"] / 1e3, row[axis.score])) for row in rows]
    taken: list[Any] = [panel.get_legend().get_window_extent()]
    for row, point in zip(rows, points, strict=True):
        tried = []
        for right, above, side in PLACES:
            name = panel.annotate(
                row["model"],
                (row["ms"] / 1e3, row[axis.score]),
                (right, above),
                textcoords="offset points",
                ha=side,
                fontsize="small",
            )
            box = name.get_window_extent()
            overlaps = sum(box.overlaps(other) for other in taken)
            overlaps += sum(box.contains(*other) for other in points if other is not point)
            overlaps += line.intersects_bbox(box, filled=False)
            overlaps += not all(panel.bbox.contains(*corner) for corner in box.corners())
            tried.append((overlaps, name, box))
        best = min(tried, key=lambda place: place[0])
        for place in tried:
            if place is not best:
                place[1].remove()
        taken.append(best[2])
