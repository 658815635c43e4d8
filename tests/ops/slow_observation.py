"""The observation model by its definition, pixel by pixel in float64: what the fast one is compared with."""

import math

import numpy as np


def _mirrored(index: int, length: int) -> int:
    while not 0 <= index < length:
        index = -1 - index if index < 0 else 2 * length - 1 - index
    return index


def _keys(x: float) -> float:
    """Keys 1981 with a = -1/2, piece by piece."""
    x = abs(x)
    if x <= 1:
        return 1.5 * x**3 - 2.5 * x**2 + 1
    if x <= 2:
        return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return 0.0


def along_axis(n: int, scale: int, *, blur: float = 0.0, shift: float = 0.0) -> np.ndarray:
    """Returns A along an axis, `[n, scale n]`: each row a blurred, widened cubic around its place."""
    rows = np.zeros((n, scale * n))
    for i in range(n):
        centre = scale * (i + 0.5 + shift) - 0.5
        cubic = {j: _keys((j - centre) / scale) for j in range(math.floor(centre - 9), math.ceil(centre + 9) + 1)}
        total = sum(cubic.values())
        radius = math.ceil(4 * blur)
        gaussian = {k: math.exp(-((k / blur) ** 2) / 2) if blur else 1.0 for k in range(-radius, radius + 1)}
        for j, weight in cubic.items():
            inside = _mirrored(j, scale * n)
            for k, share in gaussian.items():
                rows[i, _mirrored(inside + k, scale * n)] += weight / total * share / sum(gaussian.values())
    return rows


def dense(
    height: int, width: int, scale: int, *, blur: float = 0.0, shift: tuple[float, float] = (0.0, 0.0)
) -> np.ndarray:
    """Returns A as one matrix, `[h w, s h s w]`, for pictures of one channel, flattened."""
    return np.kron(
        along_axis(height, scale, blur=blur, shift=shift[0]), along_axis(width, scale, blur=blur, shift=shift[1])
    )
