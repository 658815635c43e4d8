"""One large picture from a burst: several pictures of one scene, taken by a camera that moved a little."""

from collections.abc import Callable, Sequence

import jax.numpy as jnp
import numpy as np

from jsr.errors import PictureError, WeightsError
from jsr.models import Model
from jsr.models.classical import burst
from jsr.models.classical.reconstruction import BackProjection, MaximumAPosteriori
from jsr.ops import pixels, registration, windows
from jsr.ops.windows import Span
from jsr.upscaling import tiles

TILE = 64  # low-resolution pixels; the products of dense matrices cost less in small tiles, in spite of the halos
MIN_AGREEMENT = 0.7  # correlation; two frames of one scene have more than 0.9, different pictures less than 0.5


def upscale(
    model: Model, frames: Sequence[np.ndarray], *, report: Callable[[int, int], None] | None = None
) -> np.ndarray:
    """Makes one large picture of several small ones, which show one scene shifted against the first of them.

    Of a single frame, it makes what `tiles.upscale` makes of it.

    Args:
      model: `ibp` or `map`. Where its observation has no noise, the noise is measured in the frames.
      frames: uint8 or uint16, RGB `[h, w, 3]` or grey `[h, w]`, all of one shape and type.
      report: called as `report(finished, total)` after each tile.

    Returns:
      an array of the same type, `[s h, s w, 3]` or `[s h, s w]`.

    Raises:
      PictureError: no frames, frames of several shapes or types, or one that does not show the scene of the first.
      WeightsError: another model.
    """
    module = model.module
    if not isinstance(module, BackProjection | MaximumAPosteriori):
        raise WeightsError(f"burst: expected ibp or map as the model, got {type(module).__name__}")
    shapes = {(frame.shape, frame.dtype) for frame in frames}
    if len(shapes) != 1:
        raise PictureError(f"burst: expected frames of one size and type, got {len(shapes)} sorts among {len(frames)}")
    if len(frames) == 1:
        return tiles.upscale(model, frames[0], report=report)
    # Whole levels stay as they are until a window of them is computed, because bursts are large.
    stack = np.stack([np.atleast_3d(frame) for frame in frames])
    shifts = _register(stack)

    scale, halo = module.scale, module.halo + int(np.ceil(np.abs(shifts).max()))
    height, width = stack.shape[1:3]
    window_height, rows = windows.spans(height, tile=TILE, halo=halo)
    window_width, columns = windows.spans(width, tile=TILE, halo=halo)
    blur = module.observation.blur
    down = burst.axis(window_height, shifts[:, 0], scale, blur=blur)
    right = burst.axis(window_width, shifts[:, 1], scale, blur=blur)
    bound = float((down.bound * right.bound).sum())

    def window(row: Span, column: Span) -> np.ndarray:
        part = stack[:, row.start : row.start + window_height, column.start : column.start + window_width]
        return np.asarray(pixels.to_unit(part))

    large = np.empty((scale * height, scale * width, stack.shape[3]), stack.dtype)
    back_projection = module if isinstance(module, BackProjection) else BackProjection(factors=module.factors)
    noise = module.observation.noise / 255
    if isinstance(module, MaximumAPosteriori) and not noise:
        middle = window(rows[len(rows) // 2], columns[len(columns) // 2])
        noise = float(burst.back_project(back_projection, middle, down, right)[1])
    places = [(row, column) for row in rows for column in columns]
    for i, (row, column) in enumerate(places):
        x = window(row, column)
        y, _ = burst.back_project(back_projection, x, down, right)
        if isinstance(module, MaximumAPosteriori):
            y = burst.maximise_a_posteriori(module, x, down, right, y, noise=noise, bound=bound)
        large[scale * row.first : scale * row.stop, scale * column.first : scale * column.stop] = np.asarray(
            pixels.from_symmetric(2 * y - 1, dtype=stack.dtype)
        )[
            scale * (row.first - row.start) : scale * (row.stop - row.start),
            scale * (column.first - column.start) : scale * (column.stop - column.start),
        ]
        if report:
            report(i + 1, len(places))
    return large.reshape(scale * height, scale * width, *frames[0].shape[2:])


def _register(stack: np.ndarray) -> np.ndarray:
    """Returns the shifts of frames `[n, h, w, c]` against the first, float64 `[n, 2]`, down and right in pixels.

    Raises:
      PictureError: a frame does not show the scene of the first.
    """
    luma = jnp.stack([_luma(frame) for frame in stack])
    shifts, agreement = registration.shifts(luma)
    for i, correlation in enumerate(np.asarray(agreement)):
        if not correlation >= MIN_AGREEMENT:
            raise PictureError(
                f"burst: frame {i + 1} does not show the scene of the first, moved only (they correlate by"
                f" {correlation:.2f}, expected {MIN_AGREEMENT:g} or more)"
            )
    return np.asarray(shifts, np.float64)


def _luma(frame: np.ndarray) -> np.ndarray:
    x = np.asarray(pixels.to_unit(frame))
    return x @ pixels.GREY if x.shape[-1] == 3 else x[..., 0]
