"""Tests ../../jsr/web/views.py: what browsers show, and the formats of downloads."""

import io
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from jsr import infer
from jsr.errors import PictureError
from jsr.web import views
from tests.web.client import decoded, encoded, serving


@pytest.fixture
def gif(rng):
    frames = [Image.fromarray(rng.integers(0, 256, (6, 8, 3), np.uint8)).quantize(8) for _ in range(3)]
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:], duration=[100, 200, 300], loop=2)
    return file.getvalue()


def test_animation_stays_one(gif, tmp_path):
    (tmp_path / "moving.gif").write_bytes(gif)
    with serving(tmp_path) as client:
        upload, job = client.start(gif)
        state = client.finish(job)
        assert state["formats"] == ["png", "webp", "gif"]
        _, content, headers = client.ask("GET", f"/uploads/{upload}")
        assert content == gif and headers["Content-Type"] == "image/gif"
        _, content, headers = client.ask("GET", f"/jobs/{job}/view")
        assert headers["Content-Type"] == "image/png"
        with Image.open(io.BytesIO(content)) as image:
            assert getattr(image, "n_frames", 1) == 3
        for suffix in state["formats"]:
            target = tmp_path / f"large.{suffix}"
            infer.main([str(tmp_path / "moving.gif"), "--model", "bicubic", "-o", str(target), "-q"])
            assert client.result(job, suffix) == target.read_bytes(), suffix


def test_measurements_are_offered_in_formats_that_hold_them(tmp_path, rng):
    file = io.BytesIO()
    values = rng.normal(size=(6, 8)).astype(np.float32)
    tifffile.imwrite(file, values)
    with serving(tmp_path) as client:
        upload, job = client.start(file.getvalue())
        state = client.finish(job)
        assert state["formats"] == ["tif", "npy"] and not state["hasView"]
        assert client.ask("GET", f"/uploads/{upload}")[0] == client.ask("GET", f"/jobs/{job}/view")[0] == 404
        large = tifffile.imread(io.BytesIO(client.result(job, "tif")))
        assert large.dtype == np.float32 and large.shape == (24, 32)
        np.testing.assert_array_equal(np.load(io.BytesIO(client.result(job, "npy"))), large)


def test_16_bits_are_shown_as_8_and_downloaded_as_16(tmp_path, rng):
    levels = rng.integers(0, 65536, (6, 8), np.uint16)
    file = io.BytesIO()
    Image.fromarray(levels).save(file, "PNG")
    with serving(tmp_path) as client:
        upload, job = client.start(file.getvalue(), "nearest")
        client.finish(job)
        before = decoded(client.ask("GET", f"/uploads/{upload}")[1])
        np.testing.assert_array_equal(before, np.round(levels / 257).astype(np.uint8))
        np.testing.assert_array_equal(decoded(client.result(job)), levels.repeat(4, 0).repeat(4, 1))


@pytest.mark.parametrize(
    "kind, suffix", [("PNG", ".png"), ("JPEG", ".png"), ("WEBP", ".png"), ("GIF", ".png"), ("TIFF", ".tif")]
)
def test_results_are_kept_without_loss(tmp_path, kind, suffix):
    (tmp_path / "source").write_bytes(encoded(kind=kind))
    assert views.lossless_suffix(tmp_path / "source") == suffix


def test_formats_that_are_too_small_are_not_offered(tmp_path):
    (tmp_path / "source").write_bytes(encoded())
    view = views.create(tmp_path / "source", tmp_path / "view.png", max_pixels=1000)
    assert {"png", "jpg", "webp", "tif"} <= set(views.downloads(view, 24, 32))
    assert "webp" not in views.downloads(view, 24, 20000) and "png" in views.downloads(view, 24, 20000)
    with pytest.raises(PictureError, match="8x6: more than 4e-05 million pixels"):
        views.create(tmp_path / "source", tmp_path / "view.png", max_pixels=40)
    assert views.media_type(Path(view.path or "")) == "image/png"
