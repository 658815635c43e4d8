"""Tests ../jsr/strips.py and ../jsr/scanlines.py: large pictures row by row."""

import io
import os
import zlib

import numpy as np
import png
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from jsr import infer
from jsr.errors import PictureError
from jsr.pictures import Picture, large, png_rows, reading, tiff, writing
from jsr.pictures.png_rows import Writer
from scripts.torture import large as large_script
from tests import corpus


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Every picture counts as large."""
    monkeypatch.setattr(large, "LARGE", 1)
    monkeypatch.setattr(tiff, "BLOCK", 8)
    monkeypatch.setattr(png_rows, "BLOCK", 8)


def _rows(path):
    opened = large.open(path)
    return opened.rows[0 : opened.rows.shape[0]]


def test_large_files_are_read_as_whole_ones(tmp_path):
    """The whole corpus: what is not read by rows is left to `images.read`, what is, is the same."""
    read = 0
    for sample in corpus.samples():
        path = tmp_path / "a"
        path.write_bytes(sample.content)
        try:
            opened = large.open(path)
        except PictureError:
            assert sample.pixels is None
            continue
        if opened is None or sample.pixels is None:
            continue
        read += 1
        rows = opened.rows[0 : opened.rows.shape[0]]
        assert rows.dtype == sample.pixels.dtype, sample.name
        np.testing.assert_array_equal(rows, sample.pixels, err_msg=sample.name)
        whole = reading.read(path)
        assert (opened.icc, opened.exif) == (whole.icc, whole.exif) and whole.alpha is None
    assert read >= 40


@settings(max_examples=60, deadline=None)
@given(
    st.data(),
    st.integers(1, 20),
    st.integers(1, 20),
    st.sampled_from([1, 3]),
    st.sampled_from([8, 16]),
)
def test_png_by_rows_is_what_pypng_reads(data, height, width, planes, depth):
    """Of every filter: each row is written with one drawn for it."""
    dtype = np.uint8 if depth == 8 else np.uint16
    samples = data.draw(arrays.arrays(dtype, (height, width, planes)))
    file = io.BytesIO()
    writer = Writer(file, samples.shape, samples.dtype)
    cut = data.draw(st.integers(0, height))
    for part in (samples[:cut], samples[cut:]):
        if len(part):
            writer.write(part)
    writer.close()
    _, _, rows, _ = png.Reader(bytes=file.getvalue()).read()
    np.testing.assert_array_equal(np.array([list(r) for r in rows]).reshape(samples.shape), samples)


@pytest.mark.parametrize("kind", range(5))
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_filters_of_png(tmp_path, rng, kind, dtype):
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
    np.testing.assert_array_equal(reading.read(tmp_path / "a.png").pixels, samples)


def test_a_wrong_sum_and_a_missing_end_are_seen(tmp_path):
    """In the data, where every row would still be there, and after it."""
    whole = corpus.png_of(corpus.smooth(), bitdepth=8)
    header = corpus.chunk(b"tEXt", b"Title\0x")
    for content, said in (
        (whole[:-12] + header[:-1] + bytes([header[-1] ^ 1]) + whole[-12:], "the sum of a chunk b'tEXt' is wrong"),
        (whole[:-16] + bytes([whole[-16] ^ 1]) + whole[-15:], "the sum of a chunk b'IDAT' is wrong"),
        (whole[:-12], "it ends before its end is said"),
        (whole[:-20], "it ends within a chunk"),
    ):
        (tmp_path / "a.png").write_bytes(content)
        with pytest.raises(PictureError, match="a.png: broken or not supported: ") as error:
            _rows(tmp_path / "a.png")
        assert said in str(error.value)


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("planes", [1, 3])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_results_are_those_of_the_whole(tmp_path, rng, monkeypatch, suffix, planes, dtype):
    shape = (37, 29) if planes == 1 else (37, 29, 3)
    pixels = rng.integers(0, np.iinfo(dtype).max + 1, shape).astype(dtype)
    writing.write(tmp_path / f"a.{suffix}", Picture(pixels, icc=corpus.SRGB))
    command = [str(tmp_path / f"a.{suffix}"), "--model", "bicubic", "--tile", "16", "-o"]
    assert infer.main([*command, str(tmp_path / f"rows.{suffix}")]) == 0
    monkeypatch.setattr(large, "LARGE", 10**9)
    assert infer.main([*command, str(tmp_path / f"whole.{suffix}")]) == 0
    rows, whole = (reading.read(tmp_path / f"{name}.{suffix}") for name in ("rows", "whole"))
    np.testing.assert_array_equal(rows.pixels, whole.pixels)
    assert rows.pixels.dtype == dtype and rows.icc == whole.icc == corpus.SRGB


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_grey_in_three_channels_stays_so(tmp_path, suffix):
    """Read by rows, or at once and written by rows."""
    Image.fromarray(np.stack([corpus.grey()] * 3, axis=-1)).save(tmp_path / f"a.{suffix}")
    assert infer.main([str(tmp_path / f"a.{suffix}"), "--model", "srresnet"]) == 0
    result = np.asarray(Image.open(tmp_path / "a_x4.png"))
    assert result.shape == (52, 68, 3) and (result == result[..., :1]).all() and result.std() > 5


def test_exif_is_kept_in_png_and_said_of_tiff(tmp_path, capsys):
    Image.fromarray(corpus.smooth()).save(tmp_path / "a.png", exif=corpus.camera_exif().tobytes())
    command = [str(tmp_path / "a.png"), "--model", "nearest", "-o"]
    assert infer.main([*command, str(tmp_path / "b.png")]) == 0
    assert Image.open(tmp_path / "b.png").getexif()[corpus.MAKE] == "Camera"
    assert capsys.readouterr().out.count("\n") == 1
    assert infer.main([*command, str(tmp_path / "b.tif")]) == 0
    assert "  EXIF is not kept: not written to TIFF of this size\n" in capsys.readouterr().out


def test_broken_files_leave_nothing(tmp_path, rng, capsys):
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
def test_a_picture_larger_than_the_memory(tmp_path):
    """The result has 1.15 GB, and jax alone maps 1.3 of the 2 GiB."""
    assert large_script.judge(tmp_path, height=4000, width=6000, seed=0) == "right"
