"""Tests ../../jsr/upscaling/raw.py."""

import io

import numpy as np
import pytest

from jsr.errors import VideoError
from jsr.upscaling import raw


def _twice(pixels):
    return pixels.repeat(2, axis=0).repeat(2, axis=1)


def _upscale(source, target):
    counts = []
    raw.upscale(source, target, _twice, height=4, width=6, report=lambda: counts.append(1))
    return len(counts)


def test_frames_pass_through_in_order(rng):
    frames = rng.integers(0, 256, (7, 4, 6, 3), np.uint8)
    target = io.BytesIO()
    assert _upscale(io.BytesIO(frames.tobytes()), target) == 7
    expected = frames.repeat(2, axis=1).repeat(2, axis=2)
    np.testing.assert_array_equal(np.frombuffer(target.getvalue(), np.uint8).reshape(7, 8, 12, 3), expected)
    assert _upscale(io.BytesIO(), io.BytesIO()) == 0


def test_a_source_that_ends_within_a_frame_is_refused_after_those_before(rng):
    frames = rng.integers(0, 256, (3, 4, 6, 3), np.uint8).tobytes()
    target = io.BytesIO()
    with pytest.raises(VideoError, match="^frame 2 has 71 bytes, expected 72: --raw 6x4 of rgb24"):
        _upscale(io.BytesIO(frames[:-1]), target)
    assert len(target.getvalue()) == 2 * 4 * 72


def test_an_endless_source_needs_bounded_memory():
    """A reader that goes away ends it after the frames that were made ahead."""

    class Endless(io.BytesIO):
        count = 0

        def read(self, size: int | None = -1):
            Endless.count += 1
            return bytes(size or 0)

    class Closing(io.BytesIO):
        def write(self, content):
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        _upscale(Endless(), Closing())
    assert Endless.count <= 12
