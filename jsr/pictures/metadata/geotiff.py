"""The place of a GeoTIFF on the earth, scaled with its pixels (OGC GeoTIFF 1.1, annex B; GDAL's own two tags)."""

import struct
from typing import NamedTuple

import numpy as np

from jsr.pictures.metadata.exif import Directory, Value

PIXEL_SCALE, TIE_POINTS, TRANSFORMATION, KEYS = 33550, 33922, 34264, 34735
TAGS = {PIXEL_SCALE, TIE_POINTS, TRANSFORMATION, KEYS, 34736, 34737, 42112, 42113}
RASTER_TYPE, PIXEL_IS_POINT = 1025, 2  # a key, and one of its values
DOUBLE = 12  # TIFF's type


class Geography(NamedTuple):
    """The tags of a picture of a known size, little-endian."""

    tags: Directory
    height: int
    width: int

    def scaled(self, height: int, width: int) -> Directory:
        """Returns the tags of the same picture in another size.

        Raster coordinates are those of a pixel's upper left corner, or of its centre where the keys say so.
        """
        x, y = width / self.width, height / self.height
        corner = 0.5 if self._is_point() else 0.0  # from the origin of the coordinates to the picture's corner
        tags = dict(self.tags)
        if (scale := _numbers(tags, PIXEL_SCALE, 3)) is not None:
            tags[PIXEL_SCALE] = _value(scale / (x, y, 1))
        if (points := _numbers(tags, TIE_POINTS, 6)) is not None:  # (i, j, k) in the raster, (x, y, z) on the earth
            points[:, :2] = (points[:, :2] + corner) * (x, y) - corner
            tags[TIE_POINTS] = _value(points)
        if (matrix := _numbers(tags, TRANSFORMATION, 16)) is not None:  # from (i, j, k, 1) to (x, y, z, 1)
            matrix = matrix.reshape(4, 4)
            smaller = np.diag([1 / x, 1 / y, 1, 1])
            smaller[:2, 3] = corner / x - corner, corner / y - corner
            tags[TRANSFORMATION] = _value(matrix @ smaller)
        return tags

    def _is_point(self) -> bool:
        keys = self.tags.get(KEYS)
        if not isinstance(keys, Value):
            return False
        shorts = np.frombuffer(keys.data, "<u2")
        entries = shorts[4 : len(shorts) // 4 * 4].reshape(-1, 4)  # key, place of its value, count, value
        return bool(((entries[:, 0] == RASTER_TYPE) & (entries[:, 3] == PIXEL_IS_POINT)).any())


def _numbers(tags: Directory, tag: int, count: int) -> np.ndarray | None:
    """Returns a tag's numbers, `[n, count]`, or None without any."""
    value = tags.get(tag)
    if not isinstance(value, Value) or value.type != DOUBLE or len(value.data) % (8 * count):
        return None
    return np.frombuffer(value.data, "<f8").reshape(-1, count).copy()


def _value(numbers: np.ndarray) -> Value:
    return Value(DOUBLE, struct.pack(f"<{numbers.size}d", *numbers.ravel()))
