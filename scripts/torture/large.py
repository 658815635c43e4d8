"""Upscales a picture whose result is larger than the memory that jsr may use, and checks every row of it."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import imagecodecs
import numpy as np
from PIL import Image

ROOT = Path(__file__).parents[2]
MEMORY = 2 << 30  # bytes of address space, of which jax alone maps 1.3e9
HEIGHT, WIDTH = 2000, 30000


def judge(folder: Path, *, height: int, width: int, seed: int) -> str:
    """Upscales a picture in a process with limited memory; returns "right", or a line that says why the result is not.

    Args:
      height, width: multiples of 200 and 600, the size of the pattern that the picture repeats.
    """
    tile = np.random.default_rng(seed).integers(0, 256, (200, 600, 3), np.uint8)
    Image.fromarray(np.tile(tile, (height // 200, width // 600, 1))).save(folder / "a.png", compress_level=1)
    limited = f"ulimit -v {MEMORY >> 10}; exec {sys.executable} -m jsr.infer a.png --model nearest"
    process = subprocess.run(
        ["bash", "-c", limited],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    if process.returncode or process.stderr:
        return f"status {process.returncode}: {process.stderr.strip()}"
    result = imagecodecs.png_decode((folder / "a_x4.png").read_bytes())
    if result.shape != (4 * height, 4 * width, 3):
        return f"the result has the shape {result.shape}"
    expected = np.tile(tile, (1, width // 600, 1)).repeat(4, axis=0).repeat(4, axis=1)
    for y in range(0, 4 * height, 800):
        if not np.array_equal(result[y : y + 800], expected):
            return f"rows from {y} are wrong"
    return "right"


def run(count: int, seed: int) -> str:
    """Upscales `count` pictures; returns a line of counts."""
    right = 0
    for i in range(count):
        with tempfile.TemporaryDirectory() as folder:
            line = judge(Path(folder), height=HEIGHT, width=WIDTH, seed=seed + i)
        right += line == "right"
        if line != "right":
            print(line, file=sys.stderr)
    return f"large: {count} of {WIDTH}x{HEIGHT} tried, {right} right, {count - right} wrong"
