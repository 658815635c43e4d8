"""Tests ../../jsr/data/archives.py."""

import hashlib
import zipfile

import pytest

from jsr.data import archives
from jsr.data.archives import Archive
from jsr.errors import DataError
from jsr.files import download


@pytest.fixture
def path(tmp_path):
    """Writes an archive of photographs, of hidden files and of another file."""
    names = ("b/0.PNG", "a.jpg", "__MACOSX/0.png", "b/.hidden.png", "readme.txt")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in names:
            archive.writestr(name, name.encode())
    return tmp_path / "a.zip"


def test_members_are_the_visible_pictures_in_order(path):
    assert list(archives.members(path)) == [("a.jpg", b"a.jpg"), ("b/0.PNG", b"b/0.PNG")]


def test_members_lead_nowhere(tmp_path):
    """Names such as ../a.png are only names, because no member is written."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("../a.png", b"1")
        archive.writestr("/b.png", b"2")
    assert dict(archives.members(tmp_path / "a.zip")) == {"../a.png": b"1", "/b.png": b"2"}
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.zip"]


def test_members_are_bounded_in_size(path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_MEMBER", 5)
    with pytest.raises(zipfile.BadZipFile, match="b/0.PNG has 7 bytes"):
        list(archives.members(path))


def test_fetch_takes_an_archive_that_lies_there(path, monkeypatch):
    """So a machine without a network can have a dataset too; but no other file of that name is taken."""
    monkeypatch.setattr(download, "fetch", lambda *_, **__: pytest.fail("fetched"))
    content = path.read_bytes()
    archive = Archive("http://localhost/a.zip", len(content), hashlib.sha256(content).hexdigest())
    assert archive.fetch(path.parent) == path
    path.write_bytes(b"another")
    with pytest.raises(DataError, match="a.zip: expected SHA-256 .*, got another file's"):
        archive.fetch(path.parent)
