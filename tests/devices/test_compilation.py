"""Tests ../../jsr/devices/compilation.py."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from jsr.devices import compilation
from jsr.upscaling import tiles
from jsr.weights import zoo
from tests.compiled_programs import cached

ROOT = Path(__file__).parents[2]


@pytest.fixture
def cache():
    """Switches JAX's cache on, without a folder."""
    with cached(None):
        yield


def test_keep_makes_a_cache_for_the_user_alone(cache, tmp_path):
    compilation.keep(tmp_path / "compiled", onednn=False)
    (folder,) = (tmp_path / "compiled").iterdir()
    assert jax.config.values["jax_compilation_cache_dir"] == str(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_keep_uses_no_cache_that_others_can_write(cache, tmp_path):
    """What lies there is run: whoever can write it could run anything as this user."""
    compilation.keep(tmp_path, onednn=False)
    (folder,) = tmp_path.iterdir()
    folder.chmod(0o777)
    jax.config.update("jax_compilation_cache_dir", None)
    compilation.keep(tmp_path, onednn=False)
    assert jax.config.values["jax_compilation_cache_dir"] is None


def test_keep_leaves_an_explicit_cache(cache, tmp_path):
    jax.config.update("jax_compilation_cache_dir", str(tmp_path / "own"))
    compilation.keep(tmp_path / "ours", onednn=False)
    assert jax.config.values["jax_compilation_cache_dir"] == str(tmp_path / "own")
    assert not (tmp_path / "ours").exists()


def test_keep_uses_no_cache_where_the_folder_cannot_be_made(cache, tmp_path):
    (tmp_path / "file").touch()
    compilation.keep(tmp_path / "file", onednn=False)
    assert jax.config.values["jax_compilation_cache_dir"] is None


def test_keep_leaves_a_cache_switched_off(tmp_path):
    """As it is in all tests but these."""
    compilation.keep(tmp_path / "compiled", onednn=False)
    assert not (tmp_path / "compiled").exists()


def test_jit_leaves_out_options_that_the_compiler_does_not_know(monkeypatch):
    monkeypatch.setattr(compilation, "CPU_OPTIONS", {"xla_of_another_day": True})
    compilation.options.cache_clear()
    try:
        double = compilation.jit(lambda x: 2 * x, onednn=False)
        assert double(4.0) == 8.0
    finally:
        compilation.options.cache_clear()


@pytest.mark.parametrize("onednn", [False, True])
def test_options_are_known_to_this_compiler(onednn):
    expected = compilation.CPU_OPTIONS | (compilation.ONEDNN if onednn else {})
    assert compilation.options(onednn) == expected


def test_keep_stores_no_programs_that_call_onednn(cache, tmp_path):
    compilation.keep(tmp_path, onednn=True)
    assert jax.config.values["jax_compilation_cache_dir"] is None


@pytest.mark.slow
def test_the_second_start_compiles_nothing(tmp_path):
    """The command line, twice: a second run finds all its programs, and says nothing of them."""
    picture = ROOT / "experiments" / "sample.png"
    logged = {
        "XDG_CACHE_HOME": str(tmp_path),
        "JAX_PLATFORMS": "cpu",
        "JAX_ENABLE_COMPILATION_CACHE": "true",
        "JAX_LOG_COMPILES": "1",
        "JAX_EXPLAIN_CACHE_MISSES": "1",
        "XLA_FLAGS": "",
    }
    command = [sys.executable, "-m", "jsr.infer", str(picture), "-o", str(tmp_path / "large.png")]
    said, kept = [], []
    for _ in range(2):
        done = subprocess.run(command, cwd=ROOT, env={**os.environ, **logged}, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        said.append(done.stderr)
        kept.append({p for p in (tmp_path / "jsr" / "compiled").rglob("*-cache")})
    assert any("enlarge" in path.name for path in kept[0])
    assert kept[1] == kept[0]
    missed = "PERSISTENT COMPILATION CACHE MISS"
    assert missed in said[0] and missed not in said[1]


def test_bfloat16_changes_a_picture_little(rng):
    """Half as many bits as float32 in every sum, and yet nearly all pixels within a grey level or two."""
    coarse = rng.integers(0, 256, (6, 5, 3), np.uint8)
    image = coarse.repeat(6, axis=0).repeat(6, axis=1)
    exact, half = (tiles.upscale(zoo.ready("srresnet", precision=p), image).astype(int) for p in ("fp32", "bf16"))
    difference = np.abs(exact - half)
    assert 0 < difference.mean() < 1 and np.quantile(difference, 0.99) < 6
