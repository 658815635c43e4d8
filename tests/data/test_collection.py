"""Tests ../../jsr/data/collection.py."""

import os
import shutil

import numpy as np
import pytest
from PIL import Image

from jsr.data import collection, photos
from jsr.data.collection import Collection
from jsr.errors import DataError


def _digest(data) -> str:
    return collection.digest(collection.find(data))


def test_find_lists_pictures_and_names_the_other_files(folder):
    (folder / "below").mkdir()
    (folder / "00.png").rename(folder / "below" / "00.png")
    (folder / "below" / "a.jpg_large").touch()
    (folder / ".hidden").touch()
    found = collection.find(folder)
    assert [photo.name for photo in found.train] == [*(f"{i:02}.png" for i in range(1, 12)), "below/00.png"]
    assert found.validation is None and found.others == ["below/a.jpg_large"]
    assert [photo.name for photo in collection.find(folder / "01.png").train] == ["01.png"]


def test_find_refuses_what_is_neither_folder_nor_dataset(tmp_path):
    with pytest.raises(DataError, match="nowhere: expected a folder of pictures or one of"):
        collection.find(tmp_path / "nowhere", data_dir=tmp_path)


def test_digest_is_the_same_for_a_copy_and_under_every_spelling(folder, tmp_path, monkeypatch):
    first = _digest(folder)
    shutil.copytree(folder, tmp_path / "copy", copy_function=shutil.copyfile)  # whose files are newer
    os.utime(folder / "00.png", (1, 1))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "link").symlink_to(folder)
    for spelling in (folder, "set", "set/", "./set", "../" + tmp_path.name + "/set", "copy", "link", "~/set"):
        assert _digest(spelling) == first
    (folder / "notes.txt").write_text("no picture")
    assert _digest(folder) == first


def _grow(folder):
    shutil.copy(folder / "00.png", folder / "12.png")


def _shrink(folder):
    (folder / "11.png").unlink()


def _rename(folder):
    (folder / "11.png").rename(folder / "12.png")


def _swap(folder):
    (folder / "a").mkdir()
    (folder / "00.png").rename(folder / "a" / "00.png")


def _enlarge(folder):
    with (folder / "05.png").open("ab") as file:
        file.write(b"0")


def _edit(folder):
    path = folder / "05.png"
    path.write_bytes(path.read_bytes()[:-1] + b"0")


@pytest.mark.parametrize("change", [_grow, _shrink, _rename, _swap, _enlarge, _edit], ids=lambda f: f.__name__)
def test_digest_changes_with_names_sizes_and_contents(folder, change):
    first = _digest(folder)
    change(folder)
    assert _digest(folder) != first


def test_digest_tells_training_from_validation():
    a, b = (photos.from_bytes(name, (1,), lambda name=name: name.encode()) for name in "ab")
    splits = [([a, b], None), ([a, b], []), ([a], [b]), ([b], [a])]
    assert len({collection.digest(Collection("set", train, validation, [])) for train, validation in splits}) == 4


def test_digest_of_a_picture_that_cannot_be_read_is_no_error(folder):
    (folder / "gone.png").symlink_to(folder / "nowhere.png")
    assert _digest(folder) == _digest(folder)


def test_digest_of_a_large_set_reads_few_pictures_and_none_to_its_end():
    """All names and sizes, but the beginnings of 64 of 100,000 pictures of 8 MB."""
    opened, sizes = [], []

    class File:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def read(self, count):
            sizes.append(count)
            return b"0" * count

    def photo(i):
        return photos.Photo(f"{i:06}.png", (1,), lambda: opened.append(i) or File(), 8_000_000)  # pyright: ignore

    found = Collection("set", [photo(i) for i in range(100_000)], None, [])
    collection.digest(found)
    assert len(opened) == 64 and max(sizes) <= 1 << 20
    assert opened[0] < 1_000 and opened[-1] > 99_000


@pytest.fixture
def pair(tmp_path, rng):
    """Folders of originals and of their low-resolution pictures, a quarter of the size."""
    for name, side in (("a.png", 40), ("below/b.png", 48)):
        for folder, scale in (("hr", 1), ("lr", 4)):
            path = tmp_path / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 256, (side // scale, side // scale, 3), np.uint8)).save(path)
    return tmp_path / "hr", tmp_path / "lr"


def test_find_pairs_finds_both_by_the_path_below_their_folders(pair):
    hr, lr = pair
    (lr / "a.png").rename(lr / "ax4.png")  # as in DIV2K
    found = collection.find_pairs(hr, lr, scale=4)
    assert [photo.name for photo in found.train] == ["a.png", "below/b.png"]
    assert found.lows and found.lows.scale == 4
    assert {name: photo.name for name, photo in found.lows.photos.items()} == {
        "a.png": "ax4.png",
        "below/b.png": "below/b.png",
    }


def test_find_pairs_names_what_is_missing(pair):
    hr, lr = pair
    with pytest.raises(DataError, match="--lr: expected a folder of .*, got 1e-4; the step size is --learning-rate"):
        collection.find_pairs(hr, "1e-4", scale=4)
    with pytest.raises(DataError, match="--lr: expected a folder of low-resolution pictures, got nowhere$"):
        collection.find_pairs(hr, "nowhere", scale=4)
    with pytest.raises(DataError, match="--data: expected a folder of the originals of those in .*, got div2k"):
        collection.find_pairs("div2k", lr, scale=4)
    (lr / "below" / "b.png").unlink()
    with pytest.raises(DataError, match=r"lr: no picture for below/b.png$"):
        collection.find_pairs(hr, lr, scale=4)


def test_digest_of_pairs_covers_both(pair):
    hr, lr = pair
    alone = _digest(hr)
    first = collection.digest(collection.find_pairs(hr, lr, scale=4))
    assert first != alone
    Image.new("RGB", (10, 10)).save(lr / "a.png")
    assert collection.digest(collection.find_pairs(hr, lr, scale=4)) != first
