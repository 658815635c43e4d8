"""Tests ../jsr/prepare.py."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jsr import prepare
from jsr.data import datasets


def test_main_stores_a_folder(tmp_path, rng, capsys):
    (tmp_path / "photos").mkdir()
    for name in "ab":
        Image.fromarray(rng.integers(0, 256, (20, 30, 3), np.uint8)).save(tmp_path / "photos" / f"{name}.png")
    assert prepare.main([str(tmp_path / "photos"), "--data-dir", str(tmp_path)]) == 0
    home = tmp_path / "jsr" / "photos" / "1.0.0"
    assert capsys.readouterr().out == f"photos: 2 pictures to train on, in {home}\n"
    assert len(datasets.source("photos", data_dir=tmp_path)) == 2


def test_main_names_an_unknown_dataset(tmp_path):
    """In a process of its own, so that a traceback, for example, does not go unseen."""
    process = subprocess.run(
        [sys.executable, "-m", "jsr.prepare", "imagenet", "--data-dir", str(tmp_path)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
    )
    expected = "jsr.prepare: error: imagenet: expected a folder of pictures or one of coco2014, div2k\n"
    assert (process.returncode, process.stdout, process.stderr) == (1, "", expected)


def test_help_lists_every_dataset_and_its_size(capsys):
    """It is written out there, because the datasets' module takes a second to import."""
    with pytest.raises(SystemExit):
        prepare.main(["--help"])
    text = " ".join(capsys.readouterr().out.split())
    for name, splits in datasets.DATASETS.items():
        size = sum(archive.size for archive in splits.values()) / 1e9
        assert f"{name} ({size:.1f} GB)" in text
