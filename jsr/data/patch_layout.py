"""The geometry of patches: where they lie in a photograph, and which part of a held-out one is kept.

Photographs are RGB uint8 `[h, w, 3]`; lengths are in pixels. Patches overlap so far that every window of `size` pixels
lies within one of them. A photograph that has a low-resolution picture of its own is cut only at multiples of the
scale, `grid`, and so are its windows; all its lengths are such multiples.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int, UInt8

# The largest side of a patch. Patches are drawn uniformly, each as often as a whole small photograph, so the pixels of
# much larger patches would be drawn too rarely.
MAX_SIDE = 1024
MIDDLE_SIDE = 384  # the largest side of a held-out photograph, which is upscaled again and again
MIDDLE_MULTIPLE = 12  # of a held-out photograph's sides: the scales 2, 3 and 4 divide it


class Aligned(NamedTuple):
    """Photographs, patches or crops with the low-resolution ones that belong to them."""

    hr: UInt8[Any, "*n sh sw 3"]
    lr: UInt8[Any, "*n h w 3"]

    @property
    def scale(self) -> int:
        """High-resolution pixels in a low-resolution one."""
        return self.hr.shape[-2] // self.lr.shape[-2]


def best_side(shapes: Iterable[tuple[int, int]], *, size: int, grid: int = 1) -> int:
    """Returns the side of the patches that store photographs of these shapes in the fewest bytes.

    Large patches overlap less: with windows of 112 pixels, patches of 256 store a photograph of 2040x1356 three times
    over, and patches of 756 one and a quarter times. But the last patch of a row overlaps more, or is padded, where the
    side does not divide the width.
    """
    frequencies = Counter(shapes)
    edges, times = np.array([*frequencies]), np.array([*frequencies.values()])

    def stored_pixels(side: int) -> int:
        return int(side**2 * (times * counts(edges, side=side, size=size, grid=grid).prod(axis=1)).sum())

    return min(range(size, max(size, MAX_SIDE) + 1, grid), key=stored_pixels)


def counts(lengths: Int[np.ndarray, "*shape"], *, side: int, size: int, grid: int = 1) -> Int[np.ndarray, "*shape"]:
    """Returns how many patches edges of these lengths need."""
    stride = side - size + grid  # the largest that leaves no window between two patches
    rest = np.maximum(lengths - side, 0)  # beyond the first patch
    return 1 + -(-rest // stride)  # the quotient rounded up


def origins(length: int, *, side: int, size: int, grid: int = 1) -> list[int]:
    """Returns where the patches along an edge start: evenly spaced, from 0 to the place where the last fits."""
    last = max(length - side, 0)
    steps = int(counts(np.array([length]), side=side, size=size, grid=grid)[0]) - 1
    return [i * last // max(steps, 1) // grid * grid for i in range(steps + 1)]


def cut(
    image: UInt8[np.ndarray, "h w 3"] | Aligned, *, side: int, size: int, grid: int = 1
) -> tuple[UInt8[np.ndarray, "n side side 3"] | Aligned, list[tuple[int, int]]]:
    """Cuts a photograph into patches, and its low-resolution counterpart at the same places.

    Returns:
      the patches, padded with zeros on the right and below where the photograph is smaller; and of each, the rows and
      columns that are photograph.
    """
    if isinstance(image, Aligned):
        scale = image.scale
        patches, sizes = cut(image.hr, side=side, size=size, grid=scale)
        return Aligned(patches, cut(image.lr, side=side // scale, size=size // scale)[0]), sizes
    height, width = image.shape[:2]
    rows, columns = (origins(length, side=side, size=size, grid=grid) for length in (height, width))
    starts = [(y, x) for y in rows for x in columns]
    shape = min(height, side), min(width, side)
    patches = np.zeros((len(starts), side, side, 3), np.uint8)
    for patch, (y, x) in zip(patches, starts, strict=True):
        patch[: shape[0], : shape[1]] = image[y : y + side, x : x + side]
    return patches, [shape] * len(starts)


def middle(image: UInt8[np.ndarray, "h w 3"] | Aligned) -> UInt8[np.ndarray, "rows columns 3"] | Aligned:
    """Returns the middle of a photograph, at most 384x384, its sides multiples of 12, and that of its counterpart."""
    shape = image.hr.shape[:2] if isinstance(image, Aligned) else image.shape[:2]
    height, width = (min(n, MIDDLE_SIDE) // MIDDLE_MULTIPLE * MIDDLE_MULTIPLE for n in shape)
    y, x = (shape[0] - height) // 2, (shape[1] - width) // 2
    if isinstance(image, Aligned):
        y, x, rows, columns = (n // image.scale for n in (y, x, height, width))
        lr = image.lr[y : y + rows, x : x + columns]
        y, x = y * image.scale, x * image.scale
        return Aligned(image.hr[y : y + height, x : x + width], lr)
    return image[y : y + height, x : x + width]


def spaced(count: int, total: int) -> list[int]:
    """Returns `count` indices below `total`, evenly spaced: the middles of as many equal parts."""
    return [(2 * i + 1) * total // (2 * count) for i in range(count)]
