"""Downloads: a large file, which is resumed where it was interrupted, or a page of text."""

import contextlib
import hashlib
import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from jsr.errors import DownloadError

TIMEOUT = 30  # seconds without a byte
CHUNK = 1 << 18  # bytes


def fetch(
    url: str,
    path: str | os.PathLike[str],
    *,
    sha256: str | None = None,
    md5: str | None = None,
    token: str | None = None,
    label: str | None = None,
) -> None:
    """Downloads a file, which appears at `path` complete or not at all.

    The bytes received so far are kept beside it, as `path` + ".part", and the next call resumes there.

    Args:
      sha256, md5: the expected hash in hex. Without either, a download starts from the beginning, because nothing
        could tell a mixture of two files from a whole one.
      token: a secret for the server of the address, and no other that it redirects to.
      label: name shown at the progress bar, which only a terminal gets; the file's name by default.

    Raises:
      DownloadError: the file cannot be downloaded or stored, or has another hash; then it is deleted.
    """
    path = Path(path)
    part = path.with_name(path.name + ".part")
    with _explained():
        path.parent.mkdir(parents=True, exist_ok=True)
        if not (sha256 or md5):
            part.unlink(missing_ok=True)
        _download(url, part, label or path.name, token)
        for method, expected in (("sha256", sha256), ("md5", md5)):
            if expected and (actual := _digest(part, method)) != expected.lower():
                part.unlink()
                raise DownloadError(f"expected a file of {method} {expected}, got {actual}")
        os.replace(part, path)


def page(url: str) -> tuple[str, str]:
    """Downloads a page of text; returns it, and its address after redirections.

    Raises:
      DownloadError: it cannot be downloaded, or is no UTF-8.
    """
    with _explained():
        request = urllib.request.Request(url, headers={"User-Agent": "jsr", "Accept": "text/html"})
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
            return response.read().decode("utf-8"), response.url


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    """Turns what a connection can raise into a `DownloadError` of one line."""
    try:
        yield
    except DownloadError:
        raise
    except urllib.error.HTTPError as e:
        e.close()  # it is a response, with an open socket
        raise DownloadError(f"the server answers {e.code} {e.reason}") from e
    except (OSError, http.client.HTTPException, ValueError) as e:  # ValueError: no address, or no UTF-8
        reason = getattr(e, "reason", e)  # of a URLError, often another OSError
        reason = getattr(reason, "strerror", None) or reason
        raise DownloadError(" ".join(str(reason).split()) or type(e).__name__) from e


def _download(url: str, part: Path, label: str, token: str | None) -> None:
    start = part.stat().st_size if part.exists() else 0
    headers = {"User-Agent": "jsr"} | ({"Range": f"bytes={start}-"} if start else {})
    request = urllib.request.Request(url, headers=headers)
    if token:
        request.add_unredirected_header("Authorization", f"Bearer {token}")
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as e:
        if e.code != 416 or not start:
            raise
        # The server has no bytes beyond ours: the part is complete already, or belongs to another file.
        e.close()
        if e.headers.get("Content-Range") != f"bytes */{start}":
            part.unlink()
            _download(url, part, label, token)
        return
    with response:
        if response.status != 206:  # the server ignores the range and sends the whole file
            start = 0
        length = response.headers.get("Content-Length")
        total = start + int(length) if length else None
        received = start
        bar = tqdm(desc=label, total=total, initial=start, unit="B", unit_scale=True, disable=None)
        with part.open("ab" if start else "wb") as file, bar:
            while chunk := response.read(CHUNK):
                file.write(chunk)
                received += len(chunk)
                bar.update(len(chunk))
    if total is not None and received != total:
        raise DownloadError(f"the connection ended after {received} of {total} bytes; try again to go on")


def _digest(path: Path, method: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, method).hexdigest()
