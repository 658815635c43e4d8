"""The geometric self-ensemble: the mean over what a model makes of a picture in its eight flips and turns.

Timofte, Rothe, Van Gool: Seven ways to improve example-based single image super resolution. CVPR 2016, section 3.6.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from jsr import tiles
from jsr.models import Model

TURNS = range(8)  # bit 0 flips rows, bit 1 columns, and bit 2 then transposes


def upscale(
    model: Model,
    image: np.ndarray,
    *,
    tile: int | None = None,
    report: Callable[[int, int], None] | None = None,
    shrunk: Callable[[int], None] | None = None,
) -> np.ndarray:
    """Enlarges a picture as `tiles.upscale` does, eight times: slower by that, and a little more faithful.

    One after another, not in one batch, which would take the memory of eight.
    """
    total: Any = 0

    def smaller(new):  # the passes that follow begin with it
        nonlocal tile
        tile = new
        if shrunk:
            shrunk(new)

    for turn in TURNS:

        def report_all(done, tiles_of_one, turn=turn):
            if report:
                report(turn * tiles_of_one + done, len(TURNS) * tiles_of_one)

        turned = np.ascontiguousarray(_turn(image, turn))
        large = tiles.upscale(model, turned, tile=tile, report=report_all, shrunk=smaller)
        total = total + _turn_back(large, turn).astype(np.uint32)
    half = len(TURNS) // 2
    return ((total + half) // len(TURNS)).astype(image.dtype)


def _turn(image, turn):
    image = image[::-1] if turn & 1 else image
    image = image[:, ::-1] if turn & 2 else image
    return image.swapaxes(0, 1) if turn & 4 else image


def _turn_back(image, turn):
    image = image.swapaxes(0, 1) if turn & 4 else image
    image = image[:, ::-1] if turn & 2 else image
    return image[::-1] if turn & 1 else image
