"""Tests ../../jsr/upscaling/files.py."""

import numpy as np
import pytest
from PIL import Image

from jsr import pictures
from jsr.errors import PictureError
from jsr.models import Model
from jsr.models.classical.interpolation import Interpolation
from jsr.pictures import Picture, large
from jsr.upscaling.files import Options, Progress, upscale_file
from jsr.upscaling.jobs import Job
from tests import encoders

NEAREST = {"nearest": Model(Interpolation(method="nearest"), {}, {})}
QUIET = Progress(lambda count, total: None, lambda tile: None)


def _saved(path, count=1, size=(9, 6)):
    """Returns the frames of a file of so many."""
    colours = ("red", "blue", "lime")[:count]
    frames = [Image.new("RGB", size, colour) for colour in colours]
    frames[0].save(path, save_all=count > 1, append_images=frames[1:])
    return [np.asarray(frame) for frame in frames]


def _enlarged(pixels):
    return pixels.repeat(4, axis=0).repeat(4, axis=1)


def test_upscale_file_writes_a_picture_and_returns_its_size(tmp_path):
    job = Job(tmp_path / "a.jpg", tmp_path / "new" / "a.png")
    _saved(job.source)
    assert upscale_file(job, Options(NEAREST), QUIET)[:3] == (24, 36, ())
    expected = _enlarged(pictures.read(job.source).pixels)
    np.testing.assert_array_equal(pictures.read(job.target).pixels, expected)


@pytest.mark.parametrize("target", ["b.png", "b.tif"])
def test_upscale_file_by_rows_returns_size_and_notes_of_the_whole(tmp_path, monkeypatch, target):
    exif = encoders.camera_exif().tobytes()
    Image.fromarray(encoders.smooth(6, 9)).save(tmp_path / "a.png", exif=exif)
    monkeypatch.setattr(large, "LARGE", 1)
    result = upscale_file(Job(tmp_path / "a.png", tmp_path / target), Options(NEAREST), QUIET)
    assert result[:3] == (24, 36, ())
    np.testing.assert_array_equal(pictures.read(tmp_path / target).pixels, _enlarged(encoders.smooth(6, 9)))


def test_upscale_file_takes_all_frames_where_the_target_holds_them(tmp_path):
    first, *_ = _saved(tmp_path / "a.gif", 3)
    calls = []
    progress = Progress(lambda *counts: calls.append(counts), lambda tile: None)
    result = upscale_file(Job(tmp_path / "a.gif", tmp_path / "a.png"), Options(NEAREST), progress)
    expected = (24, 36, ("its 3 frames are written as an animated PNG",), "3 frames of 9x6 RGB of 8 bits")
    assert result == expected
    assert calls == [(1, 3), (2, 3), (3, 3)]
    result = upscale_file(Job(tmp_path / "a.gif", tmp_path / "a.tif"), Options(NEAREST), progress)
    assert result[:3] == (24, 36, ("only the first of 3 frames is taken; --frame N takes another",))
    np.testing.assert_array_equal(pictures.read(tmp_path / "a.tif").pixels, _enlarged(first))


def test_upscale_file_takes_the_frame_asked_for(tmp_path):
    frames = _saved(tmp_path / "a.gif", 3)
    result = upscale_file(Job(tmp_path / "a.gif", tmp_path / "a.png"), Options(NEAREST, frame=1), QUIET)
    assert result[:3] == (24, 36, ())
    np.testing.assert_array_equal(pictures.read(tmp_path / "a.png").pixels, _enlarged(frames[1]))


def test_upscale_file_compares_models_on_the_first_frame(tmp_path):
    _saved(tmp_path / "a.gif", 3, size=(90, 60))
    options = Options(NEAREST | {"bicubic": Model(Interpolation(), {}, {})}, is_comparison=True)
    result = upscale_file(Job(tmp_path / "a.gif", tmp_path / "a.png"), options, QUIET)
    height, width = pictures.size(tmp_path / "a.png")
    assert (result.height, result.width) == (height, width) == (40 + 240, 720)
    assert result.notes == ("only the first of 3 frames is taken; --frame N takes another",)


def test_upscale_file_refuses_sizes_before_any_work(tmp_path):
    """The limit of the source, and that of the target's format."""
    _saved(tmp_path / "a.png", size=(4096, 1))
    job = Job(tmp_path / "a.png", tmp_path / "new" / "a.webp")
    with pytest.raises(PictureError, match="a.png: 4096x1: more than 0.004095 million pixels"):
        upscale_file(job, Options(NEAREST, max_pixels=4095), QUIET)
    with pytest.raises(PictureError, match="WEBP holds up to 16383 pixels a side, not 16384x4"):
        upscale_file(job, Options(NEAREST), QUIET)
    assert not job.target.parent.exists()


def test_options_name_the_first_model():
    models = NEAREST | {"bicubic": Model(Interpolation(), {}, {})}
    assert Options(models).model is models["nearest"]


def test_upscale_file_writes_transparency(tmp_path):
    pixels = encoders.smooth(6, 9)
    pictures.write(tmp_path / "a.png", Picture(pixels, np.full((6, 9), 255, np.uint8)))
    upscale_file(Job(tmp_path / "a.png", tmp_path / "b.png"), Options(NEAREST), QUIET)
    result = pictures.read(tmp_path / "b.png")
    assert result.alpha is not None and (result.alpha == 255).all()
