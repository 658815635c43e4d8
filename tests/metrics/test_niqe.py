"""Tests ../../jsr/metrics/niqe.py."""

import math

import numpy as np
import pytest
from PIL import Image, ImageFilter
from scipy import ndimage, stats

from jsr.errors import DataError
from jsr.metrics import niqe, niqe_model
from jsr.metrics.niqe import Pristine
from jsr.ops import pixels
from tests.metrics.textures import texture


def test_mscn_equals_a_filter_of_scipy(rng):
    """A 7x7 Gaussian of sigma 7/6, border repeated, as NIQE's authors filter."""
    luma = rng.uniform(16, 235, (40, 51))

    def blur(z):
        return ndimage.gaussian_filter(z, 7 / 6, mode="nearest", radius=3)

    deviation = np.sqrt(np.abs(blur(luma * luma) - blur(luma) ** 2))
    expected = (luma - blur(luma)) / (deviation + 1)
    values, spread = niqe.mscn(luma)
    np.testing.assert_allclose(values, expected, atol=1e-9)
    np.testing.assert_allclose(spread, deviation, atol=1e-6)


@pytest.mark.parametrize("shape", [0.5, 1, 2, 4])
@pytest.mark.parametrize("left, right", [(1, 1), (0.6, 1.7)])
def test_aggd_finds_the_parameters_that_were_drawn(shape, left, right):
    """Halves of generalised Gaussians of scipy, in the proportion that makes one density of them."""
    half = np.abs(stats.gennorm.rvs(shape, size=400_000, random_state=1))
    count = int(len(half) * left / (left + right))
    values = np.concatenate([-left * half[:count], right * half[count:]])
    assert niqe.aggd(values) == pytest.approx((shape, left, right), rel=0.05)


def test_aggd_of_constant_values_is_finite():
    assert np.isfinite(niqe.aggd(np.zeros(9))).all()
    assert np.isfinite(niqe.aggd(np.ones(9))).all()


def test_features_of_a_block_do_not_depend_on_the_rest(rng):
    """Away from the border, a block is described the same in any picture."""
    image = texture(rng, 3 * 96, 3 * 96)
    blocks, sharpness = niqe.features(image, shave=0)
    assert blocks.shape == (9, 36) and sharpness.shape == (9,)
    luma = pixels.luma(image)
    middle = niqe.mscn(luma)[0][96:192, 96:192]
    assert blocks[4][:2] == pytest.approx([niqe.aggd(middle)[0], np.mean(niqe.aggd(middle)[1:])])
    across = niqe.aggd(middle * np.roll(middle, 1, axis=1))
    assert blocks[4][[2, 4, 5]] == pytest.approx(across)
    # The mean of an asymmetric generalised Gaussian, by its density (equation 7).
    a, left, right = across
    x = np.linspace(-40 * left, 40 * right, 400_001)
    density = np.exp(-((np.abs(x) / np.where(x < 0, left, right)) ** a))
    assert blocks[4][3] == pytest.approx((x * density).sum() / density.sum(), abs=2e-3)


def test_distance_is_that_of_two_gaussians(rng):
    """Equation 10, by a solver instead of an inverse."""
    image = texture(rng, 700, 800)
    blocks, _ = niqe.features(image, shave=4)
    model = Pristine(rng.normal(size=36), np.diag(rng.uniform(1, 2, 36)))
    offset = blocks.mean(axis=0) - model.mean
    pooled = (np.cov(blocks.T) + model.covariance) / 2
    expected = math.sqrt(offset @ np.linalg.solve(pooled, offset))
    assert niqe.distance(image, model) == pytest.approx(expected, rel=1e-9)


def test_distance_orders_photographs(jsr_data):
    """An original is more natural than itself reduced and enlarged, blurred, or with noise: on every set's mean."""
    model = niqe_model.load()
    scores = []
    noise = np.random.default_rng(0).normal(0, 20, (2000, 2000, 3))
    for path in sorted((jsr_data / "eval" / "Set14" / "x4" / "hr").iterdir()):
        image = Image.open(path).convert("RGB")
        small = image.resize((image.width // 4, image.height // 4), Image.Resampling.BICUBIC)
        noisy = np.asarray(image) + noise[: image.height, : image.width]
        worse = (
            small.resize(image.size, Image.Resampling.BICUBIC),
            image.filter(ImageFilter.GaussianBlur(2)),
            np.clip(noisy, 0, 255).astype(np.uint8),
        )
        scores.append([niqe.distance(np.asarray(z), model) for z in (image, *worse)])
    original, *worse = np.mean(scores, axis=0)
    assert all(original + 1 < other for other in worse), (original, worse)


def test_fit_takes_the_sharp_blocks_only(rng):
    sharp = texture(rng, 96 * 4, 96 * 4)
    blurred = np.asarray(Image.fromarray(sharp).filter(ImageFilter.GaussianBlur(3)))
    mixed = np.concatenate([sharp, blurred])
    alone, both = niqe.fit([sharp]), niqe.fit([mixed])
    np.testing.assert_allclose(both.mean, alone.mean, atol=0.05)


def test_distance_is_nan_for_small_pictures(rng):
    model = niqe_model.load()
    assert math.isnan(niqe.distance(texture(rng, 95, 300), model, shave=0))
    assert math.isnan(niqe.distance(texture(rng, 100, 100), model, shave=0))
    assert math.isfinite(niqe.distance(texture(rng, 96, 192), model, shave=0))
    with pytest.raises(ValueError, match="uint8"):
        niqe.distance(np.zeros((200, 200, 3)), model)


def test_fit_refuses_pictures_without_sharp_blocks(rng):
    with pytest.raises(DataError, match="expected two or more sharp blocks of 96x96 pixels, got 0"):
        niqe.fit([texture(rng, 90, 90)])
