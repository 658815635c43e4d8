"""Whole pictures upscaled tile by tile, in bounded memory and without seams (`ops/windows.py`)."""

import functools
import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jsr.devices import compilation, memory
from jsr.errors import ConfigError, PictureError
from jsr.models import Model, Upscaler
from jsr.ops import pixels, windows
from jsr.ops.windows import Span
from jsr.pictures.large import Rows

TILE = 512  # low-resolution pixels, at most; there the halos cost a third more work, and larger tiles gain little
MIN_TILE = 16  # low-resolution pixels; in smaller tiles, nearly all of the work would be in the halos
# Sides of the windows of small pictures, in low-resolution pixels. A picture is padded to the next of them, because
# compiling a program for its own size would take longer than the computation. Icons of the usual sizes fit exactly.
SIDES = (32, 64, 96, 128, 192, 256)
# Bytes that SRResNet needs for each low-resolution pixel of a window, roughly: 0.67 GB for 590x590 are 1900
# (experiments/LOG.md, "Bands"), and `fitting` claims only half of the free memory.
NEED = 1600


def upscale(
    model: Model,
    image: np.ndarray,
    *,
    tile: int | None = None,
    report: Callable[[int, int], None] | None = None,
    shrunk: Callable[[int], None] | None = None,
) -> np.ndarray:
    """Upscales a picture by the model's scale, s.

    Args:
      image: uint8 or uint16, RGB `[h, w, 3]` or grey `[h, w]`.
      tile: side of a tile in low-resolution pixels; by default the largest that the free memory allows, up to `TILE`.
        If memory runs out all the same, it is halved, down to `MIN_TILE`.
      report: called as `report(finished, total)` after each tile.
      shrunk: called with the new side when it is halved.

    Returns:
      an array of the same type, `[s h, s w, 3]` or `[s h, s w]`.

    Raises:
      PictureError: the array is not such an image.
      ConfigError: the tile is smaller than a pixel.
    """
    image = np.asarray(image)
    scale = model.scale
    parts = bands(model, image, tile=tile, report=report, shrunk=shrunk)
    first = next(parts)  # runs the checks, before the result takes memory
    height, width = image.shape[:2]
    large = np.empty((height * scale, width * scale, *image.shape[2:]), image.dtype)
    y = 0
    for band in itertools.chain([first], parts):
        large[y : y + len(band)] = band
        y += len(band)
    return large


