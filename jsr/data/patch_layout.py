"""The geometry of patches: where they lie in a photograph, and which part of a held-out one is kept.

Photographs are RGB uint8 `[h, w, 3]`; lengths are in pixels. Patches overlap so far that every window of `size` pixels
lies within one of them.
"""

from collections import Counter
from collections.abc import Iterable

import numpy as np
from jaxtyping import Int, UInt8

# The largest side of a patch. Patches are drawn uniformly, each as often as a whole small photograph, so the pixels of
# much larger patches would be drawn too rarely.
MAX_SIDE = 1024
MIDDLE_SIDE = 384  # the largest side of a held-out photograph, which is upscaled again and again
MIDDLE_MULTIPLE = 12  # of a held-out photograph's sides: the scales 2, 3 and 4 divide it


def best_side(shapes: Iterable[tuple[int, int]], *, size: int) -> int:
    """Returns the side of the patches that store photographs of these shapes in the fewest bytes.

    Large patches overlap less: with windows of 112 pixels, patches of 256 store a photograph of 2040x1356 three times
    over, and patches of 756 one and a quarter times. But the last patch of a row overlaps more, or is padded, where the
    side does not divide the width.
    """
    frequencies = Counter(shapes)
    edges, times = np.array([*frequencies]), np.array([*frequencies.values()])

    def stored_pixels(side: int) -> int:
        return int(side**2 * (times * counts(edges, side=side, size=size).prod(axis=1)).sum())

    return min(range(size, max(size, MAX_SIDE) + 1), key=stored_pixels)


def counts(lengths: Int[np.ndarray, "*shape"], *, side: int, size: int) -> Int[np.ndarray, "*shape"]:
    """Returns how many patches edges of these lengths need."""
    stride = side - size + 1  # the largest that leaves no window between two patches
    rest = np.maximum(lengths - side, 0)  # beyond the first patch
    return 1 + -(-rest // stride)  # the quotient rounded up


def origins(length: int, *, side: int, size: int) -> list[int]:
    """Returns where the patches along an edge start: evenly spaced, from 0 to the place where the last fits."""
    last = max(length - side, 0)
    steps = int(counts(np.array([length]), side=side, size=size)[0]) - 1
    return [i * last // max(steps, 1) for i in range(steps + 1)]


def cut(
    image: UInt8[np.ndarray, "h w 3"], *, side: int, size: int
) -> tuple[UInt8[np.ndarray, "n side side 3"], list[tuple[int, int]]]:
    """Cuts a photograph into patches.

    Returns:
      the patches, padded with zeros on the right and below where the photograph is smaller; and of each, the rows and
      columns that are photograph.
    """
    height, width = image.shape[:2]
    starts = [(y, x) for y in origins(height, side=side, size=size) for x in origins(width, side=side, size=size)]
    shape = min(height, side), min(width, side)
    patches = np.zeros((len(starts), side, side, 3), np.uint8)
    for patch, (y, x) in zip(patches, starts, strict=True):
        patch[: shape[0], : shape[1]] = image[y : y + side, x : x + side]
    return patches, [shape] * len(starts)


def middle(image: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "rows columns 3"]:
    """Returns the middle of a photograph, at most 384x384, its sides multiples of 12."""
    height, width = (min(n, MIDDLE_SIDE) // MIDDLE_MULTIPLE * MIDDLE_MULTIPLE for n in image.shape[:2])
    y, x = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    return image[y : y + height, x : x + width]


def spaced(count: int, total: int) -> list[int]:
    """Returns `count` indices below `total`, evenly spaced: the middles of as many equal parts."""
    return [(2 * i + 1) * total // (2 * count) for i in range(count)]
