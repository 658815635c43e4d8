"""Tests ../../jsr/data/datasets.py."""

import hashlib
import importlib.util
import io
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jsr.data import datasets, patches
from jsr.data.archives import Archive
from jsr.errors import DataError
from jsr.files import download
from tests import serving


def _png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def _pixels(rng, height=40, width=50):
    return rng.integers(0, 256, (height, width, 3), np.uint8)


def _zip(path, members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    content = path.read_bytes()
    return len(content), hashlib.sha256(content).hexdigest()


@pytest.fixture
def served(tmp_path):
    """A folder, and the address that its files are served at."""
    folder = tmp_path / "served"
    folder.mkdir()
    with serving.folder(folder) as url:
        yield folder, url


@pytest.fixture
def pair(served, rng, monkeypatch):
    """A small div2k and its pictures by split and name."""
    folder, url = served
    pictures = {
        "train": {f"DIV2K_train_HR/{i:04}.png": _pixels(rng) for i in range(12)},
        "validation": {f"DIV2K_valid_HR/{i:04}.png": _pixels(rng) for i in range(4)},
    }
    archives = {}
    for split, members in pictures.items():
        content = {name: _png(pixels) for name, pixels in members.items()}
        content |= {"__MACOSX/0000.png": b"none", "set/.hidden.png": b"none", "readme.txt": b"none"}
        size, sha256 = _zip(folder / f"{split}.zip", content)
        archives[split] = Archive(f"{url}/{split}.zip", size, sha256)
    monkeypatch.setitem(datasets.DATASETS, "div2k", archives)
    return pictures


def test_source_gives_the_pictures_of_the_archives(pair, tmp_path):
    home = datasets.prepare("div2k", data_dir=tmp_path / "d")
    assert home == tmp_path / "d" / "jsr" / "div2k" / "1.0.0"
    assert list(home.glob("*.array_record*"))
    for split, expected in pair.items():
        source = datasets.source("div2k", data_dir=tmp_path / "d", split=split)
        read = {example["name"].decode(): example["hr"] for example in source}
        assert read.keys() == expected.keys()
        assert all(np.array_equal(read[name], expected[name]) for name in read)


def test_photographs_are_trained_on(pair, tmp_path):
    """By the name alone, which fetches the dataset; pictures of its own validation split are held out."""
    options = {"size": 24, "cache_dir": tmp_path / "c", "data_dir": tmp_path / "d"}
    pictures = patches.load("div2k", **options)
    assert pictures.description == "12 pictures, 0.0 Mpx, 1 more held out"
    expected = sorted(p.tobytes() for p in pair["train"].values())
    assert sorted(p[:40, :50].tobytes() for p in pictures.patches) == expected
    (middle,) = pictures.validation
    assert any(np.array_equal(middle, p[2:38, 1:49]) for p in pair["validation"].values())
    again = patches.load("div2k", **options)
    assert again.description == pictures.description
    assert len(list((tmp_path / "c").iterdir())) == 1


def test_prepare_fetches_once(pair, tmp_path, monkeypatch):
    home = datasets.prepare("div2k", data_dir=tmp_path)
    monkeypatch.setattr(datasets, "_fetched", lambda *_: pytest.fail("fetched a second time"))
    assert datasets.prepare("div2k", data_dir=tmp_path) == home


def test_prepare_takes_archives_put_in_place(pair, served, tmp_path, monkeypatch):
    """So that a machine without a network can have a dataset too."""
    downloads = tmp_path / "d" / "jsr" / "downloads"
    downloads.mkdir(parents=True)
    for archive in served[0].glob("*.zip"):
        (downloads / archive.name).write_bytes(archive.read_bytes())
    monkeypatch.setattr(download, "fetch", lambda *_, **__: pytest.fail("fetched"))
    datasets.prepare("div2k", data_dir=tmp_path / "d")


def test_photographs_may_be_grey_or_turned(served, rng, monkeypatch, tmp_path):
    """coco2014 has both kinds. It has no validation split, so a tenth is held out: of two pictures, none."""
    folder, url = served
    grey, colour = rng.integers(0, 256, (40, 50), np.uint8), _pixels(rng)
    turned, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(colour).save(turned, "PNG", exif=exif)
    size, sha256 = _zip(folder / "t.zip", {"a.png": _png(grey), "b.png": turned.getvalue()})
    archive = Archive(f"{url}/t.zip", size, sha256)
    monkeypatch.setitem(datasets.DATASETS, "coco2014", {"train": archive})
    pictures = patches.load("coco2014", size=24, cache_dir=tmp_path / "c", data_dir=tmp_path / "d")
    read = [p[:h, :w] for p, (h, w) in zip(pictures.patches, pictures.sizes, strict=True)]
    expected = [np.stack([grey] * 3, -1), np.rot90(colour, -1)]
    for picture in expected:
        assert any(np.array_equal(picture, r) for r in read)
    assert len(read) == 2 and pictures.validation == []


def test_prepare_stores_a_folder_under_its_name(tmp_path, rng):
    folder = tmp_path / "My pictures"
    folder.mkdir()
    pixels = _pixels(rng)
    (folder / "a.png").write_bytes(_png(pixels))
    home = datasets.prepare(str(folder), data_dir=tmp_path / "d")
    assert home.parent.name == "My_pictures"
    assert "My_pictures" in datasets.names(tmp_path / "d")
    (example,) = datasets.source("My_pictures", data_dir=tmp_path / "d")
    assert np.array_equal(example["hr"], pixels) and example["name"] == b"a.png"
    with pytest.raises(DataError, match="expected a new name, .* delete it"):
        datasets.prepare(str(folder), data_dir=tmp_path / "d")


def test_prepare_and_source_list_the_names(tmp_path):
    for function in (datasets.prepare, datasets.source, datasets.photographs):
        with pytest.raises(DataError) as caught:
            function("imagenet", data_dir=tmp_path)
        assert str(caught.value) == ("imagenet: expected a folder of pictures or one of coco2014, div2k")
    with pytest.raises(DataError, match="^no/such/dir: expected a folder"):
        patches.load("no/such/dir", size=24, cache_dir=tmp_path, data_dir=tmp_path)


def test_source_lists_the_splits(pair, tmp_path):
    with pytest.raises(DataError, match="div2k: expected a split of train, validation, got x"):
        datasets.source("div2k", data_dir=tmp_path, split="x")


def _refused(tmp_path):
    with pytest.raises(DataError) as caught:
        datasets.prepare("div2k", data_dir=tmp_path / "d")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "d" / "jsr" / "div2k" / "1.0.0").exists()
    return str(caught.value)


