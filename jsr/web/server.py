"""The server of the page: its requests and answers.

    GET     /, /page.css, ...          the files of the page
    POST    /token                     the token, for a key that works once
    GET     /settings                  the models and the limits
    POST    /uploads                   a picture; answers with its id and size
    GET     /uploads/ID                the picture as a browser shows it
    DELETE  /uploads/ID                removes it with its jobs
    POST    /jobs                      {"upload": ID, "model": NAME, "texture": T, "restore": R}; answers with its id
    GET     /jobs                      the states of all jobs
    DELETE  /jobs/ID                   cancels it
    GET     /jobs/ID/view              the result as a browser shows it
    GET     /jobs/ID/result?format=jpg

All but the first two need the token. No part of a request becomes the name of a file.
"""

import http.server
import json
import os
import re
import secrets
import shutil
import sys
import traceback
import urllib.parse
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from jsr.errors import ConfigError, Error
from jsr.web import views
from jsr.web.access import ADDRESS, Access, Refusal
from jsr.web.choices import Offer
from jsr.web.jobs import Job
from jsr.web.queue import FullError, Queue
from jsr.web.views import View

MAX_UPLOAD = 200_000_000  # bytes
MAX_ORDER = 4096  # bytes of a job's description
PAGE = Path(__file__).with_name("page")
KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
FILES = {f"/{path.name}": path for path in PAGE.iterdir()} | {"/": PAGE / "page.html"}
NONCE = "NONCE"  # stands for it in page.html
POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src 'self' blob:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
STATUSES = {FullError: HTTPStatus.SERVICE_UNAVAILABLE, ConfigError: HTTPStatus.BAD_REQUEST}


