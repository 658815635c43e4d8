"""Upscaling of whole pictures, window by window, in bounded memory and without seams (`spans.py`)."""

import functools
from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np

from jsr import compilation, pixels
from jsr.models import Model
from jsr.spans import spans

TILE = 512  # low-resolution pixels: about 0.5 GB in SRResNet, and a third more to compute than a whole picture
GREY = np.array([0.299, 0.587, 0.114], np.float32)  # BT.601 luma of R, G, B


def upscale(
    model: Model,
    image: np.ndarray,
    *,
    tile: int | None = None,
    report: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """Enlarges a picture by the model's scale.

    Args:
      image: uint8 or uint16, RGB `[h, w, 3]` or grey `[h, w]`.
      tile: low-resolution pixels of a tile's side; `TILE` by default.
      report: called as `report(done, total)` after each tile.

    Returns:
      an array of the same type, `[s h, s w, 3]` or `[s h, s w]`.

    Raises:
      ValueError: not such an image or tile.
    """
    image = np.asarray(image)
    is_grey = image.ndim == 2
    if image.dtype not in (np.uint8, np.uint16) or not (is_grey or image.shape[2:] == (3,)):
        raise ValueError(
            f"image: expected uint8 or uint16 [h, w, 3] or [h, w], got {image.dtype} {list(image.shape)}"
        )
    if not image.size:
        raise ValueError(f"image: expected at least one pixel, got {list(image.shape)}")
    if tile is not None and tile < 1:
        raise ValueError(f"tile: expected at least 1 pixel, got {tile}")

    scale = model.module.scale
    height, width = image.shape[:2]
    options = {"tile": tile or TILE, "halo": model.module.halo}
    window_height, rows = spans(height, **options)
    window_width, columns = spans(width, **options)
    large = np.empty((height * scale, width * scale, *image.shape[2:]), image.dtype)
    places = [(row, column) for row in rows for column in columns]
    enlarge_window = _compiled(getattr(model.module, "dtype", jnp.float32) == jnp.bfloat16)

    def enlarged() -> Iterator[jax.Array]:
        for row, column in places:
            y, x = row.start, column.start
            window = image[y : y + window_height, x : x + window_width]
            yield enlarge_window(model.module, model.variables, window)

    # The next window is computed while this one is copied.
    ahead = enlarged()
    following = next(ahead)
    for i, (row, column) in enumerate(places):
        current, following = following, next(ahead, None)
        kept = np.asarray(current)[
            scale * (row.first - row.start) : scale * (row.stop - row.start),
            scale * (column.first - column.start) : scale * (column.stop - column.start),
        ]
        y, x = (
            slice(scale * row.first, scale * row.stop),
            slice(scale * column.first, scale * column.stop),
        )
        large[y, x] = kept
        if report:
            report(i + 1, len(places))
    return large


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
