"""Tests ../../jsr/degradation/pipeline.py."""

import io

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jsr.degradation import Bicubic, Photo, blur, pipeline, resampling

CROP = 32
PHOTO = Photo(4)
degrade = jax.jit(PHOTO)


def images(rng, degradation, *, count=8):
    """Soft pictures with some grain, `[count, s, s, 3]`, with the margin of a degradation."""
    side = CROP + 2 * degradation.margin
    coarse = rng.integers(40, 216, (count, side // 8, side // 8, 3), np.uint8)
    soft = [Image.fromarray(c).resize((side, side), Image.Resampling.BICUBIC) for c in coarse]
    return np.clip(
        np.stack([np.asarray(picture) for picture in soft]) + rng.normal(0, 3, (count, side, side, 3)), 0, 255
    ).astype(np.uint8)


def keys(count=8, seed=0):
    return jax.random.split(jax.random.key(seed), count)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_degradations_keep_their_shapes_and_whole_levels(scale, rng):
    for degradation in (Bicubic(scale), Photo(scale)):
        side = 8 * scale + 2 * degradation.margin
        lr = jax.jit(degradation)(keys(2), rng.integers(0, 256, (2, side, side, 3), np.uint8))
        assert lr.shape == (2, 8, 8, 3) and lr.dtype == jnp.float32
        levels = np.asarray(lr) * 255
        assert levels.min() >= 0 and levels.max() <= 255
        np.testing.assert_allclose(levels, levels.round(), atol=1e-3)


def test_a_picture_depends_on_its_key_and_crop_only(rng):
    batch, order = images(rng, PHOTO), rng.permutation(8)
    lr = degrade(keys(), batch)
    np.testing.assert_array_equal(degrade(keys()[order], batch[order]), np.asarray(lr)[order])
    again = degrade(keys(seed=1), batch)
    assert all(np.abs(np.asarray(a) - np.asarray(b)).max() > 2 / 255 for a, b in zip(lr, again, strict=True))


def test_clean_pictures_are_reduced_as_by_bicubic(rng):
    clean = Photo(4, clean=1.0)
    batch = images(rng, clean)
    rest = clean.margin - Bicubic(4).margin
    np.testing.assert_array_equal(jax.jit(clean)(keys(), batch), Bicubic(4)(keys(), batch[:, rest:-rest, rest:-rest]))


def test_the_margin_holds_nearly_all_that_a_picture_depends_on(rng):
    """Another world beyond the margin changes the result by the tails of its filters and of its blocks only."""
    batch = images(rng, PHOTO)
    wide = np.pad(batch, ((0, 0), (24, 24), (24, 24), (0, 0)), mode="symmetric")
    side = wide.shape[1]
    beyond = np.ones((side, side), bool)
    beyond[24:-24, 24:-24] = False
    other = np.where(beyond[None, :, :, None], 255 - wide, wide)
    # A degradation by the same kernels of the wider pictures, without noise and JPEG, which depend on the size.
    first, second = (np.asarray(jax.vmap(_blurred_and_reduced)(keys(), jnp.asarray(x))) for x in (wide, other))
    inside = slice(6 + PHOTO.margin // 4, -6 - PHOTO.margin // 4)
    assert np.abs(first - second)[:, inside, inside].max() < 0.02
    assert np.abs(first - second).max() > 0.1


def _blurred_and_reduced(key, image):
    x = image.astype(jnp.float32) / 255
    x = blur.blur(x, pipeline._kernel(key, PHOTO.blur))
    return resampling.resample(x, x.shape[0], x.shape[0] // 4, method=jnp.int32(2), canvas=x.shape[0] // 4)


def test_pictures_are_not_shifted():
    """The centre of a bright spot stays where it is, to a hundredth of a pixel in the mean of many draws."""
    side = CROP + 2 * PHOTO.margin
    distance = np.arange(side) - (side - 1) / 2
    spot = np.exp(-(distance[:, None] ** 2 + distance**2) / (2 * 6**2))
    picture = (40 + 180 * spot).astype(np.uint8)[..., None].repeat(3, axis=-1)
    mean = np.asarray(degrade(keys(256), picture[None].repeat(256, axis=0))).mean(axis=(0, 3))
    light = np.maximum(mean - 0.2, 0)
    place = np.arange(8) - 3.5
    np.testing.assert_allclose([light.sum(axis=1) @ place, light.sum(axis=0) @ place] / light.sum(), 0, atol=0.01)


@pytest.mark.slow
def test_a_thousand_draws_have_the_shares_and_ranges_asked_for():
    """Told from the results alone: flat pictures show noise, and those saved as JPEG have few levels left."""
    photo = Photo(4, noise=20.0, second_round=0.0, clean=0.25)
    side = 64 + 2 * photo.margin
    flat = np.broadcast_to(np.array([90, 120, 150], np.uint8), (1000, side, side, 3))
    lr = 255 * np.asarray(jax.jit(photo)(keys(1000), flat))
    deviation = lr.std(axis=(1, 2)).mean(axis=1)
    is_noisy = deviation > 0.7
    # A quarter is clean; of the rest, half get noise, of which JPEG at low quality takes the faintest away.
    assert 0.75 * 0.5 * 0.8 < is_noisy.mean() < 0.75 * 0.5 + 0.02
    assert 17 < deviation.max() < 23
    np.testing.assert_allclose(lr[~is_noisy].mean(axis=(0, 1, 2)), [90, 120, 150], atol=1)
    np.testing.assert_allclose(lr.mean(axis=(0, 1, 2)), [90, 120, 150], atol=0.7)  # JPEG rounds flat chroma


def test_blocks_lie_anywhere(rng):
    """JPEG's block borders fall on each of the sixteen places in a row about equally often."""
    x = jnp.asarray(images(rng, Bicubic(4), count=1)[0], jnp.float32)
    x = x[:32, :32]
    compressed = jax.jit(pipeline._compressed)
    results = np.stack([np.asarray(compressed(key, x, jnp.float32(10))) for key in keys(200)])
    assert len(np.unique(results.reshape(200, -1), axis=0)) > 100  # of 256 places


def test_compressed_equals_pillow_where_the_blocks_lie_as_pillows(rng):
    x = images(rng, Bicubic(4), count=1)[0][:32, :32]
    stored = io.BytesIO()
    Image.fromarray(x).save(stored, "JPEG", quality=40)
    expected = np.asarray(Image.open(stored), np.float64)
    compressed = jax.jit(pipeline._compressed)
    results = [np.asarray(compressed(key, jnp.asarray(x, jnp.float32), jnp.float32(40))) for key in keys(1500)]
    # Nearly every place of the blocks was drawn, (0, 0) too: there is no seventeenth.
    assert min(np.abs(result - expected).mean() for result in results) < 0.4
