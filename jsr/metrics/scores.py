"""Scores of pictures, as text, as a table and as JSON."""

import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np


class Score(NamedTuple):
    """Scores of one picture, or the mean over several; NaN where a metric is undefined."""

    name: str
    psnr: float = math.nan  # dB
    ssim: float = math.nan  # Wang's
    ssim_daala: float | None = None  # None where another channel than luma is measured
    niqe: float = math.nan  # undefined for pictures of fewer than two blocks
    lpips: float | None = None  # undefined for pictures of a few pixels; None where its network is missing
    grid: float | None = None  # grey levels; None where it was not asked for


class Result(NamedTuple):
    """The scores of one model, of another program or of the originals, on one benchmark set."""

    model: str
    set: str
    folder: Path
    scale: int
    scores: list[Score]  # of each picture
    mean: Score


TITLES = {
    "psnr": "PSNR dB",
    "ssim": "SSIM Wang",
    "ssim_daala": "SSIM daala",
    "niqe": "NIQE",
    "lpips": "LPIPS",
    "grid": "grid",
}
FORMATS = {"psnr": ".3f", "ssim": ".4f", "ssim_daala": ".4f", "niqe": ".2f", "lpips": ".3f", "grid": ".3f"}


def mean(scores: list[Score]) -> Score:
    """Returns the mean over pictures. That of PSNR is over decibels, as in the literature."""
    rows = [_values(score) for score in scores]
    means = np.mean([[*row.values()] for row in rows], axis=0)
    return Score(f"mean of {len(scores)}", **dict(zip(rows[0], map(float, means), strict=True)))


def heading(score: Score) -> str:
    """Returns the names of the values in `as_text`."""
    return " / ".join(TITLES[name] for name in _values(score))


def as_text(score: Score) -> str:
    """Returns the values as "28.422 / 0.8105 / 0.8195 / 4.56", with "-" where a metric is undefined."""
    return " / ".join(
        "-" if math.isnan(value) else f"{value:{FORMATS[name]}}" for name, value in _values(score).items()
    )


def as_json(score: Score) -> dict[str, float | None]:
    """Returns the values by name. JSON has neither NaN nor infinity, the PSNR of equal pictures: both become None."""
    return {name: value if math.isfinite(value) else None for name, value in _values(score).items()}


def result_as_json(result: Result) -> dict[str, Any]:
    """Returns the scores on a set: the mean, and those of each picture."""
    return {
        "model": result.model,
        "set": result.set,
        "data": str(result.folder),
        "scale": result.scale,
        "mean": as_json(result.mean),
        "images": [{"name": score.name, **as_json(score)} for score in result.scores],
    }


def table(rows: list[list[str]]) -> str:
    """Lays rows out in columns, the first aligned to the left and the others to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )


def _values(score: Score) -> dict[str, float]:
    return {name: value for name in FORMATS if (value := getattr(score, name)) is not None}
