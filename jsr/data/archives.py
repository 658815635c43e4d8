"""Zip archives of photographs, which datasets are distributed as.

They are read member by member and never unpacked, so a malicious member's name cannot lead outside a folder.
"""

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from jsr.errors import DataError
from jsr.files import checksums, download
from jsr.pictures import formats

MAX_MEMBER = 1 << 28  # bytes of a member; a larger one is no photograph but a decompression bomb


class Archive(NamedTuple):
    """A zip file at an address, with known content."""

    url: str
    size: int  # bytes
    sha256: str

    def fetch(self, folder: Path) -> Path:
        """Downloads the archive to a folder, unless it lies there already; returns its path.

        Raises:
          DataError: another file lies there.
          OSError: it cannot be downloaded or stored.
        """
        path = folder / self.url.rsplit("/", 1)[-1]
        if not path.exists():
            download.fetch(self.url, path, sha256=self.sha256)
        elif checksums.sha256(path) != self.sha256:
            raise DataError(f"{path}: expected SHA-256 {self.sha256}, got another file's")
        return path


def members(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yields the name and content of each picture file of an archive, sorted by name, without hidden ones.

    Raises:
      zipfile.BadZipFile: the archive is damaged, or has a larger member than MAX_MEMBER.
    """
    with zipfile.ZipFile(path) as archive:
        for member in sorted(archive.infolist(), key=lambda member: member.filename):
            name = member.filename
            is_hidden = name.rsplit("/", 1)[-1].startswith(".") or name.startswith("__MACOSX/")
            if is_hidden or not formats.is_picture(name):
                continue
            if member.file_size > MAX_MEMBER:
                raise zipfile.BadZipFile(f"{name} has {member.file_size} bytes")
            yield name, archive.read(member)  # which checks its CRC
