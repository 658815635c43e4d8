"""Comparisons that tests of picture files share, and a writer of 16-bit PNG that is not ours."""

from pathlib import Path

import numpy as np
import png
from PIL import Image

from jsr.pictures import Picture


def stored(path: str | Path) -> np.ndarray:
    """Returns the samples of a file as Pillow reads them."""
    with Image.open(path) as image:
        return np.asarray(image)


def loaded(content: bytes | None) -> Image.Exif:
    """Parses EXIF."""
    assert content is not None
    exif = Image.Exif()
    exif.load(content)
    return exif


def equal(picture: Picture, pixels: np.ndarray, alpha: np.ndarray | None = None) -> None:
    """Asserts values, types and memory order of a picture."""
    assert picture.pixels.dtype == pixels.dtype and picture.pixels.flags.c_contiguous
    np.testing.assert_array_equal(picture.pixels, pixels)
    if alpha is None:
        assert picture.alpha is None
    else:
        assert picture.alpha is not None and picture.alpha.dtype == pixels.dtype
        np.testing.assert_array_equal(picture.alpha, alpha)


def write_png16(path: Path, samples: np.ndarray, *, interlace: bool = False, transparent: object = None) -> None:
    """Writes 16-bit samples `[h, w]` or `[h, w, c]` by pypng."""
    planes = samples.shape[2] if samples.ndim == 3 else 1
    writer = png.Writer(
        samples.shape[1],
        samples.shape[0],
        bitdepth=16,
        greyscale=planes < 3,
        alpha=planes in (2, 4),
        interlace=interlace,
        transparent=transparent,
    )
    with path.open("wb") as file:
        writer.write(file, samples.reshape(len(samples), -1).tolist())
