"""Tests ../../jsr/files/streams.py."""

import io
import os
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from jsr.files import streams


def _written(path, content):
    """Writes into a named pipe, which waits for its reader."""
    thread = threading.Thread(target=path.write_bytes, args=(content,))
    thread.start()
    return thread


def test_files_and_folders_are_no_streams(tmp_path):
    (tmp_path / "a.png").touch()
    os.mkfifo(tmp_path / "pipe")
    paths = [tmp_path, tmp_path / "a.png", tmp_path / "missing", "-o", ""]
    assert not any(streams.is_stream(path) for path in paths)
    assert all(streams.is_stream(path) for path in (Path("-"), tmp_path / "pipe", "/dev/stdin", Path("/dev/fd/63")))


def test_as_files_leaves_files_as_they_are(tmp_path, monkeypatch):
    """Without a temporary folder, which there may be no place for."""
    monkeypatch.setattr(streams.tempfile, "TemporaryDirectory", lambda **_: pytest.fail("a folder was made"))
    with streams.as_files([tmp_path / "a.png"], "b.png", suffix=".png") as files:
        assert files == ([tmp_path / "a.png"], "b.png", {})
        assert files.name(tmp_path / "a.png") == str(tmp_path / "a.png")


def test_as_files_stores_each_input_and_knows_its_name(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"standard")))
    thread = _written(tmp_path / "pipe", b"named")
    inputs = [Path("-"), tmp_path / "a.png", tmp_path / "pipe"]
    with streams.as_files(inputs, None, suffix=".png") as files:
        first, second, third = files.inputs
        assert (first.read_bytes(), second, third.read_bytes()) == (b"standard", tmp_path / "a.png", b"named")
        assert [files.name(path) for path in files.inputs] == [str(path) for path in inputs]
    thread.join()
    assert not first.exists() and not third.exists()


def test_as_files_copies_a_result_that_exists(tmp_path):
    for content in (b"a picture", None):
        os.mkfifo(tmp_path / "pipe")
        received = []
        thread = threading.Thread(target=lambda pipe=tmp_path / "pipe", r=received: r.append(pipe.read_bytes()))
        if content:
            thread.start()
        with streams.as_files([], str(tmp_path / "pipe"), suffix=".webp") as files:
            assert files.output and files.output.endswith(".webp")
            assert files.name(Path(files.output)) == str(tmp_path / "pipe")
            if content:
                Path(files.output).write_bytes(content)
        if content:
            thread.join()
        assert received == ([content] if content else [])
        (tmp_path / "pipe").unlink()


def test_as_files_copies_nothing_after_an_error(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(KeyError), streams.as_files([], str(tmp_path / "pipe"), suffix=".png") as files:
        Path(str(files.output)).touch()
        raise KeyError  # opening the pipe would wait for its reader
