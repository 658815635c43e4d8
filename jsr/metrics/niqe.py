"""NIQE, the natural image quality evaluator: how natural a picture looks, without an original. Lower is more natural.

    Mittal, Soundararajan, Bovik: Making a "completely blind" image quality analyzer. IEEE Signal Processing
    Letters 20(3), 209-212, 2013.

A picture is described by the statistics of its blocks, which are compared with those of pristine photographs. `fit`
computes the latter, `Pristine`; the package ships one, which `jsr.fit_niqe` made. All is measured on BT.601 luma in
studio range, not rounded. Values relative to two pristine models cannot be compared.
"""

import functools
import math
from collections.abc import Iterable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, UInt8

from jsr.errors import DataError
from jsr.metrics import gaussian
from jsr.ops import pixels, resize

BLOCK = 96  # pixels of a block's side
WINDOW, SIGMA = 7, 7 / 6  # pixels; the Gaussian of local means and deviations
SHARP = 0.75  # of the sharpest block's sharpness; sharper blocks describe a pristine picture (the paper's T)
SHIFTS = ((0, 1), (1, 0), (1, 1), (1, -1))  # rows and columns to the neighbours that pixels are multiplied by
FEATURES = 36  # statistics of a block, 18 at each of two scales


class Pristine(NamedTuple):
    """The distribution of the statistics of pristine blocks: a multivariate Gaussian."""

    mean: Float[np.ndarray, "36"]
    covariance: Float[np.ndarray, "36 36"]


def distance(image: np.ndarray, pristine: Pristine, *, shave: int = 4) -> float:
    """Computes the distance of a picture's blocks from pristine ones, equation 10 of the paper.

    Args:
      image: uint8 `[h, w, 3]`.
      pristine: the distribution to compare with.
      shave: pixels cut from each border first, as for the other metrics.

    Returns:
      0 or more; about 2 to 5 for good photographs. NaN where there are fewer than two whole blocks of 96x96 pixels.

    Raises:
      ValueError: not a uint8 picture `[h, w, 3]`.
    """
    blocks, _ = features(image, shave=shave)
    if len(blocks) < 2:
        return math.nan
    offset = pristine.mean - blocks.mean(axis=0)
    pooled = (pristine.covariance + np.cov(blocks, rowvar=False)) / 2
    return float(np.sqrt(offset @ np.linalg.pinv(pooled) @ offset))


def fit(images: Iterable[UInt8[np.ndarray, "h w 3"]]) -> Pristine:
    """Fits the distribution to the sharp blocks of pristine pictures (section 2.3 of the paper).

    Raises:
      DataError: fewer than two sharp blocks.
    """
    sharp = [np.empty((0, FEATURES))]
    for image in images:
        blocks, sharpness = features(image, shave=0)
        sharp.append(blocks[sharpness > SHARP * sharpness.max(initial=0)])
    blocks = np.concatenate(sharp)
    if len(blocks) < 2:
        raise DataError(f"expected two or more sharp blocks of {BLOCK}x{BLOCK} pixels, got {len(blocks)}")
    return Pristine(blocks.mean(axis=0), np.cov(blocks, rowvar=False))


def features(image: np.ndarray, *, shave: int) -> tuple[Float[np.ndarray, "n 36"], Float[np.ndarray, " n"]]:
    """Computes the statistics of a picture's whole blocks, and their sharpness (equation 11).

    Raises:
      ValueError: not a uint8 picture `[h, w, 3]`.
    """
    image = np.asarray(image)
    pixels.check(image)
    luma = pixels.shave(pixels.luma(image), shave)
    rows, columns = (n // BLOCK for n in luma.shape)
    luma = luma[: rows * BLOCK, : columns * BLOCK]
    statistics, sharpness = [], np.empty(0)
    if rows * columns == 0:
        return np.empty((0, FEATURES)), sharpness
    for side in (BLOCK, BLOCK // 2):
        normalised, deviation = mscn(luma)
        statistics.append([_describe(block) for block in _blocks(normalised, side)])
        if side == BLOCK:
            sharpness = np.array([block.mean() for block in _blocks(deviation, side)])
            height, width = (n // 2 for n in luma.shape)
            halved = resize.resize(jnp.asarray(luma[..., None]), height, width)
            luma = np.asarray(halved, np.float64)[..., 0]
    return np.concatenate(statistics, axis=1), sharpness


def mscn(
    luma: Float[np.ndarray, "h w"],
) -> tuple[Float[np.ndarray, "h w"], Float[np.ndarray, "h w"]]:
    """Subtracts the local mean and divides by the local deviation, equations 1 to 3; returns the deviation too."""
    mean = _blur(luma)
    deviation = np.sqrt(np.abs(_blur(luma * luma) - mean * mean))
    return (luma - mean) / (deviation + 1), deviation


def _blur(image: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
    """Returns the Gaussian mean around each pixel; the border is repeated outwards."""
    padded = np.pad(image, WINDOW // 2, mode="edge")
    return gaussian.window_sums(padded, gaussian.weights(WINDOW, SIGMA))


def _blocks(image: Float[np.ndarray, "h w"], side: int) -> Float[np.ndarray, "n side side"]:
    rows, columns = (n // side for n in image.shape)
    return image.reshape(rows, side, columns, side).swapaxes(1, 2).reshape(-1, side, side)


def _describe(block: Float[np.ndarray, "side side"]) -> list[float]:
    """Computes the 18 statistics of a block at one scale: of its values, and of their products with four neighbours."""
    shape, left, right = aggd(block)
    values = [shape, (left + right) / 2]
    for shift in SHIFTS:
        shape, left, right = aggd(block * np.roll(block, shift, axis=(0, 1)))
        mean = (right - left) * math.gamma(2 / shape) / math.gamma(1 / shape)  # equation 8
        values += [shape, mean, left, right]
    return values


def aggd(values: Float[np.ndarray, "..."]) -> tuple[float, float, float]:
    """Fits an asymmetric generalised Gaussian by its moments.

    Returns:
      its shape and its left and right scales, alpha and the betas of the density in equation 7 of Mittal et al.

    References:
      Lasmar, Stitou, Berthoumieu: Multiscale skewed heavy tailed model for texture analysis. ICIP 2009, section 3.2.
    """
    left = _root_mean_square(values[values < 0])
    right = _root_mean_square(values[values > 0])
    square = np.mean(values**2)
    if square == 0:  # a flat block has no scale, so its shape does not matter
        return float(_shapes()[0][-1]), 0.0, 0.0
    ratio = left / right if right else np.inf
    moments = np.mean(np.abs(values)) ** 2 / square
    skew = 1.0 if np.isinf(ratio) else (ratio**3 + 1) * (ratio + 1) / (ratio**2 + 1) ** 2
    shapes, expected = _shapes()
    shape = float(shapes[np.argmin((expected - moments * skew) ** 2)])
    scale = math.sqrt(math.gamma(1 / shape) / math.gamma(3 / shape))
    return shape, float(left) * scale, float(right) * scale


def _root_mean_square(values: Float[np.ndarray, " n"]) -> float:
    return np.sqrt(np.mean(values**2)) if values.size else 0.0


@functools.cache
def _shapes() -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Returns the shapes that are tried, and the ratio of moments of each."""
    shapes = np.arange(0.2, 10.0005, 0.001)
    gamma = np.vectorize(math.gamma)
    return shapes, gamma(2 / shapes) ** 2 / (gamma(1 / shapes) * gamma(3 / shapes))
