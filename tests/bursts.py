"""Synthetic bursts: one scene, seen by a camera that moves by fractions of a pixel."""

import numpy as np

from jsr.ops import resize
from tests.ops import slow_observation


def burst(scene, shifts, *, scale=4, noise=0.0, seed=0):
    """Returns uint8 frames `[n, h, w, c]` of a scene, uint8 `[s h, s w, c]`.

    Args:
      shifts: `[n, 2]`, down and right, in pixels of the frames.
      noise: standard deviation, in levels.
    """
    rng = np.random.default_rng(seed)
    height, width = (n // scale for n in scene.shape[:2])
    scene = scene[: scale * height, : scale * width].astype(np.float64)
    frames = []
    for down, right in shifts:
        rows = slow_observation.along_axis(height, scale, shift=down)
        columns = slow_observation.along_axis(width, scale, shift=right)
        frame = np.einsum("ih,hwc,jw->ijc", rows, scene, columns, optimize=True)
        frames.append(np.clip(np.round(frame + rng.normal(0, noise, frame.shape)), 0, 255))
    return np.stack(frames).astype(np.uint8)


def shifts(count, *, largest=3.0, seed=1):
    """Returns random shifts `[n, 2]`; the first frame is not shifted."""
    drawn = np.random.default_rng(seed).uniform(-largest, largest, (count, 2))
    drawn[0] = 0
    return drawn


def scene(rng, height, width):
    """Returns a random scene, uint8 `[height, width, 3]`, with detail of many sizes."""
    total = np.zeros((height, width, 3))
    for size in (4, 8, 16, 32):
        coarse = rng.uniform(size=(-(-height // size) + 1, -(-width // size) + 1, 3)).astype(np.float32)
        total += np.asarray(resize.resize(coarse, height, width)) * size**0.5
    low, high = total.min(), total.max()
    return np.round(20 + 215 * (total - low) / (high - low)).astype(np.uint8)
