"""Upscales a raster: each band as grey, colours together, in the range of the network, and back to its own."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float, Shaped

from jsr.models import Model
from jsr.ops import resize
from jsr.ops.bleed import bleed
from jsr.pictures import Raster
from jsr.upscaling import tiles

PERCENTILES = (0.1, 99.9)  # of a band's values; between them lies what a network sees
TOP = 65535  # the levels that values between the limits become


def enlarge(
    model: Model,
    raster: Raster,
    *,
    limits: tuple[float, float] | None = None,
    tile: int | None = None,
    report: Callable[[int, int], None] | None = None,
    shrunk: Callable[[int], None] | None = None,
) -> Raster:
    """Enlarges a raster by the model's scale; it keeps its type.

    The model enlarges values between two limits. What lies beyond them, and what is lost by rounding, is enlarged
    bicubically and added, so that nothing is clipped.

    Args:
      limits: of all bands, in their own unit; by default the `PERCENTILES` of each band, or of the three colours.
      tile, report, shrunk: as `tiles.upscale` takes them.
    """
    count = raster.samples.shape[2]
    colours = 3 if raster.is_rgb else 0
    groups = [slice(0, colours)] * (colours > 0) + [slice(i, i + 1) for i in range(colours, count)]
    parts, notes = [], []
    for i, group in enumerate(groups):
        values = raster.samples[..., group]
        is_known = _is_known(values, raster.missing)
        low, high = limits or _limits(values[is_known])
        notes.append(f"{low:g} to {high:g}")
        levels, rest = _levels(values, is_known, low, high)
        large = tiles.upscale(model, levels, tile=tile, shrunk=shrunk) / np.float32(TOP)
        large = large.reshape(*large.shape[:2], -1)
        large = low + (high - low) * (large.astype(np.float64) + _resized(rest, *large.shape[:2]))
        is_known = is_known.repeat(model.scale, axis=0).repeat(model.scale, axis=1)
        parts.append(_typed(large, values, is_known, raster.missing))
        if report:
            report(i + 1, len(groups))
    samples = np.concatenate(parts, axis=-1)
    how = "" if limits else f", percentiles {PERCENTILES[0]:g} and {PERCENTILES[1]:g}"
    more = ", ..." * (len(notes) > 4)
    return raster._replace(samples=samples).noted(f"range of the model: {'; '.join(notes[:4])}{more}{how}")


def resized(raster: Raster, height: int, width: int) -> Raster:
    """Resizes a raster bicubically; where a value is missing, so it is in the result."""
    is_known = _is_known(raster.samples, raster.missing)
    values = np.where(is_known[..., None], raster.samples, 0).astype(np.float64)
    weights = _resized(is_known[..., None].astype(np.float64), height, width)
    large = _resized(values, height, width) / np.maximum(weights, 0.5)
    nearest = _resized(is_known[..., None].astype(np.float64), height, width, method="nearest")[..., 0] > 0.5
    return raster._replace(samples=_typed(large, raster.samples, nearest, raster.missing))


def _is_known(values: Shaped[np.ndarray, "h w n"], missing: float | None) -> Bool[np.ndarray, "h w"]:
    is_known = np.isfinite(values) if missing is None else np.isfinite(values) & (values != missing)
    return np.all(is_known, axis=-1)


def _limits(known: Shaped[np.ndarray, "k n"]) -> tuple[float, float]:
    """Returns the percentiles of values, a little apart if there is only one value."""
    if not known.size:
        return 0.0, 1.0
    low, high = (float(x) for x in np.percentile(known.astype(np.float64), PERCENTILES))
    return (low, high) if low < high else (low, low + max(1.0, abs(low)))


def _levels(
    values: Shaped[np.ndarray, "h w n"], is_known: Bool[np.ndarray, "h w"], low: float, high: float
) -> tuple[Shaped[np.ndarray, "*shape"], Float[np.ndarray, "h w n"]]:
    """Returns what a network sees, levels of uint16, and the rest, in units of the range; missing values have none."""
    known = np.where(is_known[..., None], values, low).astype(np.float64)
    unit = (known - low) / (high - low)
    levels = np.round(np.clip(unit, 0, 1) * TOP).astype(np.uint16)
    rest = unit - levels / TOP
    levels = bleed(levels, is_known.astype(np.uint8))
    return levels[..., 0] if levels.shape[2] == 1 else levels, rest


def _resized(
    values: Float[np.ndarray, "h w n"], height: int, width: int, *, method: str = "bicubic"
) -> Float[np.ndarray, "height width n"]:
    """Resizes in float64, in which large numbers keep their small differences."""
    rows = resize.matrix(values.shape[0], height, method=method).astype(np.float64)
    columns = resize.matrix(values.shape[1], width, method=method).astype(np.float64)
    return np.einsum("ih,hwn,jw->ijn", rows, values, columns, optimize=True)


def _typed(
    large: Float[np.ndarray, "sh sw n"],
    values: Shaped[np.ndarray, "h w n"],
    is_known: Bool[np.ndarray, "sh sw"],
    missing: float | None,
) -> Shaped[np.ndarray, "sh sw n"]:
    """Returns values in the type of the raster, with those that are missing."""
    if values.dtype.kind == "f":
        large = np.where(is_known[..., None], large, np.nan if missing is None else missing)
        return large.astype(values.dtype)
    info = np.iinfo(values.dtype)
    large = np.clip(np.round(large), info.min, info.max)
    return np.where(is_known[..., None], large, missing or 0).astype(values.dtype)
