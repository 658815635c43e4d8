"""Training crops: drawn and reduced on the device, and by Pillow on one core."""

import functools
import statistics
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from jsr.data.crops import Replicated, at_step
from jsr.degradation import Bicubic
from jsr.training import steps
from scripts.benchmark import timing
from scripts.benchmark.cases import SCALE

BICUBIC = Bicubic(SCALE)


def source(crop: int) -> Replicated:
    """Returns noise to draw crops from."""
    side = crop + 2 * BICUBIC.margin + 32
    patches = np.random.default_rng(0).integers(0, 256, (64, side, side, 3), np.uint8)
    sizes = jnp.full((64, 2), side, jnp.int32)
    return Replicated(jax.random.key(0), jnp.asarray(patches), sizes)


def pair(noise: Replicated, step: Any, *, batch: int, crop: int) -> tuple[jax.Array, jax.Array]:
    """Returns the crops of a step, as the step itself cuts them: LR in [0, 1] and HR in [-1, 1]."""
    size = crop + 2 * BICUBIC.margin
    keys = steps.sample_keys(noise.key, step, batch)
    return steps.pair(BICUBIC, keys, at_step(noise, step, batch=batch, size=size))


def times(*, batch: int, crop: int, repeats: int) -> list[dict[str, Any]]:
    """Times both, one batch a call."""
    noise, rng = source(crop), np.random.default_rng(0)
    patches, size = np.asarray(noise.patches), crop + 2 * BICUBIC.margin
    draw = jax.jit(functools.partial(pair, noise, batch=batch, crop=crop))

    def by_pillow():
        pairs = []
        for _ in range(batch):
            y, x = rng.integers(0, patches.shape[1] - size + 1, 2)
            image = patches[rng.integers(len(patches)), y : y + size, x : x + size]
            image = np.rot90(image, int(rng.integers(4)))
            image = np.ascontiguousarray(image[::-1] if rng.integers(2) else image)
            small = Image.fromarray(image).resize((size // SCALE, size // SCALE), Image.Resampling.BICUBIC)
            pairs.append((_trim(np.asarray(small), BICUBIC.margin // SCALE), _trim(image, BICUBIC.margin)))
        lr, hr = (np.stack(images).astype(np.float32) / 255 for images in zip(*pairs, strict=True))
        return lr, 2 * hr - 1

    calls = {"jsr": lambda: jax.block_until_ready(draw(0)), "Pillow": by_pillow}
    for call in calls.values():
        call()
    seconds = {name: statistics.median(values) for name, values in timing.alternate(calls, repeats=repeats).items()}
    return [
        {"contestant": name, "ms": 1e3 * s, "per second": batch / s, "jsr/peer": seconds["jsr"] / s}
        for name, s in seconds.items()
    ]


def _trim(image, margin):
    return image[margin:-margin, margin:-margin]