def test_prepare_says_what_to_do_when_a_download_fails(pair, served, tmp_path):
    (served[0] / "train.zip").unlink()
    message = _refused(tmp_path)
    assert message.startswith(f"div2k: cannot fetch {served[1]}/train.zip (0.0 GB): ")
    assert "--data DIR" in message
    assert message.endswith("run python -m jsr.prepare div2k")


def test_prepare_refuses_a_download_with_another_hash(pair, served, tmp_path):
    _zip(served[0] / "train.zip", {"a.png": b"another"})
    assert "cannot fetch" in _refused(tmp_path)
    assert not (tmp_path / "d" / "jsr" / "downloads" / "train.zip").exists()


def test_prepare_refuses_a_broken_archive(pair, served, tmp_path, monkeypatch):
    """Broken as it was published; otherwise its hash would differ."""
    for content in (b"no archive", None):
        path = served[0] / "train.zip"
        if content is None:
            _zip(path, {"a.png": bytes(100)})
            content = path.read_bytes().replace(bytes(100), bytes(99) + b"x")
        path.write_bytes(content)
        sha256 = hashlib.sha256(content).hexdigest()
        archive = datasets.DATASETS["div2k"]["train"]._replace(sha256=sha256)
        monkeypatch.setitem(datasets.DATASETS["div2k"], "train", archive)
        assert "div2k: an archive is broken" in _refused(tmp_path)
        (tmp_path / "d" / "jsr" / "downloads" / "train.zip").unlink()


@pytest.mark.parametrize("name", ["div2k", "folder"])
def test_prepare_without_array_record_names_the_alternative(folder, tmp_path, monkeypatch, name):
    """It has no build for Windows."""
    monkeypatch.setitem(sys.modules, "array_record", None)  # so that its import fails
    expected = "named datasets need array_record, .* no Windows build; a folder of pictures works: --data DIR$"
    with pytest.raises(DataError, match=expected):
        datasets.prepare(str(folder) if name == "folder" else name, data_dir=tmp_path)


def test_datasets_have_the_archives_that_tfds_records():
    """An independent record: the checksum files of TensorFlow Datasets."""
    spec = importlib.util.find_spec("tensorflow_datasets")
    assert spec and spec.origin
    root = Path(spec.origin).parent
    files = [root / "datasets/div2k/checksums.tsv", root / "url_checksums/coco2014.txt"]
    lines = [line.split("\t") for file in files for line in file.read_text().splitlines()]
    recorded = {url: (int(size), sha256) for url, size, sha256, *_ in lines}
    for splits in datasets.DATASETS.values():
        for archive in splits.values():
            assert recorded[archive.url] == (archive.size, archive.sha256)


def test_default_dir_is_that_of_tfds(monkeypatch, tmp_path):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    assert datasets.default_dir() == tmp_path
    monkeypatch.delenv("TFDS_DATA_DIR")
    assert datasets.default_dir() == Path.home() / "tensorflow_datasets"
