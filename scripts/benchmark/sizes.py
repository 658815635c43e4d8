"""Pictures of many sizes from the command line, against as many pixels in pictures of one size."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

LOW, HIGH = 64, 384  # pixels of a side


def times(*, count: int, repeats: int) -> list[dict[str, Any]]:
    """Times `jsr.infer` on two folders of `count` pictures with all programs compiled, as for a second folder."""
    rng = np.random.default_rng(0)
    many = [tuple(rng.integers(LOW, HIGH, 2).tolist()) for _ in range(count)]
    side = round((sum(h * w for h, w in many) / count) ** 0.5)
    folders = {f"{side}x{side}": [(side, side)] * count, f"{LOW} to {HIGH}": many}
    seconds: dict[str, list[float]] = {name: [] for name in folders}
    with tempfile.TemporaryDirectory() as place:
        for name, shapes in folders.items():
            (Path(place) / name).mkdir()
            for i, (height, width) in enumerate(shapes):
                pixels = rng.integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), np.uint8)
                Image.fromarray(pixels).resize((width, height)).save(Path(place) / name / f"{i}.png")
        environment = {**os.environ, "XDG_CACHE_HOME": str(Path(place) / "cache")}
        environment.pop("JAX_COMPILATION_CACHE_DIR", None)
        for i in range(repeats + 1):
            for name in folders:
                output = str(Path(place) / f"{name}{i}")
                start = time.perf_counter()
                command = [sys.executable, "-m", "jsr.infer", str(Path(place) / name), "-o", output, "-q"]
                subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE)
                if i:
                    seconds[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    first = next(iter(medians.values()))
    return [{"sides": name, "ms": 1e3 * value, "of one size": value / first} for name, value in medians.items()]
