"""Tests ../../jsr/pictures/folders.py."""

import os

import pytest
from PIL import Image

from jsr.pictures import folders, formats


def test_list_pictures_sorts_those_of_a_known_suffix(folder):
    (folder / "below").mkdir()
    for name in ("below/a.JPG", "z.webp", "notes.txt", "._00.png", "below/.hidden.png"):
        (folder / name).write_bytes(b"")
    names = [p.relative_to(folder).as_posix() for p in folders.list_pictures(folder)]
    assert names == [*(f"{i:02}.png" for i in range(12)), "below/a.JPG", "z.webp"]


def test_list_pictures_enters_a_circle_of_links_once(folder):
    (folder / "again").symlink_to(folder, target_is_directory=True)
    assert len(folders.list_pictures(folder)) == 12


@pytest.mark.parametrize("suffix", formats.READ)
def test_list_pictures_finds_every_suffix_that_is_read(tmp_path, suffix):
    for name in (f"a{suffix}", f"B{suffix.upper()}"):
        (tmp_path / name).touch()
    assert [path.name for path in folders.list_pictures(tmp_path)] == [f"B{suffix.upper()}", f"a{suffix}"]


def test_list_pictures_lists_a_file_as_itself(tmp_path):
    (tmp_path / "a").touch()
    assert folders.list_pictures(tmp_path / "a") == [tmp_path / "a"]


def test_list_files_parts_pictures_from_others(tmp_path):
    """Every file that is not hidden is in one of the two lists."""
    (tmp_path / "below").mkdir()
    for name in ("b.png", "below/a.gif", "c.txt", "below/no_suffix", ".hidden", "below/.d.png"):
        (tmp_path / name).touch()
    pictures, others = folders.list_files(tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in pictures] == ["b.png", "below/a.gif"]
    assert [path.relative_to(tmp_path).as_posix() for path in others] == ["below/no_suffix", "c.txt"]


def test_list_files_opens_no_named_pipe(tmp_path):
    """It would wait for a writer."""
    os.mkfifo(tmp_path / "pipe")
    assert folders.list_files(tmp_path) == ([], [tmp_path / "pipe"])


def test_list_files_takes_what_it_cannot_read_for_no_picture(tmp_path):
    (tmp_path / "broken").symlink_to(tmp_path / "missing")
    assert folders.list_files(tmp_path) == ([], [tmp_path / "broken"])


@pytest.mark.parametrize("suffix, is_listed", [("", True), (".nef", False), (".tif", True)])
def test_list_files_takes_no_raw_photograph_for_a_tiff(tmp_path, suffix, is_listed):
    Image.new("RGB", (4, 4)).save(tmp_path / f"a{suffix}", format="TIFF")
    assert bool(folders.list_files(tmp_path).pictures) == is_listed
