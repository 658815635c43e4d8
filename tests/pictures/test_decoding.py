"""Tests ../../jsr/pictures/decoding.py."""

import logging
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jsr import pictures
from jsr.errors import PictureError
from jsr.pictures.decoding import LOGGERS, guarded, guarded_rows

ROOT = Path(__file__).parents[2]


def _settings():
    levels = [logging.getLogger(name).level for name in LOGGERS]
    return Image.MAX_IMAGE_PIXELS, levels, list(warnings.filters)


def test_import_leaves_other_libraries_as_they_were():
    """Neither Pillow's limit nor the levels of loggers: a program that imports jsr may rely on them."""
    code = """
import logging
from PIL import Image
before = Image.MAX_IMAGE_PIXELS, [logging.getLogger(name).level for name in ("PIL", "tifffile")]
import jsr.pictures
print(before == (Image.MAX_IMAGE_PIXELS, [logging.getLogger(name).level for name in ("PIL", "tifffile")]), before[0])
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert result.stdout == "True 89478485\n", result.stderr


@pytest.mark.parametrize("content", [None, b"hello"])
def test_read_leaves_other_libraries_as_they_were(tmp_path, content):
    """After success, and after an error."""
    path, before = tmp_path / "a.png", _settings()
    if content is None:
        Image.new("RGB", (8, 6)).save(path)
        assert isinstance(pictures.open(path), pictures.Picture)
    else:
        path.write_bytes(content)
        with pytest.raises(PictureError):
            pictures.read(path)
    assert _settings() == before


def test_guarded_of_overlapping_threads_ends_with_the_last():
    """The first to begin is the first to end, which would restore the settings under the second."""
    before = _settings()
    has_begun, may_end = threading.Event(), threading.Event()

    def decode():
        with guarded():
            has_begun.set()
            may_end.wait(10)

    thread = threading.Thread(target=decode)
    thread.start()
    assert has_begun.wait(10)
    with guarded():
        may_end.set()
        thread.join(10)
        assert Image.MAX_IMAGE_PIXELS is None and logging.getLogger("PIL").level == logging.CRITICAL
    assert _settings() == before


def test_guarded_rows_leave_the_settings_to_the_caller():
    """Between two blocks the caller's code runs, with the settings as they were."""
    before, inside = _settings(), []

    def blocks():
        for _ in range(2):
            inside.append(Image.MAX_IMAGE_PIXELS)
            yield np.zeros((1, 1))

    for _ in guarded_rows("a.png", blocks()):
        assert _settings() == before
    assert inside == [None, None] and _settings() == before


def test_guarded_rows_name_the_file():
    def blocks():
        yield np.zeros((1, 1))
        raise ValueError("a row\nis missing")

    rows = guarded_rows("a.png", blocks())
    next(rows)
    with pytest.raises(PictureError, match="^a.png: broken or not supported: a row is missing$"):
        next(rows)


def test_guarded_lets_memory_errors_through():
    with pytest.raises(MemoryError), guarded():
        raise MemoryError
