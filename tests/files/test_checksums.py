"""Tests ../../jsr/files/checksums.py."""

import subprocess

import pytest

from jsr.files import checksums


@pytest.fixture
def folder(tmp_path):
    """Three files, one of them empty, one in a sub-folder with a name of two words."""
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "two words").write_bytes(b"abc")
    (tmp_path / "a").write_bytes(bytes(range(256)))
    (tmp_path / "empty").touch()
    checksums.write(tmp_path)
    return tmp_path


def test_sha256_is_that_of_sha256sum(folder):
    printed = subprocess.run(["sha256sum", folder / "a"], capture_output=True, text=True, check=True).stdout
    assert printed.split()[0] == checksums.sha256(folder / "a")


def test_what_was_written_is_whole(folder):
    assert checksums.exists(folder) and checksums.damage(folder) is None
    assert sorted(p.name for p in folder.iterdir()) == [checksums.NAME, "a", "d", "empty"]
    checksums.write(folder)  # again: the list does not list itself
    assert checksums.damage(folder) is None


def test_sha256sum_reads_it(folder):
    checked = subprocess.run(["sha256sum", "-c", checksums.NAME], cwd=folder, capture_output=True, text=True)
    assert checked.returncode == 0
    assert checked.stdout.splitlines() == ["a: OK", "d/two words: OK", "empty: OK"]


def test_every_damage_is_named(folder):
    (folder / "a").write_bytes(bytes(256))
    assert checksums.damage(folder) == "a has changed"
    (folder / "a").write_bytes(bytes(range(255)))
    assert checksums.damage(folder) == "a has changed"
    (folder / "a").unlink()
    assert checksums.damage(folder) == "a is missing"
    (folder / "a").write_bytes(bytes(range(256)))
    (folder / ".DS_Store").touch()
    assert checksums.damage(folder) is None
    (folder / "b").touch()
    assert checksums.damage(folder) == "SHA256SUMS lacks b"


def test_a_damaged_list_is_damage(folder):
    """At every byte, flipped or cut off; at the end of a line, a file that it lacks tells."""
    path = folder / checksums.NAME
    whole = path.read_bytes()
    for i in range(len(whole)):
        for bit in (0, 7):
            path.write_bytes(whole[:i] + bytes([whole[i] ^ 1 << bit]) + whole[i + 1 :])
            assert checksums.damage(folder), (i, bit)
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert checksums.damage(folder), length
