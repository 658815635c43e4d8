"""Tests ../jsr/manifest.py."""

import subprocess

import pytest

from jsr import manifest


@pytest.fixture
def folder(tmp_path):
    """Three files, one of them empty, one in a sub-folder with a name of two words."""
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "two words").write_bytes(b"abc")
    (tmp_path / "a").write_bytes(bytes(range(256)))
    (tmp_path / "empty").touch()
    manifest.write(tmp_path)
    return tmp_path


def test_what_was_written_is_whole(folder):
    assert manifest.exists(folder) and manifest.damage(folder) is None
    assert sorted(p.name for p in folder.iterdir()) == [manifest.NAME, "a", "d", "empty"]
    manifest.write(folder)  # again: the list does not list itself
    assert manifest.damage(folder) is None


def test_sha256sum_reads_it(folder):
    checked = subprocess.run(
        ["sha256sum", "-c", manifest.NAME], cwd=folder, capture_output=True, text=True
    )
    assert checked.returncode == 0
    assert checked.stdout.splitlines() == ["a: OK", "d/two words: OK", "empty: OK"]


def test_every_damage_is_named(folder):
    (folder / "a").write_bytes(bytes(256))
    assert manifest.damage(folder) == "a has changed"
    (folder / "a").write_bytes(bytes(range(255)))
    assert manifest.damage(folder) == "a has changed"
    (folder / "a").unlink()
    assert manifest.damage(folder) == "a is missing"
    (folder / "a").write_bytes(bytes(range(256)))
    (folder / ".DS_Store").touch()
    assert manifest.damage(folder) is None
    (folder / "b").touch()
    assert manifest.damage(folder) == "SHA256SUMS lacks b"


def test_a_damaged_list_is_damage(folder):
    """At every byte, flipped or cut off; at the end of a line, a file that it lacks tells."""
    path = folder / manifest.NAME
    whole = path.read_bytes()
    for i in range(len(whole)):
        for bit in (0, 7):
            path.write_bytes(whole[:i] + bytes([whole[i] ^ 1 << bit]) + whole[i + 1 :])
            assert manifest.damage(folder), (i, bit)
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert manifest.damage(folder), length
