"""Tests ../../jsr/files/temporary.py."""

import os
import subprocess
import sys
import tempfile

import pytest

from jsr.files import temporary


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_folder_is_private_and_goes_with_its_contents(place):
    with pytest.raises(KeyboardInterrupt):  # by whatever it ends
        with temporary.folder("ours-") as folder:
            assert os.name == "nt" or folder.stat().st_mode & 0o777 == 0o700
            (folder / "sub").mkdir()
            (folder / "sub" / "file").write_bytes(b"content")
            raise KeyboardInterrupt
    assert list(place.iterdir()) == []


def test_folder_of_a_killed_process_goes_and_others_stay(place):
    code = "from jsr.files import temporary; import os\nwith temporary.folder('ours-'): os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", code], env=os.environ | {"TMPDIR": str(place)}, check=False)
    (killed,) = place.iterdir()
    (place / "ours-by-name-alone").mkdir()
    (place / "ours-file").write_text("")
    if os.name != "nt":  # where links need a privilege
        (place / "ours-link").symlink_to(killed)
    with temporary.folder("ours-") as first, temporary.folder("ours-") as second:
        assert first.is_dir() and second.is_dir() and not killed.exists()
    assert {path.name for path in place.iterdir()} - {"ours-link"} == {"ours-by-name-alone", "ours-file"}
