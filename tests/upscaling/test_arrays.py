"""Tests ../../jsr/upscaling/arrays.py, by jsr.upscale, which hands it on to users."""

from typing import Any

import numpy as np
import pytest
from PIL import Image

import jsr
from jsr import pictures
from jsr.errors import ConfigError, PictureError
from jsr.pictures import Picture
from jsr.upscaling import tiles
from jsr.upscaling.picture import enlarge
from tests import encoders

NEAREST, BICUBIC = jsr.load("nearest"), jsr.load("bicubic")


def _repeated(pixels):
    """Returns what the nearest neighbour makes of pixels."""
    return np.asarray(pixels).repeat(4, axis=0).repeat(4, axis=1)


def _noise(rng, *shape, dtype: Any = np.uint8):
    return rng.integers(0, np.iinfo(dtype).max, shape, endpoint=True).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, ">u2"])
@pytest.mark.parametrize("channels", [(), (1,), (3,)])
def test_arrays_without_alpha_keep_their_channels_and_type(rng, dtype, channels):
    image = _noise(rng, 5, 6, *channels, dtype=np.dtype(dtype).newbyteorder("=")).astype(dtype)
    result = jsr.upscale(image, NEAREST)
    assert result.dtype == image.dtype.newbyteorder("=")
    np.testing.assert_array_equal(result, _repeated(image))


@pytest.mark.parametrize("channels", [2, 4])
def test_the_last_of_two_or_four_channels_is_alpha(rng, channels):
    """It is enlarged bicubically, by any model; the colours are those of `enlarge`, which keeps hidden ones out."""
    image = _noise(rng, 9, 7, channels)
    image[2:5, 2:5, -1] = 0
    result = jsr.upscale(image, NEAREST)
    assert result.shape == (36, 28, channels)
    np.testing.assert_array_equal(result[..., -1], tiles.upscale(BICUBIC, image[..., -1]))
    colours = image[..., 0] if channels == 2 else image[..., :3]
    expected = enlarge(NEAREST, Picture(np.ascontiguousarray(colours), np.ascontiguousarray(image[..., -1])))
    np.testing.assert_array_equal(result[..., :-1].squeeze(), expected.pixels)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_are_enlarged_as_16_bits(rng, dtype):
    image = rng.random((6, 5, 3)).astype(dtype)
    result = jsr.upscale(image, BICUBIC)
    assert result.dtype == dtype and 0 <= result.min() and result.max() <= 1
    deep = jsr.upscale(np.round(image.astype(np.float64) * 65535).astype(np.uint16), BICUBIC)
    np.testing.assert_allclose(result, deep / 65535, atol=1e-3 if dtype == np.float16 else 1e-6)


def test_batches_and_lists_give_what_each_picture_gives_alone(rng):
    batch = _noise(rng, 3, 5, 6, 4)
    alone = [jsr.upscale(image, BICUBIC) for image in batch]
    np.testing.assert_array_equal(jsr.upscale(batch, BICUBIC), np.stack(alone))
    results: Any = jsr.upscale([batch[0], batch[1, :3], Image.fromarray(batch[2])], BICUBIC)
    np.testing.assert_array_equal(results[0], alone[0])
    assert results[1].shape == (12, 24, 4)
    assert isinstance(results[2], Image.Image)
    np.testing.assert_array_equal(np.asarray(results[2]), alone[2])
    assert jsr.upscale([], BICUBIC) == []


@pytest.mark.parametrize("as_text", [True, False])
def test_paths_give_arrays(tmp_path, rng, as_text):
    image = _noise(rng, 5, 6, 4, dtype=np.uint16)
    image[..., 3] |= 1  # no pixel is hidden
    path = tmp_path / "a.png"
    pictures.write(path, Picture(image[..., :3], image[..., 3]))
    result = jsr.upscale(str(path) if as_text else path, NEAREST)
    assert result.dtype == np.uint16 and result.shape == (20, 24, 4)
    np.testing.assert_array_equal(result[..., :3], _repeated(image[..., :3]))


def test_arrays_of_jax_and_torch_are_read(rng):
    import jax.numpy as jnp

    torch = pytest.importorskip("torch")
    image = _noise(rng, 5, 6, 3)
    for other in (jnp.asarray(image), torch.from_numpy(image), image[:, ::-1][:, ::-1]):
        np.testing.assert_array_equal(jsr.upscale(other, NEAREST), _repeated(image))


def test_an_image_of_pillow_gives_one_with_alpha_and_profile(rng):
    rgba = _noise(rng, 5, 6, 4)
    rgba[..., 3] |= 1
    image = Image.fromarray(rgba)
    image.info["icc_profile"] = encoders.SRGB
    result = jsr.upscale(image, NEAREST)
    assert isinstance(result, Image.Image) and result.mode == "RGBA" and result.size == (24, 20)
    assert result.info["icc_profile"] == encoders.SRGB
    np.testing.assert_array_equal(np.asarray(result)[..., :3], _repeated(rgba[..., :3]))


def test_a_palette_gives_its_colours(rng):
    """Not its indices, which would be taken for grey."""
    image = Image.fromarray(_noise(rng, 12, 16, 3)).quantize(64)
    result = jsr.upscale(image, NEAREST)
    assert result.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(result), _repeated(image.convert("RGB")))


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((3, 8, 9), np.uint8), r"\[3, 8, 9\]; np.moveaxis\(image, 0, -1\) moves the channels last"),
        (np.zeros((2, 3, 8, 9), np.uint8), r"np.moveaxis\(image, 1, -1\) moves the channels last"),
        (np.zeros((8, 9, 5), np.uint8), r"with 1 to 4 channels c, got uint8 \[8, 9, 5\]$"),
        (np.zeros(8, np.uint8), r"got uint8 \[8\]"),
        (np.zeros((0, 4, 4, 3), np.uint8), "expected at least one pixel"),
        (np.zeros((8, 9), np.int64), r"expected uint8, uint16, or floats in \[0, 1\], got int64"),
        (np.zeros((8, 9), bool), "got bool"),
        (np.full((8, 9), 255.0), r"expected floats in \[0, 1\], got 255 to 255"),
        (np.full((8, 9), -0.1, np.float32), "got -0.1 to -0.1"),
        (np.array([[0.5, np.nan]]), "got nan to nan"),
        (b"\x89PNG", "expected a path, a Pillow image or an array, got bytes"),
        (None, "got NoneType"),
        ([np.zeros((4, 4), np.uint8), None], "^picture 2 of 2: image: expected a path"),
        ("missing.png", "^missing.png: No such file or directory"),
        (Image.new("F", (4, 4)), "got mode F, whose range is unknown"),
    ],
)
def test_everything_else_is_refused(image, message):
    with pytest.raises(PictureError, match=message):
        jsr.upscale(image, NEAREST)


@pytest.mark.parametrize("tile", [0, -1])
def test_a_tile_of_no_pixels_is_refused(tile):
    with pytest.raises(ConfigError, match=f"tile: expected at least 1 pixel, got {tile}"):
        jsr.upscale(np.zeros((4, 4), np.uint8), NEAREST, tile=tile)
