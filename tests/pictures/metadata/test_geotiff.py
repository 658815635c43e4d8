"""Tests ../../../jsr/pictures/metadata/geotiff.py: corners and centres of pixels lie where they lay on the earth."""

import numpy as np
import pytest
import tifffile

from jsr import infer
from tests import encoders

AREA, POINT = 1, 2
KEYS = (1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, AREA, 3072, 0, 1, 32633)


def corner(tags: dict, i: float, j: float) -> np.ndarray:
    """Returns the place on the earth of raster coordinates, measured from the picture's upper left corner.

    By the standard's own formulas: a tie point and a scale, y upwards, or a matrix.
    """
    if tags[34735][11] == POINT:  # coordinates are of centres: the corner is at -0.5
        i, j = i - 0.5, j - 0.5
    if 34264 in tags:
        return (np.reshape(tags[34264], (4, 4)) @ (i, j, 0, 1))[:2]
    ti, tj, _, x, y, _ = tags[33922][:6]
    sx, sy, _ = tags[33550]
    return np.array([x + (i - ti) * sx, y - (j - tj) * sy])


@pytest.mark.parametrize("is_point", [False, True])
@pytest.mark.parametrize("has_matrix", [False, True])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_every_corner_stays_where_it_was(tmp_path, is_point, has_matrix, dtype, order):
    keys = (*KEYS[:11], POINT, *KEYS[12:]) if is_point else KEYS
    place = [(33550, 12, 3, (10.0, 20.0, 0.0), True), (33922, 12, 6, (3.0, 5.0, 0.0, 4e5, 5e6, 0.0), True)]
    if has_matrix:  # turned by 30 degrees
        turned = (8.66, 5.0, 0.0, 4e5, 5.0, -8.66, 0.0, 5e6, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0)
        place = [(34264, 12, 16, turned, True)]
    tags = [*place, (34735, 3, len(keys), keys, True), (34737, 2, 0, "WGS 84|", True), (42113, 2, 0, "0", True)]
    pixels = encoders.smooth().astype(dtype)
    tifffile.imwrite(
        tmp_path / "a.tif", pixels, photometric="rgb", extratags=tags, metadata=None, byteorder=order, software=False
    )
    assert infer.main([str(tmp_path / "a.tif"), "-o", str(tmp_path / "b.tif"), "--model", "bicubic"]) == 0
    before, after = ({tag.code: tag.value for tag in _page(tmp_path / name).tags} for name in ("a.tif", "b.tif"))
    for i, j in ((0, 0), (32, 0), (0, 24), (32, 24), (7.25, 3.5)):
        np.testing.assert_allclose(corner(after, 4 * i, 4 * j), corner(before, i, j), rtol=0, atol=1e-6)
    for tag in (34735, 34737, 42113):
        assert after[tag] == before[tag]


def test_geotiff_is_noted_where_it_is_lost(tmp_path, capsys):
    tags = [(33550, 12, 3, (10.0, 20.0, 0.0), True)]
    for orientation, suffix, note in (
        (1, "png", "GeoTIFF's place on the earth is not kept: not written to PNG"),
        (6, "tif", "GeoTIFF's place on the earth is not kept: the picture is turned"),
    ):
        turn = [(274, 3, 1, orientation, True)]
        tifffile.imwrite(tmp_path / "a.tif", encoders.smooth(), photometric="rgb", extratags=tags + turn, metadata=None)
        command = [str(tmp_path / "a.tif"), "-o", str(tmp_path / f"b.{suffix}"), "--model", "bicubic"]
        assert infer.main(command) == 0
        assert f"  {note}\n" in capsys.readouterr().out


def _page(path) -> tifffile.TiffPage:
    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        assert isinstance(page, tifffile.TiffPage)
        [tag.value for tag in page.tags]  # read while the file is open
        return page
