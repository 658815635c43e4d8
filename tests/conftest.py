"""Settings and fixtures of all tests: four simulated CPU devices, strict ranks, checked types, and pictures."""

import os

# Before jax is imported, which reads these. The sharding tests need several devices. With its cache of compiled
# programs, a command that a test calls would write to the user's cache and leave it on for all tests after it.
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=4"
os.environ["JAX_ENABLE_COMPILATION_CACHE"] = "false"

from pathlib import Path

from jaxtyping import install_import_hook

# Before any module of the package is imported. Types and shapes are checked at each call in tests only, so users pay
# nothing for the annotations.
install_import_hook("jsr", "beartype.beartype")

import jax
import numpy as np
import pytest
from PIL import Image

jax.config.update("jax_numpy_rank_promotion", "raise")


@pytest.fixture(scope="session")
def jsr_data() -> Path:
    """Returns the folder of benchmark sets and photographs, `JSR_DATA`; skips the test where it is missing."""
    folder = os.environ.get("JSR_DATA")
    if not folder:
        pytest.skip("needs benchmark pictures: set JSR_DATA to the folder that holds eval/Set5")
    if not Path(folder, "eval", "Set5").is_dir():
        pytest.skip(f"needs benchmark pictures: expected JSR_DATA to hold eval/Set5, got {folder}")
    return Path(folder)


@pytest.fixture
def rng() -> np.random.Generator:
    """Returns a generator with a fixed seed."""
    return np.random.default_rng(0)


@pytest.fixture
def folder(tmp_path, rng) -> Path:
    """Writes twelve pictures of noise, in which each window occurs once; some are small."""
    (tmp_path / "set").mkdir()
    for i in range(12):
        pixels = rng.integers(0, 256, (40 + 7 * i, 150 - 9 * i, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "set" / f"{i:02}.png")
    return tmp_path / "set"


@pytest.fixture
def u8(rng) -> np.ndarray:
    """Returns 8-bit noise in four channels, `[7, 5, 4]`."""
    return rng.integers(0, 256, (7, 5, 4), np.uint8)


@pytest.fixture
def u16(rng) -> np.ndarray:
    """Returns 16-bit noise in four channels, `[7, 5, 4]`."""
    return rng.integers(0, 65536, (7, 5, 4), np.uint16)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Makes an empty folder the working directory."""
    monkeypatch.chdir(tmp_path)
