"""The protocol of an evaluation: which metrics of which channels, and how much of the border is left out."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from jsr.metrics import fidelity, grid, lpips, niqe
from jsr.metrics.fidelity import Channel
from jsr.metrics.lpips import Reference
from jsr.metrics.niqe import Pristine
from jsr.metrics.scores import Result, Score
from jsr.models.judges import alexnet


class Protocol(NamedTuple):
    """How pictures are scored. NIQE is defined for luma, and LPIPS for whole RGB pictures, whatever the channel."""

    pristine: Pristine  # the model that NIQE compares with
    perceptual: Reference | None = None  # the network of LPIPS; without it, LPIPS is not measured
    channel: Channel = "y"
    shave: int | None = None  # pixels; None for as many as the scale, the custom of the field
    has_grid: bool = False  # whether the grid of sub-pixel layers is measured too

    def border(self, scale: int) -> int:
        """Returns the pixels that are cut from each border of a picture."""
        return scale if self.shave is None else self.shave

    def compare(
        self, name: str, hr: UInt8[np.ndarray, "h w 3"], sr: UInt8[np.ndarray, "h w 3"], *, scale: int
    ) -> Score:
        """Scores an enlarged picture against its original.

        Raises:
          DataError: the pictures are too small.
        """
        shave, channel = self.border(scale), self.channel
        return Score(
            name,
            psnr=fidelity.psnr(hr, sr, shave=shave, channel=channel),
            ssim=fidelity.ssim(hr, sr, shave=shave, channel=channel),
            ssim_daala=fidelity.ssim_daala(hr, sr, shave=shave) if channel == "y" else None,
            niqe=niqe.distance(sr, self.pristine, shave=shave),
            lpips=lpips.distance(hr, sr, self.perceptual) if self.perceptual else None,
            grid=grid.strength(sr, scale=scale) if self.has_grid else None,
        )

    def describe(self, name: str, hr: UInt8[np.ndarray, "h w 3"], *, scale: int) -> Score:
        """Scores an original by the metrics that need no other picture; the others have a place, but are undefined."""
        return Score(
            name,
            ssim_daala=np.nan if self.channel == "y" else None,
            niqe=niqe.distance(hr, self.pristine, shave=self.border(scale)),
            lpips=np.nan if self.perceptual else None,
            grid=grid.strength(hr, scale=scale) if self.has_grid else None,
        )

    def caption(self, scales: Iterable[int]) -> str:
        """Says in one line what a table of pictures of these scales holds."""
        what = "PSNR, SSIM and NIQE of Y" if self.channel == "y" else "PSNR and SSIM of RGB, NIQE of Y"
        borders = sorted({self.border(scale) for scale in scales})
        shaved = f"{' or '.join(map(str, borders))} pixels shaved"
        if self.shave is None and len(borders) > 1:
            shaved += ", as the scale"
        return f"{what} (BT.601), {shaved}{'; LPIPS of whole RGB pictures' if self.perceptual else ''}"


def undefined(results: Sequence[Result]) -> list[str]:
    """Says in a line each why NIQE and LPIPS have no value for some of the pictures, and for how many of each set."""
    lines = []
    for metric, smallest in (
        ("niqe", f"two blocks of {niqe.BLOCK}x{niqe.BLOCK} pixels"),
        ("lpips", f"{alexnet.SMALLEST} pixels a side"),
    ):
        counts = [
            f"{count} of {len(result.scores)} in {result.set}"
            for result in results
            if (count := sum(np.isnan(getattr(score, metric) or 0) for score in result.scores))
        ]
        if counts:
            lines.append(f"{metric.upper()}: - where a picture has less than {smallest}: {', '.join(counts)}")
    return lines