def bands(
    model: Model,
    image: Rows,
    *,
    tile: int | None = None,
    report: Callable[[int, int], None] | None = None,
    shrunk: Callable[[int], None] | None = None,
) -> Iterator[np.ndarray]:
    """Upscales a picture as `upscale` does, and yields it from top to bottom, one row of tiles at a time.

    Raises:
      PictureError, ConfigError: as `upscale` does, at the first band.
    """
    is_grey = len(image.shape) == 2
    if image.dtype not in (np.uint8, np.uint16) or not (is_grey or image.shape[2:] == (3,)):
        raise PictureError(
            f"image: expected uint8 or uint16 [h, w, 3] or [h, w], got {image.dtype} {list(image.shape)}"
        )
    if not all(image.shape):
        raise PictureError(f"image: expected at least one pixel, got {list(image.shape)}")
    if tile is not None and tile < 1:
        raise ConfigError(f"tile: expected at least 1 pixel, got {tile}")

    if tile is None:
        row = int(np.prod(image.shape[1:])) * model.scale**2 * image.dtype.itemsize
        tile = fitting(memory.free(), halo=model.halo, row=row, passes=model.module.passes)
    finished = 0  # low-resolution rows
    while finished < image.shape[0]:
        try:
            for band in _bands(model, image, tile=tile, first=finished, report=report):
                yield band
                finished += len(band) // model.scale
        except Exception as error:
            if not memory.is_exhausted(error) or tile <= MIN_TILE:
                raise
            tile = max(MIN_TILE, tile // 2)
            if shrunk:
                shrunk(tile)


def fitting(free: int | None, *, halo: int, row: int = 0, passes: int = 1) -> int:
    """Returns the largest tile, of `TILE` and its halves, that needs no more than half of the free bytes.

    Args:
      free: free memory in bytes, or None if it cannot be determined.
      halo: of the model, in low-resolution pixels.
      row: bytes of the result for each low-resolution row. A band of them is in memory twice, because it is copied when
        it is written.
      passes: of the model, `Upscaler.passes`.
    """
    tile = TILE
    while tile > MIN_TILE and free is not None:
        if passes * NEED * (tile + 2 * halo) ** 2 + 2 * row * tile <= free / 2:
            break
        tile //= 2
    return tile


def balanced(height: int, width: int, *, halo: int, most: int) -> int:
    """Returns the side of tiles, from half of the most to the most, that computes the fewest pixels, halos included.

    For many pictures of one size: 640x360 is computed as two windows of 360x360, not of 512x360. For one picture, a
    program of its own would take longer to compile than it saves.
    """

    def pixels(tile: int) -> int:
        sides = [windows.spans(side, tile=tile, halo=halo) for side in (height, width)]
        return math.prod(window * len(parts) for window, parts in sides)

    return min(range(max(MIN_TILE, most // 2), most + 1), key=pixels)


def padded(height: int, width: int, *, margin: int, most: int) -> int | None:
    """Returns the side, of `SIDES`, of the square window that a small picture is padded to; None for other pictures.

    Args:
      margin: of the model, `Upscaler.margin`.
      most: the largest side.
    """
    for side in SIDES:
        if side <= most and all(n == side or n + margin <= side for n in (height, width)):
            return side
    return None


def _pad(window: np.ndarray, side: int) -> np.ndarray:
    """Pads a window to a square with its mirror image, below and on the right."""
    missing = [(0, side - n) for n in window.shape[:2]]
    return np.pad(window, missing + [(0, 0)] * (window.ndim - 2), mode="symmetric")


def _bands(
    model: Model, image: Rows, *, tile: int, first: int, report: Callable[[int, int], None] | None
) -> Iterator[np.ndarray]:
    """Yields the bands from the row `first` on. To them, the picture might begin a halo above."""
    scale, halo = model.scale, model.halo
    height, width = image.shape[:2]
    top = max(0, first - halo)
    window_height, rows = windows.spans(height - top, tile=tile, halo=halo)
    rows = [Span(top + r.start, max(first, top + r.first), top + r.stop) for r in rows]
    rows = [r for r in rows if r.first < r.stop]
    window_width, columns = windows.spans(width, tile=tile, halo=halo)
    places = [(row, column) for row in rows for column in columns]
    side = padded(height, width, margin=model.module.margin, most=tile + 2 * halo)
    enlarge_window = _compiled(model.module.dtype == jnp.bfloat16)

    def enlarged() -> Iterator[jax.Array]:
        for row in rows:
            part = image[row.start : row.start + window_height]
            for column in columns:
                window, size = part[:, column.start : column.start + window_width], None
                if side:
                    window, size = _pad(window, side), np.array(window.shape[:2], np.int32)
                yield enlarge_window(model.module, model.variables, window, size)

    # JAX computes asynchronously: the next window is computed while this one is copied.
    ahead = enlarged()
    following = next(ahead)
    band = np.empty(0)
    for i, (row, column) in enumerate(places):
        current, following = following, next(ahead, None)
        if column is columns[0]:
            shape = (scale * (row.stop - row.first), scale * width, *image.shape[2:])
            band = np.empty(shape, image.dtype)
        band[:, scale * column.first : scale * column.stop] = np.asarray(current)[
            scale * (row.first - row.start) : scale * (row.stop - row.start),
            scale * (column.first - column.start) : scale * (column.stop - column.start),
        ]
        if report:
            report(i + 1, len(places))
        if column is columns[-1]:
            yield band


@functools.cache
def _compiled(onednn: bool) -> Any:
    return compilation.jit(_enlarge, onednn=onednn, static_argnames="module")


def _enlarge(
    module: Upscaler, variables: Mapping[str, Any], window: jax.Array, size: jax.Array | None = None
) -> jax.Array:
    """Upscales whole levels `[h, w, 3]` or `[h, w]`, and returns the same type and rank.

    Args:
      size: height and width of the picture within the window, where the rest is padding.
    """
    is_grey = window.ndim == 2
    x = pixels.to_unit(window)
    x = jnp.stack([x] * 3, axis=-1) if is_grey else x
    y = module.apply(variables, x[None], size=size)[0]
    # The mean by luma, because a network may tint grey.
    return pixels.from_symmetric(y @ pixels.GREY if is_grey else y, dtype=window.dtype)
