"""Servers on this machine, for tests of what is downloaded."""

import contextlib
import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path


class _Files(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format, *args):
        pass


@contextlib.contextmanager
def running(server: http.server.HTTPServer) -> Iterator[str]:
    """Runs a server; gives its address."""
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@contextlib.contextmanager
def folder(path: Path) -> Iterator[str]:
    """Serves the files of a folder; gives its address."""
    handler = functools.partial(_Files, directory=str(path))
    with running(http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)) as url:
        yield url
