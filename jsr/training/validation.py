"""How a run sees how far it is: its average upscales pictures that it does not train on."""

from pathlib import Path
from typing import Any

import jax
import numpy as np

from jsr.data import pairs, patch_layout
from jsr.data.patches import PatchSet
from jsr.metrics import fidelity
from jsr.models import Model
from jsr.training.config import Config
from jsr.upscaling import tiles


def choose(config: Config, pictures: PatchSet) -> tuple[list[tuple[np.ndarray, np.ndarray]], str]:
    """Returns the pairs `(lr, hr)` of uint8 pictures to validate on, and a note of which they are."""
    scale = config.scale
    if config.eval_data:
        found = pairs.find(Path(config.eval_data), scale=scale)
        return [pairs.read(pair, scale=scale) for pair in found], f"validation: {config.eval_data}"
    held_out, note = pictures.validation, "validation: the pictures held out"
    if not held_out:
        note = "validation: pictures of the training set, too small a set to hold any out"
        some = zip(pictures.patches[:4], pictures.sizes[:4], strict=True)
        held_out = [patch_layout.middle(patch[:h, :w]) for patch, (h, w) in some]
    return [(pairs.reduce(hr, scale=scale), hr) for hr in held_out], note


def validate(
    generator: Any, chosen: list[tuple[np.ndarray, np.ndarray]], ema: Any
) -> tuple[Model, float, list[tuple[np.ndarray, np.ndarray, np.ndarray]]]:
    """Upscales the validation pictures; returns the model, the mean PSNR and centre pieces for the grid."""
    model = Model(generator, jax.device_get({k: v for k, v in ema.items() if v}), {})
    inference = model.folded()
    scale = generator.scale
    scores, columns = [], []
    for lr, hr in chosen:
        sr = tiles.upscale(inference, lr)
        scores.append(fidelity.psnr(sr, hr, shave=scale))
        columns.append(_centre(lr, sr, hr, scale))
    return model, float(np.mean(scores)), columns[:6]


def _centre(lr, sr, hr, scale):
    """Cuts the middle out of three pictures, 40 low-resolution pixels wide at the most."""
    side = min(40, *lr.shape[:2])
    y, x = (lr.shape[0] - side) // 2, (lr.shape[1] - side) // 2
    small = lr[y : y + side, x : x + side]
    y, x, side = y * scale, x * scale, side * scale
    return small, sr[y : y + side, x : x + side], hr[y : y + side, x : x + side]
