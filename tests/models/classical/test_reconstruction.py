"""Tests ../../../jsr/models/classical/reconstruction.py."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jsr.data.sets import pairs
from jsr.errors import WeightsError
from jsr.metrics import fidelity
from jsr.models import Model, SRResNet
from jsr.models.classical import reconstruction
from jsr.models.classical.reconstruction import BackProjection, ConvexSets, MaximumAPosteriori
from jsr.models.ensemble import Ensemble
from jsr.ops import observation
from jsr.ops.observation import Observation
from jsr.upscaling import tiles
from tests.models.networks import shapes
from tests.ops.slow_observation import dense

METHODS = [BackProjection(), ConvexSets(), MaximumAPosteriori()]
ALL = pytest.mark.parametrize("method", METHODS, ids=["ibp", "pocs", "map"])
SEEN = Observation(blur=1.2, noise=3.0)  # not exact in any way
OBSERVATIONS = pytest.mark.parametrize("seen", [Observation(), SEEN], ids=str)


def enlarged(method, x):
    """Upscales `[h, w, 3]` in [0, 1] to [0, 1]."""
    return np.asarray(method.apply({}, jnp.asarray(x[None], jnp.float32))[0]) / 2 + 0.5


@pytest.fixture
def picture(rng):
    """A small picture with edges and slopes, without black or white, so that nothing is clipped."""
    y, x = np.mgrid[0:6, 0:7]
    base = 0.4 + 0.2 * (x > 3) + 0.02 * y
    return np.stack([base, base[:, ::-1], base + 0.05 * rng.uniform(size=base.shape)], axis=-1).astype(np.float32)


# Against plain NumPy, with A as one dense matrix


def channels(x, scale, reconstruct):
    """Applies a slow method to each channel: flat `[h w]` to flat `[s h s w]`."""
    height, width = x.shape[:2]
    large = [reconstruct(x[..., c].astype(np.float64).ravel()) for c in range(3)]
    return np.stack([y.reshape(scale * height, scale * width) for y in large], axis=-1)


@OBSERVATIONS
@pytest.mark.parametrize("scale", [2, 3])
def test_back_projection_equals_numpy(picture, scale, seen):
    a = dense(picture.shape[0], picture.shape[1], scale, blur=seen.blur)
    b = scale**2 * dense(picture.shape[0], picture.shape[1], scale).T

    def slow(x):
        y = b @ x
        for _ in range(10):
            residual = x - a @ y
            beyond = np.sign(residual) * np.maximum(np.abs(residual) - seen.noise / 255, 0)
            y = y + b @ beyond
        return y

    ours = enlarged(BackProjection().with_scale(scale).with_observation(seen), picture)
    np.testing.assert_allclose(ours, channels(picture, scale, slow), atol=1e-5)


@OBSERVATIONS
def test_convex_sets_equal_numpy(picture, seen):
    scale, (height, width) = 2, picture.shape[:2]
    a, b = dense(height, width, scale, blur=seen.blur), scale**2 * dense(height, width, scale).T
    ridge = (seen.noise / 10.0) ** 2
    back = a.T @ np.linalg.inv(a @ a.T + ridge * np.eye(len(a)))

    def slow(x):
        small = x.reshape(height, width)
        low, high = np.empty((2, scale * height, scale * width))
        for i in range(scale * height):
            for j in range(scale * width):
                p, q = i // scale, j // scale
                around = small[max(0, p - 2) : p + 3, max(0, q - 2) : q + 3]
                low[i, j], high[i, j] = around.min(), around.max()
        y = b @ x
        for _ in range(10):
            y = np.clip(y + 1.5 * back @ (x - a @ y), low.ravel(), high.ravel())
        return y

    ours = enlarged(ConvexSets().with_scale(scale).with_observation(seen), picture)
    np.testing.assert_allclose(ours, channels(picture, scale, slow), atol=1e-5)


def slow_variation(y, threshold):
    """The smoothed total variation and its gradient, pixel by pixel."""
    value, gradient = 0.0, np.zeros_like(y)
    height, width = y.shape
    for i in range(height):
        for j in range(width):
            down = y[i + 1, j] - y[i, j] if i + 1 < height else 0.0
            right = y[i, j + 1] - y[i, j] if j + 1 < width else 0.0
            norm = np.sqrt(down**2 + right**2 + threshold**2)
            value += norm
            gradient[i, j] -= (down + right) / norm
            if i + 1 < height:
                gradient[i + 1, j] += down / norm
            if j + 1 < width:
                gradient[i, j + 1] += right / norm
    return value, gradient


@OBSERVATIONS
def test_maximum_a_posteriori_equals_numpy(picture, seen):
    scale, (height, width), threshold = 2, picture.shape[:2], 8 / 255
    a, b = dense(height, width, scale, blur=seen.blur), scale**2 * dense(height, width, scale).T
    step = threshold / 8
    ridge = 2.0 * (seen.noise / 255) ** 2 / step
    back = a.T @ np.linalg.inv(a @ a.T + ridge * np.eye(len(a)))

    def slow(x):
        y = b @ x
        y = z = y + back @ (x - a @ y)
        for k in range(50):
            gradient = slow_variation(z.reshape(scale * height, scale * width), threshold)[1].ravel()
            descended = z - step * gradient
            following = descended + back @ (x - a @ descended)
            y, z = following, following + k / (k + 3) * (following - y)
        return y

    ours = enlarged(MaximumAPosteriori().with_scale(scale).with_observation(seen), picture)
    np.testing.assert_allclose(ours, channels(picture, scale, slow), atol=1e-4)


def test_total_variation_equals_numpy(picture):
    expected = sum(slow_variation(picture[..., c].astype(float), 0.03)[0] for c in range(3))
    assert reconstruction.total_variation(jnp.asarray(picture[None]), 0.03) == pytest.approx(expected, rel=1e-5)


def test_huber_equals_numpy(picture):
    threshold, total = 0.03, 0.0
    padded = np.pad(picture, ((1, 1), (1, 1), (0, 0)), mode="symmetric").astype(float)
    for i in range(1, padded.shape[0] - 1):
        for j in range(1, padded.shape[1] - 1):
            for p, q, weight in ((0, 1, 1.0), (1, 0, 1.0), (1, 1, 0.5), (1, -1, 0.5)):
                size = np.abs(weight * (padded[i - p, j - q] - 2 * padded[i, j] + padded[i + p, j + q]))
                total += np.where(size < threshold, size**2 / (2 * threshold), size - threshold / 2).sum()
    assert reconstruction.huber(jnp.asarray(picture[None]), threshold) == pytest.approx(total, rel=1e-5)


@pytest.mark.parametrize("prior", reconstruction.PRIORS)
def test_bound_of_a_prior(rng, prior):
    """No picture, not even a checkerboard, has differences whose squared norm exceeds the bound."""
    penalty, bound = reconstruction.PRIORS[prior]
    threshold = 1e4  # where the penalty is a square: |D y|^2 / (2 T)
    checkerboard = (-1.0) ** np.add.outer(np.arange(24), np.arange(24))
    for y in (checkerboard, checkerboard * rng.uniform(size=(24, 24)), rng.normal(size=(24, 24))):
        y = jnp.asarray(y[None, ..., None], jnp.float32)
        gradient = jax.grad(penalty)(y, threshold)
        assert jnp.linalg.norm(gradient) * threshold <= 1.001 * bound * jnp.linalg.norm(y)


# Properties


def objective(method, x):
    """The function that a method should have made small for `[h, w, 3]` in [0, 1], before the result is clipped."""
    y = method.reconstruct(jnp.asarray(x[None]))
    seen = method.observation
    error = np.asarray(observation.observe(y, method.scale, blur=seen.blur)[0], np.float64) - x
    penalty = float(reconstruction.PRIORS[method.prior][0](y, method.threshold / 255))
    if seen == Observation():
        np.testing.assert_allclose(error, 0, atol=1e-5)
        return penalty
    return method.weight * penalty + (error**2).sum() / (2 * (seen.noise / 255) ** 2)


@pytest.mark.slow
@OBSERVATIONS
def test_maximum_a_posteriori_descends_at_every_iteration(jsr_data, seen):
    """Of its 50 on the butterfly; where less is left to do, its momentum ripples by a ten-thousandth at the end."""
    pair = pairs.find(jsr_data / "eval/Set5/x4", scale=4)[2]
    picture = pairs.read(pair, scale=4, observation=seen)[0] / np.float32(255)
    method = MaximumAPosteriori().with_observation(seen)
    values = np.array([objective(method.clone(iterations=k), picture) for k in range(51)])
    assert (np.diff(values) < 0).all() and values[-1] < 0.96 * values[0]


@pytest.mark.parametrize("prior", reconstruction.PRIORS)
@OBSERVATIONS
def test_maximum_a_posteriori_descends(picture, prior, seen):
    method = MaximumAPosteriori(prior=prior).with_observation(seen)
    values = np.array([objective(method.clone(iterations=k), picture) for k in (0, 1, 2, 5, 12, 50)])
    assert (np.diff(values) < 1e-5 * values[0]).all() and values[-1] < 0.99 * values[0]


def test_back_projection_converges_to_the_projection(picture):
    """Of the bicubic picture, because B is the adjoint of A, times a positive matrix on the pictures that A sees."""
    method = BackProjection(iterations=60)
    start = method.bicubic(jnp.asarray(picture[None]))
    expected = observation.consistent(start, picture[None], 4)[0]
    np.testing.assert_allclose(enlarged(method, picture), expected, atol=1e-4)


def test_convex_sets_stay_within_the_range_around_a_pixel(rng):
    x = rng.integers(0, 2, (9, 9, 3)).astype(np.float32)
    x[3:, :4] = 0.5
    y = enlarged(ConvexSets(), x)
    flat = y[4 * 5 : -8, : 4 * 2]  # only 0.5 within 2 pixels
    np.testing.assert_allclose(flat, 0.5, atol=1e-6)


@ALL
@OBSERVATIONS
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_a_constant_picture_stays_constant(method, seen, scale):
    x = np.full((9, 7, 3), [0.2, 0.5, 0.9], np.float32)
    y = enlarged(method.with_scale(scale).with_observation(seen), x)
    np.testing.assert_allclose(y, np.broadcast_to(x[:1, :1], y.shape), atol=1e-4)


@ALL
def test_one_pixel_stays_itself(method):
    np.testing.assert_allclose(enlarged(method, np.full((1, 1, 3), 0.3)), 0.3, atol=1e-4)


@ALL
def test_channels_are_independent(rng, method):
    """So grey stays grey."""
    x = rng.uniform(size=(8, 8, 3)).astype(np.float32)
    permuted = enlarged(method, x[..., [2, 0, 1]])
    np.testing.assert_allclose(permuted, enlarged(method, x)[..., [2, 0, 1]], atol=1e-6)


@pytest.mark.parametrize("method", METHODS[:2], ids=["ibp", "pocs"])
def test_flips_commute(rng, method):
    x = rng.uniform(size=(8, 9, 3)).astype(np.float32)
    np.testing.assert_allclose(enlarged(method, x[::-1]), enlarged(method, x)[::-1], atol=2e-5)


@ALL
def test_transposition_commutes(rng, method):
    x = rng.uniform(size=(8, 9, 3)).astype(np.float32)
    np.testing.assert_allclose(enlarged(method, x.swapaxes(0, 1)), enlarged(method, x).swapaxes(0, 1), atol=5e-5)


@ALL
@OBSERVATIONS
def test_tiles_equal_the_whole_to_one_level(jsr_data, method, seen):
    pair = pairs.find(jsr_data / "eval/Set5/x4", scale=4)[0]
    lr, _ = pairs.read(pair, scale=4, observation=seen)
    model = Model(method.with_observation(seen), {}, {})
    whole, tiled = (tiles.upscale(model, lr, tile=tile).astype(int) for tile in (None, 24))
    differences = np.abs(whole - tiled)
    assert differences.max() <= 1 and (differences > 0).mean() < 5e-4


# As models


@ALL
def test_protocol(method):
    assert shapes(method, (1, 8, 8, 3)) == {}
    assert method.with_precision("bf16") == method and method.dtype == np.float32 and method.passes == 1
    assert method.with_scale(3).scale == 3 and method.scale == 4
    assert hash(method) != hash(method.with_observation(SEEN))
    assert Ensemble(method).with_observation(SEEN) == Ensemble(method.with_observation(SEEN))


def test_networks_take_no_observation():
    with pytest.raises(WeightsError, match="SRResNet: expected a method that takes blur and noise as known"):
        Model(SRResNet(), {}, {}).with_observation(SEEN)


def mean_psnr(model, folder, scale=4, seen=None):
    read = (pairs.read(pair, scale=scale, observation=seen) for pair in pairs.find(folder, scale=scale))
    return np.mean([fidelity.psnr(hr, tiles.upscale(model, lr), shave=4) for lr, hr in read])


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    ("method", "name", "least"),
    [
        (METHODS[0], "Set5", 29.18),
        (METHODS[1], "Set5", 29.43),
        (METHODS[2], "Set5", 30.15),
        pytest.param(METHODS[0], "Set14", 26.59, marks=SLOW),
        pytest.param(METHODS[1], "Set14", 26.84, marks=SLOW),
        pytest.param(METHODS[2], "Set14", 27.25, marks=SLOW),
    ],
)
def test_psnr_on_the_benchmarks(jsr_data, method, name, least):
    assert mean_psnr(Model(method, {}, {}), jsr_data / "eval" / name / "x4") >= least


@ALL
def test_a_known_blur_is_undone(jsr_data, method):
    """Told of it, each method gains at least 1.5 dB over itself untold."""
    folder, seen = jsr_data / "eval/Set5/x4", Observation(blur=2.4)
    untold, told = (mean_psnr(Model(m, {}, {}), folder, seen=seen) for m in (method, method.with_observation(seen)))
    assert told > untold + 1.5


def test_a_known_noise_is_removed(jsr_data):
    folder, seen = jsr_data / "eval/Set5/x4", Observation(noise=10.0)
    method = MaximumAPosteriori()
    untold, told = (mean_psnr(Model(m, {}, {}), folder, seen=seen) for m in (method, method.with_observation(seen)))
    assert told > untold + 1
