"""Tests ../../jsr/training/validation.py."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

from jsr.data import pairs
from jsr.data.patch_files import PatchSet
from jsr.degradation import Bicubic, Photo
from jsr.metrics import fidelity
from jsr.models.interpolation import Interpolation
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


def test_validate_scores_what_the_generator_makes(rng):
    """Repetition needs no resampling code, so its PSNR follows from NumPy alone."""
    chosen, _ = validation.choose(CONFIG, _pictures(rng, held_out=8), Bicubic(4))
    result = validation.validate(Interpolation(method="nearest"), chosen, {})
    expected = [fidelity.psnr(lr.repeat(4, axis=0).repeat(4, axis=1), hr, shave=4) for lr, hr in chosen]
    assert result.psnr == pytest.approx(np.mean(expected))
    assert len(result.samples) == validation.SAMPLES
    for sample, (lr, hr) in zip(result.samples, chosen, strict=False):
        # The square in the middle of 6x9 pixels, and its four times as wide counterparts.
        np.testing.assert_array_equal(sample.lr, lr[:, 1:7])
        np.testing.assert_array_equal(sample.hr, hr[:, 4:28])
        np.testing.assert_array_equal(sample.sr, sample.lr.repeat(4, axis=0).repeat(4, axis=1))
