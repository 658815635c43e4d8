"""Tests ../../jsr/pictures/codecs/png_reader.py."""

import io
import zlib

import numpy as np
import png
import pytest

from jsr import pictures
from jsr.pictures.codecs.png_reader import Header, read
from jsr.pictures.codecs.png_writer import Writer
from tests import encoders


def _rows(path):
    header = Header.of(path)
    assert header is not None
    return np.concatenate(list(read(path, header, 8)))


@pytest.mark.parametrize("kind", range(5))
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_read_undoes_each_filter(tmp_path, rng, kind, dtype):
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
    file = io.BytesIO()
    Writer(file, samples.shape, samples.dtype)  # the header
    compressed = zlib.compress(filtered.tobytes())
    for data in (compressed[:30], compressed[30:]):
        png.write_chunk(file, b"IDAT", data)
    png.write_chunk(file, b"IEND")
    (tmp_path / "a.png").write_bytes(file.getvalue())
    np.testing.assert_array_equal(_rows(tmp_path / "a.png"), samples)
    np.testing.assert_array_equal(pictures.read(tmp_path / "a.png").pixels, samples)


def test_read_refuses_a_wrong_checksum_and_a_missing_end(tmp_path):
    """In the data, where every row would still be there, and after it."""
    whole = encoders.png_of(encoders.smooth(), bitdepth=8)
    header = encoders.chunk(b"tEXt", b"Title\0x")
    for content, message in (
        (whole[:-12] + header[:-1] + bytes([header[-1] ^ 1]) + whole[-12:], "the checksum of a chunk b'tEXt' is wrong"),
        (whole[:-16] + bytes([whole[-16] ^ 1]) + whole[-15:], "the checksum of a chunk b'IDAT' is wrong"),
        (whole[:-12], "it ends without its last chunk, IEND"),
        (whole[:-20], "it ends within a chunk"),
    ):
        (tmp_path / "a.png").write_bytes(content)
        with pytest.raises(ValueError, match=message):
            _rows(tmp_path / "a.png")
