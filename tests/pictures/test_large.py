"""Tests ../../jsr/pictures/large.py: pictures read and written by rows, and `jsr.infer` with them."""

import os

import numpy as np
import pytest
import tifffile
from PIL import Image

from jsr import infer, pictures
from jsr.errors import PictureError
from jsr.pictures import LargePicture, Metadata, Picture, large, writing
from jsr.pictures.codecs.png import png_writer
from jsr.pictures.codecs.tiff import tiff_writer
from scripts.torture import large as large_script
from tests import corpus, encoders
from tests.expected import stored


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Every picture counts as large, and has several blocks of rows."""
    monkeypatch.setattr(large, "LARGE", 1)
    monkeypatch.setattr(tiff_writer, "BLOCK", 8)
    monkeypatch.setattr(png_writer, "BLOCK", 8)


def test_rows_of_a_large_picture_are_those_of_the_whole(tmp_path):
    """The whole corpus: each file that is read by rows gives the pixels and metadata of the whole picture."""
    count = 0
    for sample in corpus.samples():
        path = tmp_path / "a"
        path.write_bytes(sample.content)
        try:
            opened = pictures.open(path)
        except PictureError:
            assert sample.pixels is None
            continue
        if not isinstance(opened, LargePicture) or isinstance(opened.rows, np.ndarray) or sample.pixels is None:
            continue
        count += 1
        rows = opened.rows[0 : opened.rows.shape[0]]
        assert rows.dtype == sample.pixels.dtype, sample.name
        np.testing.assert_array_equal(rows, sample.pixels, err_msg=sample.name)
        whole = pictures.read(path)
        assert opened.metadata == whole.metadata and whole.alpha is None
    assert count >= 20


def test_a_tiff_that_ends_early_is_refused(tmp_path, rng):
    """Its rows are not read one by one up to a strip that claims gigabytes."""
    tifffile.imwrite(tmp_path / "a.tif", rng.integers(0, 256, (40, 30), np.uint8), rowsperstrip=8)
    content = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(content[:-100])
    with pytest.raises(PictureError, match="it ends before its pixels do"):
        pictures.open(tmp_path / "a.tif")


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("planes", [1, 3])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_infer_by_rows_gives_the_result_of_the_whole(tmp_path, rng, monkeypatch, suffix, planes, dtype):
    shape = (37, 29) if planes == 1 else (37, 29, 3)
    pixels = rng.integers(0, np.iinfo(dtype).max + 1, shape).astype(dtype)
    icc = encoders.SRGB if planes == 3 else encoders.grey_profile()
    writing.write(tmp_path / f"a.{suffix}", Picture(pixels, metadata=Metadata(icc)))
    command = [str(tmp_path / f"a.{suffix}"), "--model", "bicubic", "--tile", "16", "-o"]
    assert infer.main([*command, str(tmp_path / f"rows.{suffix}")]) == 0
    monkeypatch.setattr(large, "LARGE", 10**9)
    assert infer.main([*command, str(tmp_path / f"whole.{suffix}")]) == 0
    rows, whole = (pictures.read(tmp_path / f"{name}.{suffix}") for name in ("rows", "whole"))
    np.testing.assert_array_equal(rows.pixels, whole.pixels)
    assert rows.pixels.dtype == dtype and rows.metadata.icc == whole.metadata.icc == icc


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_infer_by_rows_keeps_grey_in_three_channels_grey(tmp_path, suffix):
    """Read by rows, or at once and written by rows."""
    Image.fromarray(np.stack([encoders.grey()] * 3, axis=-1)).save(tmp_path / f"a.{suffix}")
    assert infer.main([str(tmp_path / f"a.{suffix}"), "--model", "srresnet"]) == 0
    result = stored(tmp_path / "a_x4.png")
    assert result.shape == (52, 68, 3) and (result == result[..., :1]).all() and result.std() > 5


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_infer_by_rows_keeps_exif(tmp_path, capsys, suffix):
    Image.fromarray(encoders.smooth()).save(tmp_path / "a.png", exif=encoders.camera_exif().tobytes())
    path = tmp_path / f"b.{suffix}"
    assert infer.main([str(tmp_path / "a.png"), "--model", "nearest", "-o", str(path)]) == 0
    with Image.open(path) as image:
        assert image.getexif()[encoders.MAKE] == "Camera"
        assert image.getexif().get_ifd(encoders.EXIF_IFD)[encoders.EXPOSURE] == 0.25
    assert capsys.readouterr().out.count("\n") == 1


def test_infer_by_rows_leaves_nothing_of_a_broken_file(tmp_path, rng, capsys):
    """The damage is found when rows are written already."""
    pixels = rng.integers(0, 256, (90, 40, 3), np.uint8)
    writing.write(tmp_path / "a.png", Picture(pixels))
    content = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(content[: len(content) * 2 // 3])
    tifffile.imwrite(tmp_path / "b.tif", pixels, photometric="rgb", compression="zlib", rowsperstrip=8)
    content = bytearray((tmp_path / "b.tif").read_bytes())
    content[len(content) // 2 :] = bytes(len(content) - len(content) // 2)
    (tmp_path / "b.tif").write_bytes(content)
    for name in ("a.png", "b.tif"):
        command = [str(tmp_path / name), "--model", "nearest", "--tile", "16", "-o"]
        assert infer.main([*command, str(tmp_path / "c.png")]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"jsr.infer: error: {tmp_path / name}: ")
    assert sorted(os.listdir(tmp_path)) == ["a.png", "b.tif"]


@pytest.mark.slow
def test_infer_upscales_a_picture_larger_than_memory(tmp_path):
    """The result has 1.15 GB, and jax alone maps 1.3 of the 2 GiB."""
    assert large_script.judge(tmp_path, height=4000, width=6000, seed=0) == "right"
