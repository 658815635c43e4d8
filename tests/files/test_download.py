"""Tests ../../jsr/files/download.py."""

import hashlib
import http.server
import re

import pytest

from jsr.errors import DownloadError
from jsr.files import download
from tests import serving

CONTENT = bytes(range(256)) * 4000  # about 1 MB: several chunks
SHA256, MD5 = hashlib.sha256(CONTENT).hexdigest(), hashlib.md5(CONTENT).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """Serves CONTENT as /a.bin."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.ranges = []  # what was asked for
        self.resumable = True
        self.until = None  # byte at which connections are cut
        self.url = f"http://127.0.0.1:{self.server_port}/a.bin"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        assert isinstance(server, Server)
        server.ranges.append(self.headers.get("Range"))
        if self.path != "/a.bin":
            return self.send_error(404)
        start = 0
        if server.resumable and (asked := re.match(r"bytes=(\d+)-", server.ranges[-1] or "")):
            start = int(asked[1])
            if start >= len(CONTENT):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(CONTENT)}")
                self.send_header("Content-Length", "0")
                return self.end_headers()
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        self.wfile.write(CONTENT[start : server.until])

    def log_message(self, format, *args):
        pass


@pytest.fixture
def server():
    server = Server()
    with serving.running(server):
        yield server


@pytest.fixture
def path(tmp_path):
    return tmp_path / "new" / "a.bin"  # in a folder that is made


def _part(path, content):
    path.parent.mkdir()
    part = path.with_name("a.bin.part")
    part.write_bytes(content)
    return part


def _only(path):
    """The file is there, whole, and nothing else."""
    assert path.read_bytes() == CONTENT
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("hashes", [{"sha256": SHA256}, {"md5": MD5.upper()}, {}])
def test_a_file_is_fetched(server, path, hashes, capsys):
    download.fetch(server.url, path, **hashes, label="a file")
    _only(path)
    assert server.ranges == [None]
    assert capsys.readouterr() == ("", "")  # the bar is for terminals


def test_a_cut_off_fetch_goes_on(server, path):
    """The second asks only for what is missing; the server's record says so."""
    server.until = 300_000
    with pytest.raises(DownloadError) as caught:
        download.fetch(server.url, path, sha256=SHA256)
    assert "\n" not in str(caught.value)
    assert not path.exists()
    have = path.with_name("a.bin.part").stat().st_size
    assert 0 < have <= 300_000
    server.until = None
    download.fetch(server.url, path, sha256=SHA256)
    _only(path)
    assert server.ranges == [None, f"bytes={have}-"]


def test_a_server_that_cannot_resume_sends_all(server, path):
    server.resumable = False
    _part(path, CONTENT[:1000])
    download.fetch(server.url, path, sha256=SHA256)
    _only(path)


def test_a_whole_part_is_taken(server, path):
    """The last fetch was ended between the last byte and the check."""
    _part(path, CONTENT)
    download.fetch(server.url, path, sha256=SHA256)
    _only(path)
    assert server.ranges == [f"bytes={len(CONTENT)}-"]


def test_a_part_longer_than_the_file_is_dropped(server, path):
    _part(path, CONTENT + b"more")
    download.fetch(server.url, path, sha256=SHA256)
    _only(path)
    assert len(server.ranges) == 2 and server.ranges[1] is None


def test_without_a_hash_a_fetch_starts_anew(server, path):
    """The part may be another file's, and nothing would tell."""
    _part(path, b"another")
    download.fetch(server.url, path)
    _only(path)


@pytest.mark.parametrize("hashes", [{"sha256": "0" * 64}, {"md5": "0" * 32}])
def test_another_file_is_refused_and_deleted(server, path, hashes):
    ((method, expected),) = hashes.items()
    with pytest.raises(DownloadError, match=f"expected a file of {method} {expected}, got "):
        download.fetch(server.url, path, **hashes)
    assert list(path.parent.iterdir()) == []


def test_a_part_of_another_file_is_deleted(server, path):
    """So that the next call succeeds."""
    _part(path, b"another")
    with pytest.raises(DownloadError, match="expected a file of sha256"):
        download.fetch(server.url, path, sha256=SHA256)
    download.fetch(server.url, path, sha256=SHA256)
    _only(path)


def test_errors_are_one_line(server, path, tmp_path):
    with pytest.raises(DownloadError, match="^the server answers 404 Not Found$"):
        download.fetch(server.url + "x", path)
    closed = "http://127.0.0.1:1/a.bin"
    with pytest.raises(DownloadError, match="^Connection refused$"):
        download.fetch(closed, path)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DownloadError, match="^(File exists|Not a directory)$"):
        download.fetch(server.url, tmp_path / "file" / "a.bin")


def test_a_silent_server_is_given_up(server, path, monkeypatch):
    """A socket that listens but never answers."""
    import socket

    monkeypatch.setattr(download, "TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with pytest.raises(DownloadError, match="timed out"):
            download.fetch(f"http://127.0.0.1:{silent.getsockname()[1]}/a.bin", path)
