"""Tests ../../../../jsr/pictures/codecs/png/png_reader.py."""

import struct
import zlib

import numpy as np
import pytest

from jsr import pictures
from jsr.errors import PictureError
from jsr.pictures.codecs.png.png_writer import SIGNATURE
from tests import encoders


@pytest.mark.parametrize("kind", range(5))
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_decode_undoes_each_filter(rng, kind, dtype):
    """Files whose rows all have one filter, filtered here by the letter of the specification."""
    samples = rng.integers(0, np.iinfo(dtype).max + 1, (11, 7, 3)).astype(dtype)
    pixel = 3 * np.dtype(dtype).itemsize
    raw = samples.astype(np.dtype(dtype).newbyteorder(">")).view(np.uint8).reshape(11, -1).astype(int)
    left = np.pad(raw, ((0, 0), (pixel, 0)))[:, : raw.shape[1]]
    above = np.pad(raw, ((1, 0), (0, 0)))[:-1]
    corner = np.pad(raw, ((1, 0), (pixel, 0)))[:-1, : raw.shape[1]]
    estimate = left + above - corner
    distances = np.stack([np.abs(estimate - n) for n in (left, above, corner)])
    paeth = np.choose(distances.argmin(axis=0), (left, above, corner))
    guess = (0, left, above, (left + above) // 2, paeth)[kind]
    filtered = np.full((11, raw.shape[1] + 1), kind, np.uint8)
    filtered[:, 1:] = (raw - guess) % 256
    compressed = zlib.compress(filtered.tobytes())
    header = struct.pack(">IIBBBBB", 7, 11, 8 * samples.itemsize, 2, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", compressed[:30]), (b"IDAT", compressed[30:]), (b"IEND", b"")]
    content = SIGNATURE + b"".join(encoders.chunk(tag, data) for tag, data in parts)
    picture = pictures.decode(content)
    np.testing.assert_array_equal(picture.pixels, samples)
    assert picture.pixels.dtype == dtype


def test_decode_refuses_pixels_that_are_broken_or_missing_and_nothing_else():
    whole = encoders.png_of(encoders.smooth(), bitdepth=8)
    text = encoders.chunk(b"tEXt", b"Title\0x")
    for content in (
        whole[:-16] + bytes([whole[-16] ^ 1]) + whole[-15:],  # the checksum of the pixels
        whole[:-20],
        whole[:33] + whole[-12:],  # no pixels at all
    ):
        with pytest.raises(PictureError, match="^broken or not supported: .*$"):
            pictures.decode(content)
    for content in (
        whole[:-12],  # without IEND
        whole[:-12] + text[:-1] + bytes([text[-1] ^ 1]) + whole[-12:],  # the checksum of a text
    ):
        np.testing.assert_array_equal(pictures.decode(content).pixels, encoders.smooth())
