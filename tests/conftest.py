"""What every test shares: four simulated CPU devices, strict ranks, and the way to the research pictures."""

import os

# Before jax starts: tests run on the CPU, on as many devices as the sharding tests divide over.
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=4"

from pathlib import Path

from jaxtyping import install_import_hook

# Shapes and types are checked at every call of the package, in tests alone: annotations cost users nothing.
install_import_hook("jsr", "beartype.beartype")

import jax
import numpy as np
import pytest
from PIL import Image

jax.config.update("jax_numpy_rank_promotion", "raise")


@pytest.fixture(scope="session")
def jsr_data() -> Path:
    """The folder of research pictures; tests that need it skip, saying so, where it is missing."""
    folder = Path(os.environ.get("JSR_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not (folder / "eval" / "Set5").is_dir():
        pytest.skip(f"no research pictures at {folder}; set JSR_DATA to their folder")
    return folder


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def folder(tmp_path, rng) -> Path:
    """Twelve pictures of noise, where a window is found in one place only; some are small."""
    (tmp_path / "set").mkdir()
    for i in range(12):
        pixels = rng.integers(0, 256, (40 + 7 * i, 150 - 9 * i, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "set" / f"{i:02}.png")
    return tmp_path / "set"


@pytest.fixture
def u8(rng):
    """Four channels of noise, of 8 bits."""
    return rng.integers(0, 256, (7, 5, 4), np.uint8)


@pytest.fixture
def u16(rng):
    """Four channels of noise, of 16 bits."""
    return rng.integers(0, 65536, (7, 5, 4), np.uint16)
