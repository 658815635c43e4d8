"""Tests ../../../../jsr/pictures/codecs/tiff/lzw.py."""

import io

import imagecodecs
import numpy as np
import pytest
import tifffile

from jsr import pictures
from jsr.errors import PictureError
from jsr.pictures.codecs.tiff import lzw


@pytest.mark.parametrize("count", [1, 2, 300, 5000, 100_000])
@pytest.mark.parametrize("levels", [1, 4, 256])
def test_check_accepts_what_encoders_write(rng, count, levels):
    """Codes of all lengths, and several tables."""
    lzw.check(bytes(imagecodecs.lzw_encode(rng.integers(0, levels, count, np.uint8).tobytes())))


def _packed(codes, *, is_old):
    """Returns codes of 9 bits, from the highest bit of a byte on or from the lowest."""
    bits = "".join(f"{code:09b}"[:: -1 if is_old else 1] for code in codes)
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[i : i + 8][:: -1 if is_old else 1], 2) for i in range(0, len(bits), 8))


@pytest.mark.parametrize("is_old", [False, True])
def test_check_refuses_tables_that_begin_with_no_byte(is_old):
    """Also behind others; repeated begins and an end are no fault."""
    for codes in ([256, 65, 258, 257], [256, 256, 65, 257], [256, 257], [256, 65, 256, 66, 257, 256, 300]):
        data = _packed(codes, is_old=is_old)
        lzw.check(data)
        imagecodecs.lzw_decode(data)
    for codes in ([256, 276, 40, 257], [256, 65, 66, 256, 256, 258, 257]):
        with pytest.raises(ValueError, match="begins with the code 2"):
            lzw.check(_packed(codes, is_old=is_old))


def test_check_refuses_countless_tables():
    with pytest.raises(ValueError, match="more than .* tables"):
        lzw.check(_packed([256] * 100_000, is_old=False))


def test_open_refuses_a_tiff_with_such_a_table(rng):
    file = io.BytesIO()
    tifffile.imwrite(file, rng.integers(0, 256, (13, 17, 3), np.uint8), photometric="rgb", compression="lzw")
    with tifffile.TiffFile(io.BytesIO(file.getvalue())) as stored:
        start = stored.pages.first.dataoffsets[0]
    content = bytearray(file.getvalue())
    assert content[start] == 0x80
    content[start + 1] |= 0x40  # the code after the first one is a byte no more
    with pytest.raises(PictureError, match="a table of its LZW begins with the code"):
        pictures.decode(bytes(content))
