"""Registration of the frames of a burst by translation: how far each is shifted against the first, to subpixels.

Phase correlation finds whole pixels (Kuglin & Hines 1975); least squares on the gradient, iterated, finds the rest
(Lucas & Kanade 1981, "An iterative image registration technique with an application to stereo vision").
Frames are low-resolution luma. They are aliased, which misleads both, so they are blurred before.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jsr.ops import resize

SMOOTHING = 1.0  # pixels: standard deviation of the blur; less leaves aliasing, more leaves little to measure
ITERATIONS = 12
BORDER = 4  # pixels at each edge that are not compared: the blur and the cubic reach beyond the frame there


def shifts(
    frames: Float[Array | np.ndarray, "n h w"],
) -> tuple[Float[Array, "n 2"], Float[Array, " n"]]:
    """Returns how far the frames are shifted against the first, in pixels down and right, and how well they then agree.

    Pixel p of a frame shows what is at p + shift in the first one. The agreement is the correlation coefficient of the
    overlap, 1 for equal frames.
    """
    frames = jnp.asarray(frames)
    smooth = _smooth(frames)
    return jax.lax.map(functools.partial(_shift, smooth[0]), smooth)


def _smooth(frames: Float[Array, "n h w"]) -> Float[Array, "n h w"]:
    radius = 3
    taps = np.exp(-0.5 * (np.arange(-radius, radius + 1) / SMOOTHING) ** 2)
    taps = (taps / taps.sum()).astype(np.float32)
    for axis in (1, 2):
        pad = [(0, 0)] * 3
        pad[axis] = (radius, radius)
        padded, length = jnp.pad(frames, pad, mode="symmetric"), frames.shape[axis]
        frames = jnp.stack(
            [tap * jax.lax.dynamic_slice_in_dim(padded, i, length, axis) for i, tap in enumerate(taps)]
        ).sum(axis=0)
    return frames


def _shift(first: Float[Array, "h w"], frame: Float[Array, "h w"]) -> tuple[Float[Array, " 2"], Float[Array, ""]]:
    """Returns the shift of a smooth frame, and the correlation with the first one there."""
    shift = _whole_pixels(first, frame)

    def step(_: Any, shift: Float[Array, " 2"]) -> Float[Array, " 2"]:
        moved, weight = _translated(first, shift)
        down, right = (weight * slope for slope in jnp.gradient(moved))
        error = frame - moved
        normal = jnp.array([[(down * down).sum(), (down * right).sum()], [(down * right).sum(), (right * right).sum()]])
        slopes = jnp.array([(down * error).sum(), (right * error).sum()])
        # A picture without structure along an axis has no shift along it: the ridge then gives 0.
        return shift + jnp.linalg.solve(normal + 1e-6 * jnp.eye(2), slopes)

    shift = jax.lax.fori_loop(0, ITERATIONS, step, shift)
    moved, weight = _translated(first, shift)
    return shift, _correlation(moved, frame, weight)


def _whole_pixels(first: Float[Array, "h w"], frame: Float[Array, "h w"]) -> Float[Array, " 2"]:
    """Finds the shift by phase correlation, up to half the frame in each direction."""
    window = jnp.outer(jnp.hanning(first.shape[0]), jnp.hanning(first.shape[1]))
    a, b = (jnp.fft.rfft2(window * (x - x.mean())) for x in (first, frame))
    cross = a * jnp.conj(b)
    peaks = jnp.fft.irfft2(cross / (jnp.abs(cross) + 1e-6 * jnp.abs(cross).max() + 1e-12), s=first.shape)
    peak = jnp.array(jnp.unravel_index(peaks.argmax(), peaks.shape))
    size = jnp.array(first.shape)
    return jnp.where(peak > size // 2, peak - size, peak).astype(jnp.float32)


def _translated(x: Float[Array, "h w"], shift: Float[Array, " 2"]) -> tuple[Float[Array, "h w"], Float[Array, "h w"]]:
    """Returns x at p + shift for each pixel p, by cubic interpolation, and 1 where that is well inside, else 0."""
    weights = []
    for axis, length in enumerate(x.shape):
        place = jnp.arange(length) + shift[axis]
        whole = jnp.floor(place)
        taps = [
            jnp.take(x, jnp.clip(whole + tap, 0, length - 1).astype(int), axis=axis)
            * jnp.expand_dims(resize.cubic(place - whole - tap), 1 - axis)
            for tap in (-1, 0, 1, 2)
        ]
        x = jnp.stack(taps).sum(axis=0)
        inner = jnp.arange(length)
        is_inside = (place >= BORDER) & (place <= length - 1 - BORDER)
        weights.append(is_inside & (inner >= BORDER) & (inner <= length - 1 - BORDER))
    return x, jnp.outer(weights[0], weights[1]).astype(jnp.float32)


def _correlation(a: Float[Array, "h w"], b: Float[Array, "h w"], weight: Float[Array, "h w"]) -> Float[Array, ""]:
    count = jnp.maximum(weight.sum(), 1)
    a, b = (x - (weight * x).sum() / count for x in (a, b))
    power = jnp.sqrt((weight * a * a).sum() * (weight * b * b).sum())
    return (weight * a * b).sum() / jnp.maximum(power, 1e-12)
