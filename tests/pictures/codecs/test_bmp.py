"""Tests ../../../jsr/pictures/codecs/bmp.py against imagecodecs, Pillow, and the masks themselves."""

import io

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from jsr import pictures
from jsr.errors import PictureError
from jsr.pictures.codecs import bmp
from tests import encoders

# Masks of red, green, blue and alpha.
LAYOUTS = {
    "565": (16, (0xF800, 0x7E0, 0x1F, 0)),
    "A1555": (16, (0x7C00, 0x3E0, 0x1F, 0x8000)),
    "4444": (16, (0xF00, 0xF0, 0xF, 0xF000)),
    "332": (16, (0xE0, 0x1C, 0x3, 0)),
    "8888": (32, (0xFF0000, 0xFF00, 0xFF, 0xFF000000)),
    "reversed": (32, (0xFF, 0xFF00, 0xFF0000, 0)),
    "RGBA": (32, (0xFF000000, 0xFF0000, 0xFF00, 0xFF)),
    "10 bits": (32, (0x3FF00000, 0xFFC00, 0x3FF, 0xC0000000)),
}


def _pixels(rng, depth):
    return rng.integers(0, 2**depth, (5, 7), np.uint64).astype(f"<u{depth // 8}")


@pytest.mark.parametrize("name", LAYOUTS)
def test_decode_gives_the_values_under_each_mask(rng, name):
    depth, masks = LAYOUTS[name]
    pixels = _pixels(rng, depth)
    content = encoders.bmp(pixels, masks)
    picture = pictures.decode(content)
    top = 65535 if name == "10 bits" else 255
    for i, mask in enumerate(masks):
        step = mask & -mask
        channel = picture.alpha if i == 3 else picture.pixels[..., i]
        if mask == 0:
            assert channel is None
            continue
        assert channel is not None
        np.testing.assert_allclose(channel, (pixels & mask) // step / (mask // step) * top, atol=0.5)
    assert picture.metadata.resolution == (72, 72, False)
    if name != "10 bits":  # which imagecodecs cuts
        decoded = imagecodecs.bmp_decode(content)
        np.testing.assert_allclose(pictures.decode(content).pixels, decoded[..., :3].astype(int), atol=1)


def test_decode_takes_alpha_that_is_zero_everywhere_for_none(rng):
    """As browsers do: programs that know no alpha leave it at zero. In short headers, the mask is none."""
    depth, masks = LAYOUTS["8888"]
    pixels = _pixels(rng, depth)
    assert pictures.decode(encoders.bmp(pixels & 0xFFFFFF, masks)).alpha is None
    assert pictures.decode(encoders.bmp(pixels, masks, header=40)).alpha is None
    assert pictures.decode(encoders.bmp(pixels, masks, header=40, compression=6)).alpha is not None


def test_decode_refuses_what_is_no_picture(rng):
    depth, masks = LAYOUTS["4444"]
    content = encoders.bmp(_pixels(rng, depth), masks)
    wrong = (
        (content[:-1], "buffer is smaller than requested size"),
        (
            encoders.bmp(_pixels(rng, depth), (0xF0F, *masks[1:])),
            "expected masks of up to 16 neighbouring bits, got 0xf0f",
        ),
        (content[:28] + b"\x18" + content[29:], "expected pixels of 16 or 32 bits, got 7x5 of 24"),
        (content[:18] + b"\xff\xff\xff\x7f" + content[22:], "2147483647x5: more than 200 million pixels"),
    )
    for broken, message in wrong:
        with pytest.raises(PictureError, match=message):
            pictures.decode(broken)


def test_other_bmps_are_left_to_pillow():
    file = io.BytesIO()
    Image.fromarray(encoders.smooth()).save(file, "BMP")
    assert not bmp.has_bit_fields(file.getvalue())
