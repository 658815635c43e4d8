"""Validation of a run: its averaged generator upscales pictures that it is not trained on."""

from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import UInt8

from jsr.data import patch_layout
from jsr.data.patch_files import PatchSet
from jsr.data.patch_layout import MIDDLE_SIDE, Aligned
from jsr.data.sets import pairs
from jsr.degradation import Bicubic, Degradation
from jsr.metrics import fidelity, lpips
from jsr.metrics.lpips import Reference
from jsr.models import Model
from jsr.models.judges import alexnet
from jsr.training.config import Config
from jsr.upscaling import tiles

SAMPLES = 6  # pictures shown, at most
SAMPLE_SIDE = 40  # low-resolution pixels of each, at most


class Sample(NamedTuple):
    """The centre of one validation picture, in three versions."""

    lr: UInt8[np.ndarray, "h w 3"]
    sr: UInt8[np.ndarray, "sh sw 3"]
    hr: UInt8[np.ndarray, "sh sw 3"]


class Validation(NamedTuple):
    """The result of a validation."""

    model: Model  # the averaged generator
    scores: dict[str, float]  # means over the pictures: psnr in dB, ssim, and lpips where its network is there
    samples: list[Sample]


def choose(config: Config, pictures: PatchSet, degrade: Degradation) -> tuple[list[tuple[np.ndarray, np.ndarray]], str]:
    """Chooses the pictures to validate on.

    Args:
      degrade: makes the low resolution of pictures that were held out; `config.eval_data` may hold its own.

    Returns:
      pairs `(lr, hr)` of uint8 pictures `[h, w, 3]`, and a note that says where they come from.

    Raises:
      DataError: `config.eval_data` is not a folder of such pairs.
      PictureError: a picture in it cannot be read.
    """
    scale = config.scale
    if config.eval_data:
        found = pairs.find(Path(config.eval_data), scale=scale)
        return [pairs.read(pair, scale=scale) for pair in found], f"validation: {config.eval_data}"
    originals: Any = pictures.validation
    note = "validation: the pictures held out"
    if not originals:
        note = "validation: pictures of the training set, too small a set to hold any out"
        originals = [patch_layout.middle(_photograph(pictures, i)) for i in range(min(4, len(pictures.sizes)))]
    if config.lr:
        return [(pair.lr, pair.hr) for pair in originals], note
    if isinstance(degrade, Bicubic):  # the same for pictures of all sizes
        return [(pairs.reduce(hr, scale=scale), hr) for hr in originals], note
    return _degraded(originals, degrade), note


def validate(
    generator: Any, chosen: list[tuple[np.ndarray, np.ndarray]], ema: Any, *, perceptual: Reference | None
) -> Validation:
    """Upscales pictures with the averaged generator and scores them.

    Args:
      generator: the network, in float32.
      chosen: the pairs from `choose`.
      ema: the averaged variables, `{"params", "batch_stats"}`; the latter is empty for a network without BatchNorm.
      perceptual: the network of LPIPS; without it, LPIPS is not measured.
    """
    model = Model(generator, jax.device_get({name: tree for name, tree in ema.items() if tree}), {})
    inference = model.folded()
    scale = generator.scale
    scores, samples = [], []
    for lr, hr in chosen:
        sr = tiles.upscale(inference, lr)
        scores.append(_scores(sr, hr, perceptual, shave=scale))
        samples.append(_centre(lr, sr, hr, scale))
    names = dict.fromkeys(name for score in scores for name in score)
    means = {name: float(np.mean([score[name] for score in scores if name in score])) for name in names}
    return Validation(model, means, samples[:SAMPLES])


def as_text(scores: dict[str, float]) -> str:
    """Returns "PSNR 28.42 dB, SSIM 0.8105, LPIPS 0.284", as far as there are scores."""
    texts = {"psnr": "PSNR {:.2f} dB", "ssim": "SSIM {:.4f}", "lpips": "LPIPS {:.3f}"}
    return ", ".join(text.format(scores[name]) for name, text in texts.items() if name in scores)


def _scores(sr: np.ndarray, hr: np.ndarray, perceptual: Reference | None, *, shave: int) -> dict[str, float]:
    """Scores one picture by the metrics that are defined for its size."""
    scores = {"psnr": fidelity.psnr(sr, hr, shave=shave)}
    side = min(hr.shape[:2])
    if side >= 2 * shave + fidelity.WINDOW:
        scores["ssim"] = fidelity.ssim(sr, hr, shave=shave)
    if perceptual and side >= alexnet.SMALLEST:
        scores["lpips"] = lpips.distance(sr, hr, perceptual)
    return scores


def _photograph(pictures: PatchSet, index: int) -> Any:
    """Returns what a patch shows of its photograph, without the padding."""
    height, width = pictures.sizes[index]
    if isinstance(pictures.patches, Aligned):
        (hr, lr), scale = pictures.patches, pictures.patches.scale
        return Aligned(hr[index, :height, :width], lr[index, : height // scale, : width // scale])
    return pictures.patches[index, :height, :width]


def _degraded(originals: list[np.ndarray], degrade: Degradation) -> list[tuple[np.ndarray, np.ndarray]]:
    """Degrades pictures of several sizes, padded to one size by mirroring, always by the same random numbers."""
    margin, scale = degrade.margin, degrade.scale
    compiled = jax.jit(degrade)
    result = []
    for number, hr in enumerate(originals):
        rest = [MIDDLE_SIDE + margin - side for side in hr.shape[:2]]
        square = np.pad(hr, ((margin, rest[0]), (margin, rest[1]), (0, 0)), mode="symmetric")
        lr = compiled(jax.random.key(number)[None], square[None])[0, : hr.shape[0] // scale, : hr.shape[1] // scale]
        result.append((np.round(255 * np.asarray(lr)).astype(np.uint8), hr))
    return result


def _centre(lr: np.ndarray, sr: np.ndarray, hr: np.ndarray, scale: int) -> Sample:
    """Cuts the same square out of the middle of three pictures."""
    side = min(SAMPLE_SIDE, *lr.shape[:2])
    y, x = (lr.shape[0] - side) // 2, (lr.shape[1] - side) // 2
    small = lr[y : y + side, x : x + side]
    y, x, side = y * scale, x * scale, side * scale
    return Sample(small, sr[y : y + side, x : x + side], hr[y : y + side, x : x + side])
