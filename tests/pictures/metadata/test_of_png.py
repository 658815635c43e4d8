"""Tests ../../../jsr/pictures/metadata/of_png.py; test_record.py goes from file to file."""

import io

from jsr.pictures.metadata import of_png
from tests import encoders


def test_read_asks_for_no_more_than_there_is():
    """A chunk may claim four gigabytes, and reading them would allocate them first."""

    class Counted(io.BytesIO):
        most = 0

        def read(self, size=-1, /):
            self.most = max(self.most, size or 0)
            return super().read(size)

    text = encoders.chunk(b"tEXt", b"Title\0one")
    lie = (2**32 - 1).to_bytes(4, "big") + b"tEXtTitle\0two"
    file = Counted(encoders.bare_png(b"", 4, 4)[:33] + text + lie)
    assert of_png.read(file).metadata.text == ((b"tEXt", b"Title\0one"),)
    assert file.most < 100
