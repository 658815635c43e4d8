"""Where pictures are cut: into patches that overlap, to draw crops from, and to their middles, to validate on.

Pictures are RGB uint8 `[h, w, 3]`.
"""

from collections import Counter
from collections.abc import Iterable

import numpy as np
from jaxtyping import UInt8

MOST_SIDE = 1024  # pixels; of a patch. Small pictures are drawn as often as patches, so none is a multiple of them
MIDDLE_SIDE = 384  # pixels; held-out pictures are cut, to be upscaled quickly and often
MIDDLE_MULTIPLE = 12  # divisible by the factors 2, 3 and 4


def best_side(shapes: Iterable[tuple[int, int]], *, size: int) -> int:
    """Returns the side of the patches that store pictures of these shapes in the fewest bytes.

    Large patches overlap less: those of 256 store a picture of 2040x1356 three times over where crops have 112 pixels,
    those of 756 one and a quarter times. But the last patches in a row overlap or are padded by what does not divide.
    """
    counted = Counter(shapes)
    edges, times = np.array([*counted]), np.array([*counted.values()])

    def stored(side):
        return side**2 * (times * counts(edges, side, size).prod(axis=1)).sum()

    return min(range(size, max(size, MOST_SIDE) + 1), key=stored)


def counts(lengths, side, size):
    """Returns how many patches edges need: one, and one for every step of at most `side - size + 1` pixels."""
    return 1 - np.minimum(side - lengths, 0) // (side - size + 1)


def origins(length: int, *, side: int, size: int) -> list[int]:
    """Returns where patches of `side` pixels start along an edge, evenly; the last ends with it."""
    last = max(length - side, 0)
    steps = int(counts(length, side, size)) - 1
    return [i * last // max(steps, 1) for i in range(steps + 1)]


def cut(
    image: UInt8[np.ndarray, "h w 3"], *, side: int, size: int
) -> tuple[UInt8[np.ndarray, "n side side 3"], list[tuple[int, int]]]:
    """Returns the patches of a picture, and the rows and columns of each that are picture."""
    height, width = image.shape[:2]
    starts = [(y, x) for y in origins(height, side=side, size=size) for x in origins(width, side=side, size=size)]
    shape = min(height, side), min(width, side)
    patches = np.zeros((len(starts), side, side, 3), np.uint8)
    for patch, (y, x) in zip(patches, starts, strict=True):
        patch[: shape[0], : shape[1]] = image[y : y + side, x : x + side]
    return patches, [shape] * len(starts)


def middle(image: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w 3"]:
    """Returns the middle of a picture, at most 384x384, its sides multiples of 12."""
    height, width = (min(n, MIDDLE_SIDE) // MIDDLE_MULTIPLE * MIDDLE_MULTIPLE for n in image.shape[:2])
    y, x = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    return image[y : y + height, x : x + width]


def spaced(count: int, total: int) -> list[int]:
    """Returns `count` indices below `total`, evenly spaced: the middles of as many equal parts."""
    return [(2 * i + 1) * total // (2 * count) for i in range(count)]
