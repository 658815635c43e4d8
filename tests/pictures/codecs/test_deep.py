"""Tests ../../../jsr/pictures/codecs/deep.py."""

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from jsr import infer, pictures
from jsr.pictures.codecs import deep
from tests import encoders


@pytest.fixture
def u16(rng):
    return rng.integers(0, 65536, (24, 32, 3), np.uint16)


@pytest.mark.parametrize("bits", [9, 12, 16])
@pytest.mark.parametrize("is_grey", [False, True])
def test_jpeg_2000_keeps_its_depth(tmp_path, u16, bits, is_grey):
    samples = (u16[..., 0] if is_grey else u16) >> (16 - bits)
    content = imagecodecs.jpeg2k_encode(samples, level=0, codecformat="jp2", bitspersample=bits)
    (tmp_path / "a.jp2").write_bytes(content)
    read = pictures.read(tmp_path / "a.jp2").pixels
    np.testing.assert_array_equal(read, np.round(samples * (65535 / (2**bits - 1))).astype(np.uint16))


@pytest.mark.parametrize("bits", [10, 12])
def test_avif_keeps_its_depth(tmp_path, bits):
    samples = np.round(encoders.smooth() * ((2**bits - 1) / 255)).astype(np.uint16)
    (tmp_path / "a.avif").write_bytes(imagecodecs.avif_encode(samples, level=100, bitspersample=bits))
    read = pictures.read(tmp_path / "a.avif").pixels
    assert read.dtype == np.uint16
    np.testing.assert_allclose(read / 257, encoders.smooth(), atol=1.5)
    assert (read % 257).any()


def test_heif_keeps_its_depth(tmp_path):
    heif = pytest.importorskip("pillow_heif")
    samples = np.round(encoders.smooth().astype(float) * 257).astype(np.uint16)
    heif.encode("RGB;16", (32, 24), samples.tobytes(), str(tmp_path / "a.heic"), quality=100, chroma=444)
    read = pictures.read(tmp_path / "a.heic").pixels
    assert read.dtype == np.uint16
    np.testing.assert_allclose(read / 257, encoders.smooth(), atol=3)


def test_photographs_of_phones_are_read(tmp_path):
    heif = pytest.importorskip("pillow_heif")
    heif.register_heif_opener()
    Image.fromarray(encoders.smooth()).save(tmp_path / "a.heic", quality=95)
    np.testing.assert_allclose(pictures.read(tmp_path / "a.heic").pixels, encoders.smooth().astype(int), atol=12)


@pytest.mark.parametrize("top", [255, 300, 1023, 65535])
@pytest.mark.parametrize("is_grey", [False, True])
def test_ppm_keeps_its_depth(tmp_path, rng, top, is_grey):
    samples = rng.integers(0, top + 1, (24, 32) if is_grey else (24, 32, 3))
    head = f"P{5 if is_grey else 6}\n# a comment\n32 24\n{top}\n".encode()
    (tmp_path / "a.ppm").write_bytes(head + samples.astype(">u2" if top > 255 else "u1").tobytes())
    read = pictures.read(tmp_path / "a.ppm").pixels
    full = np.iinfo(read.dtype).max
    assert full == (65535 if top > 255 else 255)
    np.testing.assert_array_equal(read, np.round(samples * (full / top)))


def test_8_bits_are_left_to_pillow(tmp_path):
    for kind in ("JPEG2000", "AVIF", "PPM"):
        Image.fromarray(encoders.smooth()).save(tmp_path / "a", format=kind)
        with Image.open(tmp_path / "a") as image:
            assert deep.decode(image, (tmp_path / "a").read_bytes()) is None


@pytest.mark.parametrize("name", ["a.heic", "a.jxl"])
def test_a_missing_package_is_named(tmp_path, monkeypatch, capsys, name):
    """Nothing that others installed is needed for the message."""
    from jsr.pictures.codecs import pillow

    heads = {"a.heic": b"\0\0\0\x18ftypheic" + bytes(40), "a.jxl": b"\xff\x0a" + bytes(40)}
    (tmp_path / name).write_bytes(heads[name])
    monkeypatch.setattr(pillow, "decoders", lambda: ("PNG", "JPEG"))
    assert infer.main([str(tmp_path / name), "--model", "nearest"]) == 1
    assert 'needs a package that is not installed: pip install "jax-srgan[formats]"' in capsys.readouterr().err
