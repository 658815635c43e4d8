"""Scores of pictures, as a table and as JSON."""

import math
from typing import NamedTuple

import numpy as np


class Score(NamedTuple):
    """Of a picture, or the mean of several; NaN where a measure has no value for it."""

    name: str
    psnr: float  # dB
    ssim: float  # Wang's
    ssim_daala: float
    niqe: float  # NaN for pictures of less than two blocks


HEADING = "PSNR dB / SSIM Wang / SSIM daala / NIQE"
FORMATS = {"psnr": ".3f", "ssim": ".4f", "ssim_daala": ".4f", "niqe": ".2f"}


def mean(scores: list[Score]) -> Score:
    """Returns the mean over pictures, of decibels: the literature averages after the logarithm."""
    means = np.mean([score[1:] for score in scores], axis=0)
    return Score(f"mean of {len(scores)}", *map(float, means))


def table(rows: list[list[str]]) -> str:
    """Lays rows out in columns, the first to the left and the others to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )


def as_text(score: Score) -> str:
    values = [getattr(score, name) for name in FORMATS]
    shown = ["-" if math.isnan(v) else f"{v:{f}}" for v, f in zip(values, FORMATS.values(), strict=True)]
    return " / ".join(shown)


def as_json(score: Score) -> dict[str, float | None]:
    # JSON has no infinity, which the PSNR of equal pictures is, and no NaN.
    values = {name: getattr(score, name) for name in FORMATS}
    return {name: value if math.isfinite(value) else None for name, value in values.items()}
