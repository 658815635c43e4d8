"""Tests ../../../jsr/models/classical/burst.py."""

import jax.numpy as jnp
import numpy as np
import pytest

from jsr.models.classical import burst
from jsr.models.classical.reconstruction import BackProjection, MaximumAPosteriori, total_variation
from tests import bursts
from tests.ops.slow_observation import dense

SHIFTS = np.array([[0, 0], [0.4, -0.7], [-0.3, 0.6]])


@pytest.fixture
def frames(rng):
    return bursts.burst(bursts.scene(rng, 14, 12), SHIFTS, scale=2)[..., :1] / np.float32(255)


@pytest.fixture
def axes(frames):
    return [burst.axis(frames.shape[1 + i], SHIFTS[:, i], 2, blur=0.0) for i in (0, 1)]


def inside(frames):
    """Which pixels of each frame the first one sees too, by their places."""
    places = [np.arange(frames.shape[1 + i]) + SHIFTS[:, i, None] for i in (0, 1)]
    is_seen = [(p >= -0.5) & (p <= frames.shape[1 + i] - 0.5) for i, p in enumerate(places)]
    return (is_seen[0][:, :, None] & is_seen[1][:, None, :]).reshape(len(frames), -1)


def test_back_projection_equals_numpy(frames, axes):
    """Without noise, with A_i as dense matrices, and B_i as s^2 times their transposes where they see a pixel."""
    height, width = frames.shape[1:3]
    seen = inside(frames)
    a = [dense(height, width, 2, shift=tuple(shift)) * seen[i][:, None] for i, shift in enumerate(SHIFTS)]
    back = np.stack([np.kron(down, right) for down, right in zip(axes[0].enlarge, axes[1].enlarge, strict=True)])
    count = (back != 0).any(axis=2).sum(axis=0)

    def mean(residuals):
        return sum(b @ r for b, r in zip(back, residuals, strict=True)) / count

    x = [frames[i].ravel() * seen[i] for i in range(3)]
    y = mean(x)
    for _ in range(10):
        y = y + mean([x[i] - a[i] @ y for i in range(3)])
    ours, noise = burst.back_project(BackProjection(), jnp.asarray(frames), *axes)
    np.testing.assert_allclose(np.asarray(ours).ravel(), y, atol=1e-5)
    left = np.concatenate([x[i] - a[i] @ y for i in range(3)])
    assert noise == pytest.approx(np.sqrt((left**2).sum() / seen.sum()), rel=1e-3)


def test_enlargement_is_the_shifted_adjoint(axes):
    """Away from the edges of a frame, where it is cut off."""
    down = axes[0]
    np.testing.assert_allclose(down.enlarge[:, 6:-6], 2 * down.observe.swapaxes(1, 2)[:, 6:-6], atol=1e-6)


def test_maximum_a_posteriori_descends_its_objective(frames, axes):
    method = MaximumAPosteriori()
    start, _ = burst.back_project(BackProjection(), jnp.asarray(frames), *axes)
    seen = inside(frames)
    a = [
        dense(frames.shape[1], frames.shape[2], 2, shift=tuple(shift)) * seen[i][:, None]
        for i, shift in enumerate(SHIFTS)
    ]
    bound, noise = float((axes[0].bound * axes[1].bound).sum()), 4 / 255

    def objective(y):
        data = sum(((a[i] @ y.ravel() - seen[i] * frames[i].ravel()) ** 2).sum() for i in range(3))
        return method.weight * float(total_variation(jnp.asarray(y[None]), 8 / 255)) + data / (2 * noise**2)

    values = [objective(np.asarray(start))]
    for iterations in (1, 2, 5, 10, 50):
        y = burst.maximise_a_posteriori(
            method.clone(iterations=iterations), jnp.asarray(frames), *axes, start, noise=noise, bound=bound
        )
        values.append(objective(np.asarray(y)))
    assert (np.diff(values) < 0).all()


def test_bound_exceeds_the_norm(axes):
    for axis in axes:
        norms = np.linalg.norm(axis.observe, 2, axis=(1, 2)) ** 2
        assert (axis.bound >= norms).all() and (axis.bound < 4 * norms).all()
