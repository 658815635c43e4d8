"""The start of `python -m jsr.infer`: how long a small picture takes from the command line."""

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


def times(*, repeats: int) -> list[dict[str, Any]]:
    """Times the command with nothing compiled yet, with all compiled, and the import of jax alone."""
    seconds: dict[str, list[float]] = {"import jax": [], "cold": [], "warm": []}
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "a.png"
        pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
        Image.fromarray(pixels).save(picture)
        infer = ["-m", "jsr.infer", str(picture)]
        for i in range(repeats):
            environment = {**os.environ, "XDG_CACHE_HOME": str(Path(folder) / f"cache{i}")}
            environment.pop("JAX_COMPILATION_CACHE_DIR", None)
            for name, command in (("import jax", ["-c", "import jax"]), ("cold", infer), ("warm", infer)):
                start = time.perf_counter()
                subprocess.run([sys.executable, *command], env=environment, check=True, stdout=subprocess.PIPE)
                seconds[name].append(time.perf_counter() - start)
    return [{"what": name, "ms": 1e3 * statistics.median(values)} for name, values in seconds.items()]


def margin(made: list[dict[str, Any]]) -> float:
    """Returns the seconds that a warm start takes beyond 1.3 imports of jax and 0.8; it should be negative."""
    ms = {row["what"]: row["ms"] for row in made}
    return (ms["warm"] - 1.3 * ms["import jax"]) / 1e3 - 0.8
