"""The size of a result that is not the model's: reached by antialiased bicubic interpolation, after the network."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from jsr.errors import PictureError
from jsr.ops import resize
from jsr.ops.bleed import bleed
from jsr.pictures import Picture
from jsr.pictures.large import Rows
from jsr.pictures.picture import is_grey

MAX_SCALE = 16  # beyond it, nearly all of a result is invented
ROWS, COLUMNS = 64, 64  # pixels of a result that are computed at a time


class Size(NamedTuple):
    """The size that is asked for; without any, a result has the model's scale. The shape is always kept."""

    scale: float | None = None
    width: int | None = None  # in the place of a scale; with a height too, the larger size that fits in both
    height: int | None = None
    max_side: int | None = None  # a limit of the longer side, whatever else is asked for

    def of(self, height: int, width: int, *, scale: int) -> tuple[int, int]:
        """Returns height and width of the result of a picture.

        Args:
          scale: the model's.

        Raises:
          PictureError: more than `MAX_SCALE` times the picture.
        """
        wanted = self.scale or scale
        if self.width or self.height:
            wanted = min(n / side for n, side in ((self.width, width), (self.height, height)) if n)
        if self.max_side:
            wanted = min(wanted, self.max_side / max(height, width))
        if wanted > MAX_SCALE:
            raise PictureError(
                f"expected a result up to {MAX_SCALE} times as large, got {wanted:g} times {width}x{height}"
            )
        return max(1, round(wanted * height)), max(1, round(wanted * width))

    def mark(self, scale: int) -> str:
        """Returns the mark of such results in their names: _x4, _x1.5, _w1920, _h1080, _w1920h1080 or _max4000."""
        if self.max_side:
            return f"_max{self.max_side}"
        sides = f"w{self.width}" * bool(self.width) + f"h{self.height}" * bool(self.height)
        return f"_{sides}" if sides else f"_x{self.scale or scale:g}"


def resized(picture: Picture, height: int, width: int) -> Picture:
    """Resizes a picture; grey stays exactly grey, and the hidden colour of transparent pixels does not bleed."""
    pixels, alpha = picture.pixels, picture.alpha
    if pixels.ndim == 3 and is_grey(pixels):
        result = resized(picture._replace(pixels=np.ascontiguousarray(pixels[..., 0])), height, width)
        return result._replace(pixels=np.stack([result.pixels] * 3, axis=-1))
    if alpha is not None:
        pixels = bleed(pixels, alpha)
        alpha = np.concatenate(list(bands(alpha, height, width)))
    return picture._replace(pixels=np.concatenate(list(bands(pixels, height, width))), alpha=alpha)


def bands(rows: Rows, height: int, width: int) -> Iterator[np.ndarray]:
    """Resizes rows `[h, w]` or `[h, w, 3]`, and yields the result from top to bottom, `ROWS` at a time."""
    top = np.iinfo(rows.dtype).max
    for first in range(0, height, ROWS):
        start, weights = resize.part(rows.shape[0], height, first=first, last=min(first + ROWS, height))
        block = np.asarray(rows[start : start + weights.shape[1]], np.float32)
        block = np.tensordot(weights, block, axes=1)
        band = np.empty((len(block), width, *block.shape[2:]), rows.dtype)
        for left in range(0, width, COLUMNS):
            right = min(left + COLUMNS, width)
            start, weights = resize.part(rows.shape[1], width, first=left, last=right)
            piece = np.tensordot(weights, block[:, start : start + weights.shape[1]], axes=(1, 1))
            band[:, left:right] = np.clip(np.round(piece), 0, top).swapaxes(0, 1)
        yield band
