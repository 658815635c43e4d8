"""Tests ../../../jsr/pictures/codecs/compositing.py."""

from fractions import Fraction

import numpy as np
import pytest

from jsr.pictures.codecs.compositing import CLEAR, KEEP, RESTORE, Frame, Stored, composite
from jsr.pictures.picture import Metadata


def exact(frames, height, width):
    """Composes frames pixel by pixel, in fractions of colours multiplied by alpha; returns these canvases."""
    canvas, canvases = {}, []
    for frame in frames:
        top = int(np.iinfo(frame.samples.dtype).max)
        before = dict(canvas)
        for (y, x), pixel in ((at, frame.samples[at]) for at in np.ndindex(frame.samples.shape[:2])):
            *colours, alpha = (Fraction(int(value), top) for value in pixel)
            new = [*(colour * alpha for colour in colours), alpha]
            place = y + frame.top, x + frame.left
            below = canvas.get(place, [Fraction(0)] * len(new))
            canvas[place] = [n + b * (1 - alpha) for n, b in zip(new, below, strict=True)] if frame.is_blended else new
        canvases.append(dict(canvas))
        if frame.disposal == RESTORE:
            canvas = before
        elif frame.disposal == CLEAR:
            for y, x in np.ndindex(frame.samples.shape[:2]):
                canvas.pop((y + frame.top, x + frame.left), None)
    return canvases


def assert_composed(canvases, frames, height, width):
    """Checks drawn frames against exact ones: each value is rounded once."""
    for canvas, right in zip(canvases, exact(frames, height, width), strict=True):
        top = int(np.iinfo(canvas.dtype).max)
        for y, x in np.ndindex(height, width):
            *colours, alpha = right.get((y, x), [Fraction(0)] * canvas.shape[2])
            expected = [*(colour / alpha for colour in colours), alpha] if alpha else [None] * len(colours) + [alpha]
            for value, number in zip(canvas[y, x].tolist(), expected, strict=True):
                assert number is None or abs(value - top * number) <= Fraction(1, 2) + Fraction(1, 10**9)


def _stored(frames, height, width):
    return Stored(height, width, iter(frames), [0] * len(frames), 0, Metadata())


@pytest.mark.parametrize("channels", [2, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_composite_agrees_with_exact_arithmetic(rng, dtype, channels):
    frames, (height, width) = [], (7, 5)
    opaque = np.iinfo(dtype).max
    for i in range(40):
        h, w = rng.integers(1, height + 1), rng.integers(1, width + 1)
        samples = rng.integers(0, opaque, (h, w, channels), dtype, endpoint=True)
        opacity = rng.integers(0, 4, (h, w))
        samples[..., -1] = np.choose(opacity, [0, opaque, samples[..., -1], rng.integers(0, 3, (h, w))])
        top, left = int(rng.integers(0, height - h + 1)), int(rng.integers(0, width - w + 1))
        frames.append(Frame(samples, top, left, (KEEP, CLEAR, RESTORE)[i % 3], bool(rng.integers(2))))
    assert_composed(composite(_stored(frames, height, width)), frames, height, width)


@pytest.mark.parametrize(
    "disposal, is_blended, expected",
    [
        (KEEP, True, [85, 0, 170, 192]),  # (128 + 128 / 2) / 255 opaque; a third of it is from below
        (KEEP, False, [0, 0, 255, 128]),
        (CLEAR, True, [0, 0, 255, 128]),
        (RESTORE, True, [0, 0, 255, 128]),
    ],
)
def test_composite_by_hand(disposal, is_blended, expected):
    red, blue = (np.array([[[*colour, 128]]], np.uint8) for colour in ((255, 0, 0), (0, 0, 255)))
    frames = [Frame(red, 0, 0, disposal, True), Frame(blue, 0, 0, KEEP, is_blended)]
    np.testing.assert_allclose(list(composite(_stored(frames, 1, 1)))[1][0, 0], expected, atol=1)


def test_composite_yields_canvases_of_their_own():
    """A later frame changes none that was handed out."""
    frames = [Frame(np.full((2, 2, 4), level, np.uint8), 0, 0, CLEAR, False) for level in (50, 100)]
    assert [canvas.max() for canvas in list(composite(_stored(frames, 2, 2)))] == [50, 100]
