"""Synthetic textures that have the statistics of photographs."""

import numpy as np


def texture(rng: np.random.Generator, height: int = 200, width: int = 300) -> np.ndarray:
    """Returns a grey uint8 picture `[h, w, 3]` with detail at many scales: a spectrum that falls with frequency."""
    y, x = (np.fft.fftfreq(n)[:, None] for n in (height, width))
    spectrum = rng.normal(size=(height, width)) / np.maximum(np.hypot(y, x.T), 0.01) ** 1.2
    plane = np.real(np.fft.ifft2(spectrum * np.exp(2j * np.pi * rng.random((height, width)))))
    plane = 128 + 40 * plane / plane.std()
    return np.clip(np.round(plane), 0, 255).astype(np.uint8)[..., None].repeat(3, axis=2)
