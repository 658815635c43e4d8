"""Tests ../../jsr/files/package_index.py with an index that is served here."""

import http.server

import pytest

from jsr.errors import DownloadError
from jsr.files import package_index
from tests import serving

# As pypi.org writes it: a hash behind each address, attributes in any order, characters escaped.
PAGE = """<!DOCTYPE html><html><head><title>Links for a-package</title></head><body><h1>Links for a-package</h1>
<a href="https://files.example/x/a_package-0.1.tar.gz#sha256=00" >a_package-0.1.tar.gz</a><br />
<a data-requires-python="&gt;=3.8" href="../../files/a_package-0.2.tar.gz#sha256=00">
  a_package-0.2.tar.gz
</a><br />
<a href="https://files.example/a_package-0.1.tar.gz.asc?a=1&amp;b=2">a_package-0.1.tar.gz.asc</a>
<p>a_package-0.3.tar.gz</p>
</body></html>"""


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/moved/a-package/":
            self.send_response(301)
            self.send_header("Location", "/simple/a-package/")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        if self.path not in ("/simple/a-package/", "/simple/binary/"):
            return self.send_error(404)
        content = PAGE.encode() if self.path == "/simple/a-package/" else b"\xff\xfe"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format, *args):
        pass


@pytest.fixture(scope="module")
def root():
    with serving.running(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as url:
        yield url


@pytest.mark.parametrize("folder", ["simple", "simple/", "moved"])
def test_find_gives_the_address_of_a_file(root, folder):
    """Relative ones too, from the address after redirections."""

    def find(file):
        return package_index.find("a-package", file, index=f"{root}/{folder}")

    assert find("a_package-0.1.tar.gz") == "https://files.example/x/a_package-0.1.tar.gz"
    assert find("a_package-0.2.tar.gz") == f"{root}/files/a_package-0.2.tar.gz"
    assert find("a_package-0.1.tar.gz.asc") == "https://files.example/a_package-0.1.tar.gz.asc?a=1&b=2"


@pytest.mark.parametrize(
    ("package", "message"),
    [
        ("a-package", "expected a link to a_package-0.3.tar.gz, got none"),
        ("another", "the server answers 404 Not Found"),
        ("binary", "invalid start byte"),
    ],
)
def test_find_names_the_page_in_one_line(root, package, message):
    with pytest.raises(DownloadError, match=f"^{root}/simple/{package}/: {message}") as caught:
        package_index.find(package, "a_package-0.3.tar.gz", index=f"{root}/simple")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("index", ["http://127.0.0.1:1/simple", "http://[a/simple", "https://a:b@c:d/simple"])
def test_find_names_an_index_that_cannot_be_reached(index):
    with pytest.raises(DownloadError, match="/simple/a-package/: "):
        package_index.find("a-package", "a", index=index)
