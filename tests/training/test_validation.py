"""Tests ../../jsr/training/validation.py."""

import dataclasses

import jax
import numpy as np
import pytest
from PIL import Image

from jsr.data.patch_files import PatchSet
from jsr.data.patch_layout import Aligned
from jsr.data.sets import pairs
from jsr.degradation import Bicubic, Photo
from jsr.metrics import fidelity, lpips
from jsr.metrics.lpips import Reference
from jsr.models.classical.interpolation import Interpolation
from jsr.models.judges.alexnet import AlexNet
from jsr.training import validation
from jsr.training.config import PHASES

CONFIG = PHASES["srresnet"]


def _pictures(rng, *, held_out: int) -> PatchSet:
    patches = rng.integers(0, 256, (6, 60, 60, 3), np.uint8)
    sizes = np.array([[60, 60]] * 5 + [[48, 50]], np.int32)
    middles = [rng.integers(0, 256, (24, 36, 3), np.uint8) for _ in range(held_out)]
    return PatchSet(patches, sizes, middles, "")


def test_choose_takes_the_pictures_held_out(rng):
    pictures = _pictures(rng, held_out=3)
    chosen, note = validation.choose(CONFIG, pictures, Bicubic(4))
    assert note == "validation: the pictures held out"
    for (lr, hr), original in zip(chosen, pictures.validation, strict=True):
        np.testing.assert_array_equal(hr, original)
        np.testing.assert_array_equal(lr, pairs.reduce(original, scale=4))


def test_choose_degrades_the_pictures_held_out(rng):
    """With all damage left out, only the reduction remains: by the same kernel, within the rounding."""
    degrade = Photo(4, clean=1.0)
    pictures = _pictures(rng, held_out=3)
    chosen, _ = validation.choose(CONFIG, pictures, degrade)
    again, _ = validation.choose(CONFIG, pictures, degrade)
    for (lr, hr), (same, _), original in zip(chosen, again, pictures.validation, strict=True):
        np.testing.assert_array_equal(hr, original)
        np.testing.assert_array_equal(lr, same)
        np.testing.assert_array_equal(lr, pairs.reduce(original, scale=4))


def test_choose_takes_training_pictures_of_a_set_too_small_to_hold_any_out(rng):
    chosen, note = validation.choose(CONFIG, _pictures(rng, held_out=0), Bicubic(4))
    assert note.startswith("validation: pictures of the training set") and len(chosen) == 4


def test_choose_takes_a_benchmark_set(tmp_path, rng):
    (tmp_path / "hr").mkdir()
    Image.fromarray(rng.integers(0, 256, (40, 44, 3), np.uint8)).save(tmp_path / "hr" / "a.png")
    chosen, note = validation.choose(
        dataclasses.replace(CONFIG, eval_data=str(tmp_path)), _pictures(rng, held_out=3), Bicubic(4)
    )
    ((lr, hr),) = chosen
    assert (lr.shape, hr.shape, note) == ((10, 11, 3), (40, 44, 3), f"validation: {tmp_path}")


def _pairs(rng, *, held_out: int) -> PatchSet:
    """Returns pairs whose low resolution nobody could make from the originals: it is noise of its own."""
    patches = Aligned(*(rng.integers(0, 256, (6, side, side, 3), np.uint8) for side in (60, 15)))
    middles = [Aligned(*(rng.integers(0, 256, (h, w, 3), np.uint8) for h, w in ((24, 36), (6, 9)))) for _ in range(3)]
    return PatchSet(patches, np.array([[60, 60]] * 5 + [[48, 52]], np.int32), middles[:held_out], "")


def test_choose_takes_pairs_held_out_as_they_are(rng):
    config = dataclasses.replace(CONFIG, lr="low")
    pictures = _pairs(rng, held_out=3)
    chosen, note = validation.choose(config, pictures, Bicubic(4))
    assert note == "validation: the pictures held out"
    for (lr, hr), pair in zip(chosen, pictures.validation, strict=True):
        assert np.array_equal(lr, pair.lr) and np.array_equal(hr, pair.hr)


def test_choose_takes_pairs_of_a_set_too_small_to_hold_any_out(rng):
    pictures = _pairs(rng, held_out=0)
    chosen, note = validation.choose(dataclasses.replace(CONFIG, lr="low"), pictures, Bicubic(4))
    assert note.startswith("validation: pictures of the training set") and len(chosen) == 4
    for (lr, hr), low, high in zip(chosen, *reversed(pictures.patches), strict=False):
        assert np.array_equal(lr, low) and np.array_equal(hr, high)


@pytest.mark.parametrize("has_lpips", [True, False])
def test_validate_means_each_score_over_the_pictures_that_have_it(rng, has_lpips):
    """Of these three pictures, one is too small for SSIM and two for LPIPS."""
    perceptual = None
    if has_lpips:
        network = AlexNet()
        params = network.init(jax.random.key(0), np.zeros((1, 64, 64, 3)))
        widths = [conv["kernel"].shape[-1] for conv in params["params"].values()]
        perceptual = Reference(network, params, tuple(rng.uniform(0, 1, width).astype(np.float32) for width in widths))
    shapes = [(12, 40), (24, 24), (48, 40)]
    pairs_ = [tuple(rng.integers(0, 256, (h // k, w // k, 3), np.uint8) for k in (4, 1)) for h, w in shapes]
    result = validation.validate(Interpolation(method="nearest"), pairs_, {}, perceptual=perceptual)
    enlarged = [lr.repeat(4, axis=0).repeat(4, axis=1) for lr, _ in pairs_]
    ssim = [fidelity.ssim(sr, hr, shave=4) for sr, (_, hr) in zip(enlarged[1:], pairs_[1:], strict=True)]
    assert result.scores["ssim"] == pytest.approx(np.mean(ssim))
    assert list(result.scores) == ["psnr", "ssim", *(["lpips"] if has_lpips else [])]
    text = validation.as_text(result.scores)
    assert text.startswith(f"PSNR {result.scores['psnr']:.2f} dB, SSIM ") and ("LPIPS" in text) == has_lpips
    if perceptual:
        assert result.scores["lpips"] == pytest.approx(lpips.distance(enlarged[2], pairs_[2][1], perceptual))


def test_validate_scores_what_the_generator_makes(rng):
    """Repetition needs no resampling code, so its PSNR follows from NumPy alone."""
    chosen, _ = validation.choose(CONFIG, _pictures(rng, held_out=8), Bicubic(4))
    result = validation.validate(Interpolation(method="nearest"), chosen, {}, perceptual=None)
    expected = [fidelity.psnr(lr.repeat(4, axis=0).repeat(4, axis=1), hr, shave=4) for lr, hr in chosen]
    assert result.scores["psnr"] == pytest.approx(np.mean(expected))
    assert len(result.samples) == validation.SAMPLES
    for sample, (lr, hr) in zip(result.samples, chosen, strict=False):
        # The square in the middle of 6x9 pixels, and its four times as wide counterparts.
        np.testing.assert_array_equal(sample.lr, lr[:, 1:7])
        np.testing.assert_array_equal(sample.hr, hr[:, 4:28])
        np.testing.assert_array_equal(sample.sr, sample.lr.repeat(4, axis=0).repeat(4, axis=1))