class Server(http.server.ThreadingHTTPServer):
    """Answers each request in a thread of its own."""

    daemon_threads = True
    allow_reuse_address = os.name != "nt"  # On Windows, it would let another program take over the port.

    def __init__(self, port: int, queue: Queue, offer: Offer) -> None:
        """Binds the server.

        Args:
          port: 0 for any that is free.

        Raises:
          OSError: the port is taken.
        """
        super().__init__((ADDRESS, port), Handler)
        self.queue, self.offer, self.access = queue, offer, Access(self.server_port)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Prints the traceback of a bug, but nothing where a browser has gone."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers one request; the connection ends with it, so that no unread body is taken for another request."""

    server: Server  # pyright: ignore[reportIncompatibleVariableOverride]
    timeout = 30  # seconds without a byte

    def do_GET(self) -> None:
        """Answers GET."""
        self._answer(self._get)

    def do_POST(self) -> None:
        """Answers POST."""
        self._answer(self._post)

    def do_DELETE(self) -> None:
        """Answers DELETE."""
        self._answer(self._delete)

    def version_string(self) -> str:
        """Names the server without Python's version."""
        return "jsr"

    def log_message(self, format: str, *args: Any) -> None:
        """Prints nothing, because the page shows what there is to say."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answers in one line where `http.server` finds that a request is none."""
        self._send(HTTPStatus(code), {"error": HTTPStatus(code).phrase})

    def _answer(self, method: Callable[[str, str], None]) -> None:
        path, _, query = self.path.partition("?")
        access = self.server.access
        try:
            access.check_site(self.headers)
            if self.command == "GET" and path in FILES:
                self._send_page(FILES[path])
            elif self.command == "POST" and path == "/token":
                self._send(HTTPStatus.OK, {"token": access.exchange(self.headers)})
            else:
                access.check_token(self.headers)
                method(path, query)
        except Refusal as refusal:
            self._send(refusal.status, {"error": str(refusal)})
        except Error as error:
            self._send(STATUSES.get(type(error), HTTPStatus.UNPROCESSABLE_ENTITY), {"error": str(error)})
        except (ConnectionError, TimeoutError):
            raise
        except OSError as error:
            self._send(HTTPStatus.INSUFFICIENT_STORAGE, {"error": f"cannot be stored: {error.strerror or error}"})
        except Exception:
            traceback.print_exc()
            line = "a bug of jsr: please report it, with the traceback in the terminal"
            self._send(HTTPStatus.INTERNAL_SERVER_ERROR, {"error": line})

    def _get(self, path: str, query: str) -> None:
        queue = self.server.queue
        match path.split("/"):
            case ["", "settings"]:
                self._send(HTTPStatus.OK, self.server.offer.describe() | {"maxBytes": MAX_UPLOAD})
            case ["", "jobs"]:
                self._send(HTTPStatus.OK, {"jobs": queue.states()})
            case ["", "uploads", name] if upload := queue.upload(name):
                self._send_view(upload.view)
            case ["", "jobs", name, "view"] if job := self._finished(name):
                self._send_view(job.view)
            case ["", "jobs", name, "result"] if job := self._finished(name):
                self._send_result(job, urllib.parse.parse_qs(query).get("format", [""])[0])
            case _:
                raise _missing()

    def _post(self, path: str, query: str) -> None:
        queue = self.server.queue
        if path == "/uploads":
            upload = queue.receive(self.rfile, self._length(MAX_UPLOAD))
            view = upload.view
            size = {"height": view.height, "width": view.width, "hasView": view.path is not None}
            self._send(HTTPStatus.CREATED, {"id": upload.id} | size)
        elif path == "/jobs":
            order = self._order()
            model = self.server.offer.model(order)
            job = queue.add(str(order.get("upload")), model)
            if job is None:
                raise _missing()
            self._send(HTTPStatus.CREATED, {"id": job.id})
        else:
            raise _missing()

    def _delete(self, path: str, query: str) -> None:
        queue = self.server.queue
        match path.split("/"):
            case ["", "uploads", name] if upload := queue.upload(name):
                queue.remove(upload)
            case ["", "jobs", name] if job := queue.job(name):
                queue.cancel(job)
            case _:
                raise _missing()
        self._send(HTTPStatus.OK, {})

    def _finished(self, name: str) -> Job | None:
        job = self.server.queue.job(name)
        return job if job and job.state == "done" else None

    def _length(self, most: int) -> int:
        """Returns the length of the body, before a byte of it is read.

        Raises:
          Refusal: no length, or one that is too large.
        """
        lengths = self.headers.get_all("Content-Length", [])
        if "Transfer-Encoding" in self.headers or len(lengths) != 1 or not re.fullmatch("[0-9]{1,18}", lengths[0]):
            raise Refusal(HTTPStatus.LENGTH_REQUIRED, "expected the length before the content")
        if int(lengths[0]) > most:
            raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"expected up to {most} bytes, got {lengths[0]}")
        return int(lengths[0])

    def _order(self) -> dict[str, Any]:
        """Reads a job's description.

        Raises:
          Refusal: it is no JSON object.
        """
        try:
            order = json.loads(self.rfile.read(self._length(MAX_ORDER)))
        except (ValueError, RecursionError):
            order = None
        if not isinstance(order, dict):
            raise Refusal(HTTPStatus.BAD_REQUEST, "expected the description of a job as JSON")
        return order

    def _send_page(self, path: Path) -> None:
        content, nonce = path.read_bytes(), secrets.token_urlsafe(16)
        if path.suffix == ".html":
            content = content.replace(NONCE.encode(), nonce.encode())
        policy = {"Content-Security-Policy": POLICY.format(nonce=nonce)}
        self._send_bytes(HTTPStatus.OK, content, f"{KINDS[path.suffix]}; charset=utf-8", policy)

    def _send_view(self, view: View | None) -> None:
        if view is None or view.path is None:
            raise _missing()
        self._send_file(view.path, views.media_type(view.path))

    def _send_result(self, job: Job, name: str) -> None:
        assert job.view
        if name not in views.downloads(job.upload.view, job.view.height, job.view.width):
            raise Refusal(HTTPStatus.BAD_REQUEST, f"format: expected one that the page offers, got {name}")
        path, notes = self.server.queue.convert(job, f".{name}")
        self._send_file(path, "application/octet-stream", {"X-Notes": json.dumps(notes)})

    def _send_file(self, path: Path, kind: str, headers: Mapping[str, str] | None = None) -> None:
        try:
            file = open(path, "rb")
        except FileNotFoundError:  # removed meanwhile
            raise _missing() from None
        with file:
            length = os.fstat(file.fileno()).st_size
            self._send_head(HTTPStatus.OK, length, kind, {"Content-Disposition": "attachment", **(headers or {})})
            shutil.copyfileobj(file, self.wfile)

    def _send(self, status: HTTPStatus, content: Mapping[str, Any]) -> None:
        self._send_bytes(status, json.dumps(content).encode() + b"\n", "application/json", {})

    def _send_bytes(self, status: HTTPStatus, content: bytes, kind: str, headers: Mapping[str, str]) -> None:
        self._send_head(status, len(content), kind, headers)
        self.wfile.write(content)

    def _send_head(self, status: HTTPStatus, length: int, kind: str, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        fields = {**HEADERS, "Content-Type": kind, "Content-Length": str(length), **headers}
        for field, value in fields.items():
            self.send_header(field, value)
        self.end_headers()


def _missing() -> Refusal:
    return Refusal(HTTPStatus.NOT_FOUND, "there is nothing here; it may have been removed")
