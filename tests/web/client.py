"""Requests to a server of the page, as `http.client` makes them, and the pictures that the tests send."""

import contextlib
import http.client
import io
import json
import threading
import time
from email.message import Message
from typing import Any

import numpy as np
from PIL import Image

from jsr.web import choices
from jsr.web.queue import Queue
from jsr.web.server import Server


@contextlib.contextmanager
def serving(folder, *, max_pixels=10**6, model="bicubic"):
    """Runs a server on a free port."""
    queue = Queue(folder, precision="fp32", max_pixels=max_pixels)
    with Server(0, queue, choices.offer(model)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            secrets = (
                address.rpartition("=")[2] for address in (server.access.address, server.access.address_for_once)
            )
            yield Client(server.server_port, *secrets)
        finally:
            server.shutdown()
            thread.join()
            queue.close()


class Client:
    """A page without a browser."""

    def __init__(self, port, token, key):
        self.port, self.token, self.key = port, token, key

    def ask(self, method, path, body=None, **headers) -> tuple[int, Any, Message]:
        """Returns status, content (of JSON, what it says) and headers of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        with contextlib.closing(connection):
            given = {"X-Token": self.token} | {name.replace("_", "-"): value for name, value in headers.items()}
            given = {name: value for name, value in given.items() if value is not None}
            body = json.dumps(body) if isinstance(body, dict) else body
            connection.request(method, path, body, given)
            answer = connection.getresponse()
            content = answer.read()
            if answer.headers["Content-Type"] == "application/json":
                content = json.loads(content)
            return answer.status, content, answer.headers

    def upload(self, content):
        status, answer, _ = self.ask("POST", "/uploads", content)
        assert status == 201, answer
        return answer

    def start(self, content, model="bicubic", **options):
        """Uploads a picture and starts a job; returns both ids."""
        upload = self.upload(content)["id"]
        status, answer, _ = self.ask("POST", "/jobs", {"upload": upload, "model": model, **options})
        assert status == 201, answer
        return upload, answer["id"]

    def state(self, job):
        return next(state for state in self.ask("GET", "/jobs")[1]["jobs"] if state["id"] == job)

    def finish(self, job):
        """Waits for a job; returns its last state."""
        end = time.monotonic() + 60
        while (state := self.state(job))["state"] in ("waiting", "running"):
            assert time.monotonic() < end, state
            time.sleep(0.02)
        return state

    def result(self, job, name="png"):
        status, content, _ = self.ask("GET", f"/jobs/{job}/result?format={name}")
        assert status == 200, content
        return content


def encoded(height=6, width=8, *, kind="PNG", seed=0, **options):
    """Returns a picture file of noise."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


def decoded(content):
    """Returns the samples of a picture file, as Pillow reads them."""
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image)
