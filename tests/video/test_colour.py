"""Tests ../../jsr/video/colour.py against the formulae of ITU-T H.273, sections 8.3 and 8.1."""

import numpy as np
import pytest

from tests import clips

av = clips.av
from jsr.errors import VideoError
from jsr.video import colour as colours
from jsr.video.colour import Colour, FromRGB, ToRGB

WEIGHTS = {1: (0.2126, 0.0722), 6: (0.299, 0.114), 7: (0.212, 0.087), 9: (0.2627, 0.0593)}  # of red and of blue


def _stored(pixels, matrix, full, bits):
    """Returns Y, Cb and Cr as they are stored, not rounded."""
    red, blue = WEIGHTS[matrix]
    x = pixels / np.iinfo(pixels.dtype).max
    y = x @ [red, 1 - red - blue, blue]
    cb, cr = (x[..., 2] - y) / (2 - 2 * blue), (x[..., 0] - y) / (2 - 2 * red)
    unit, top = 2 ** (bits - 8), 2**bits - 1
    if full:
        return y * top, cb * top + 128 * unit, cr * top + 128 * unit
    return (16 + 219 * y) * unit, (128 + 224 * cb) * unit, (128 + 224 * cr) * unit


@pytest.mark.parametrize("matrix", WEIGHTS)
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("bits, name", [(8, "yuv420p"), (10, "yuv420p10le")])
def test_colours_are_stored_as_the_standard_says_and_come_back(rng, matrix, full, bits, name):
    colour = Colour(matrix, 2 if full else 1, 1, 1, bits)
    kind = colour.dtype
    squares = rng.integers(0, np.iinfo(kind).max, (4, 5, 3), kind, endpoint=True)
    pixels = squares.repeat(16, axis=0).repeat(16, axis=1)
    frame = FromRGB(colour, name)(pixels)
    assert (frame.format.name, frame.color_range) == (name, colour.range)
    for plane, expected, step in zip(frame.planes, _stored(squares, matrix, full, bits), (16, 8, 8), strict=True):
        values = np.frombuffer(bytes(plane), np.uint8 if bits == 8 else np.uint16).reshape(plane.height, -1)
        centres = values[step // 2 :: step, step // 2 : plane.width : step]
        # Chroma of the full range is one level off in libswscale, and 10 bits are computed with fewer than needed.
        assert np.abs(centres - expected).max() <= (1.1 if bits == 8 else 4.5)
    back = ToRGB(colour, *pixels.shape[:2])(frame)
    levels = np.iinfo(kind).max / 255
    assert back.dtype == kind and np.abs(back[8::16, 8::16] / levels - squares / levels).max() <= 2


def test_what_a_frame_does_not_tell_is_guessed_as_players_do():
    for height, matrix in ((480, 6), (720, 1)):
        colour = colours.of_frame(av.VideoFrame(64, height, "yuv420p"))
        assert colour == Colour(matrix, 1, 2, 2, 8)
    assert colours.of_frame(av.VideoFrame(64, 64, "yuvj420p")).range == 2
    assert colours.of_frame(av.VideoFrame(64, 64, "gbrp10le")) == Colour(1, 1, 2, 2, 10)
    frame = av.VideoFrame(64, 64, "yuv420p")
    frame.colorspace = 8
    with pytest.raises(VideoError, match="expected colours of BT.601, BT.709 or BT.2020, got the matrix 8"):
        colours.of_frame(frame)


def test_frames_of_another_size_are_resized():
    """As broadcasts have them."""
    to_rgb = ToRGB(Colour(1, 1, 1, 1, 8), 20, 30)
    assert to_rgb(av.VideoFrame(60, 40, "yuv420p")).shape == (20, 30, 3)
