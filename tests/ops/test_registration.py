"""Tests ../../jsr/ops/registration.py."""

import numpy as np
import pytest

from jsr.ops import registration
from tests import bursts


def luma(frames):
    return (frames / 255).mean(axis=-1).astype(np.float32)


@pytest.mark.parametrize("noise", [0.0, 3.0, 6.0])
def test_shifts_are_found_to_a_twentieth_of_a_pixel(rng, noise):
    true = bursts.shifts(16)
    frames = bursts.burst(bursts.scene(rng, 256, 320), true, noise=noise)
    found, agreement = registration.shifts(luma(frames))
    np.testing.assert_allclose(found, true, atol=0.05)
    assert (np.asarray(agreement) > 0.98).all()


def test_large_shifts_are_found(rng):
    """More than a tenth of the frame in either direction."""
    true = np.array([[0, 0], [11.3, -9.6], [-8.8, 12.2]])
    large = bursts.scene(rng, 400, 440)
    frames = bursts.burst(large, true)[:, 15:-15, 15:-15]
    np.testing.assert_allclose(registration.shifts(luma(frames))[0], true, atol=0.05)


def test_equal_frames_are_not_shifted(rng):
    frames = np.repeat(bursts.scene(rng, 40, 50)[None], 2, axis=0)
    found, agreement = registration.shifts(luma(frames))
    np.testing.assert_allclose(found, 0, atol=1e-4)
    np.testing.assert_allclose(agreement, 1, atol=1e-4)


def test_other_scenes_do_not_agree(rng):
    frames = np.stack([bursts.scene(rng, 64, 64), bursts.scene(rng, 64, 64)])
    assert registration.shifts(luma(frames))[1][1] < 0.6


def test_a_scene_without_structure_gives_finite_numbers():
    found, agreement = registration.shifts(np.full((2, 16, 16), 0.5, np.float32))
    assert np.isfinite(found).all() and np.isfinite(agreement).all()
