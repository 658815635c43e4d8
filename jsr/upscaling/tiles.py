"""Upscaling of whole pictures, window by window, in bounded memory and without seams (`spans.py`)."""

import functools
import itertools
from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np

from jsr.devices import compilation, memory
from jsr.models import Model
from jsr.ops import pixels, windows
from jsr.ops.windows import Span
from jsr.pictures.large import Rows

TILE = 512  # low-resolution pixels, at most: beyond it, halos cost a third or less, and a CPU gains nothing
MIN_TILE = 16  # below it, nearly all the work would be in the halos
NEED = 1600  # bytes that SRResNet takes for each low-resolution pixel of a window (experiments/LOG.md: 0.5 GB for 512)
GREY = np.array([0.299, 0.587, 0.114], np.float32)  # BT.601 luma of R, G, B


def upscale(
    model: Model,
    image: np.ndarray,
    *,
    tile: int | None = None,
    report: Callable[[int, int], None] | None = None,
    shrunk: Callable[[int], None] | None = None,
) -> np.ndarray:
    """Enlarges a picture by the model's scale.

    Args:
      image: uint8 or uint16, RGB `[h, w, 3]` or grey `[h, w]`.
      tile: low-resolution pixels of a tile's side; by default as many as the free memory allows, up to `TILE`. Where
        the memory runs out all the same, it is halved.
      report: called as `report(done, total)` after each tile.
      shrunk: called with the new tile when it is halved.

    Returns:
      an array of the same type, `[s h, s w, 3]` or `[s h, s w]`.

    Raises:
      ValueError: not such an image or tile.
    """
    image = np.asarray(image)
    scale = model.module.scale
    parts = bands(model, image, tile=tile, report=report, shrunk=shrunk)
    first = next(parts)  # after the checks
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
    """Enlarges a picture as `upscale` does, and yields rows of it from top to bottom, of one row of tiles each."""
    is_grey = len(image.shape) == 2
    if image.dtype not in (np.uint8, np.uint16) or not (is_grey or image.shape[2:] == (3,)):
        raise ValueError(f"image: expected uint8 or uint16 [h, w, 3] or [h, w], got {image.dtype} {list(image.shape)}")
    if not all(image.shape):
        raise ValueError(f"image: expected at least one pixel, got {list(image.shape)}")
    if tile is not None and tile < 1:
        raise ValueError(f"tile: expected at least 1 pixel, got {tile}")

    if tile is None:
        row = int(np.prod(image.shape[1:])) * model.module.scale**2 * image.dtype.itemsize
        passes = getattr(model.module, "passes", 1)
        tile = fitting(memory.free(), halo=model.module.halo, row=row, passes=passes)
    done = 0
    while done < image.shape[0]:
        try:
            for band in _bands(model, image, tile=tile, done=done, report=report):
                yield band
                done += len(band) // model.module.scale
        except Exception as error:
            if not memory.is_exhausted(error) or tile <= MIN_TILE:
                raise
            tile = max(MIN_TILE, tile // 2)
            if shrunk:
                shrunk(tile)


def fitting(free: int | None, *, halo: int, row: int = 0, passes: int = 1) -> int:
    """Returns the largest tile, of `TILE` and its halves, that takes no more than half of the free bytes.

    Args:
      row: bytes of the result for each low-resolution row; a band takes them twice, the second time to be written.
      passes: of a window that are in the memory together.
    """
    tile = TILE
    while tile > MIN_TILE and free is not None:
        if passes * NEED * (tile + 2 * halo) ** 2 + 2 * row * tile <= free / 2:
            break
        tile //= 2
    return tile


def _bands(model, image, *, tile, done, report):
    """Yields the bands below the rows that are done; for those, the picture might begin a halo above."""
    scale, halo = model.module.scale, model.module.halo
    height, width = image.shape[:2]
    top = max(0, done - halo)
    window_height, rows = windows.spans(height - top, tile=tile, halo=halo)
    rows = [Span(top + r.start, max(done, top + r.first), top + r.stop) for r in rows]
    rows = [r for r in rows if r.first < r.stop]
    window_width, columns = windows.spans(width, tile=tile, halo=halo)
    places = [(row, column) for row in rows for column in columns]
    enlarge_window = _compiled(getattr(model.module, "dtype", jnp.float32) == jnp.bfloat16)

    def enlarged() -> Iterator[jax.Array]:
        for row in rows:
            part = image[row.start : row.start + window_height]
            for column in columns:
                window = part[:, column.start : column.start + window_width]
                yield enlarge_window(model.module, model.variables, window)

    # The next window is computed while this one is copied.
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
def _compiled(onednn):
    return compilation.jit(_enlarge, onednn=onednn, static_argnames="module")


def _enlarge(module, variables, window):
    """Enlarges whole levels `[h, w, 3]` or `[h, w]` to the same."""
    is_grey = window.ndim == 2
    x = pixels.to_unit(window)
    x = jnp.stack([x] * 3, axis=-1) if is_grey else x
    y = module.apply(variables, x[None])[0]
    # A network may tint what was grey.
    return pixels.from_symmetric(y @ GREY if is_grey else y, dtype=window.dtype)
