"""Tests ../jsr/memory.py."""

import subprocess
import sys
from pathlib import Path

import jax
import pytest

from jsr.devices import memory

ROOT = Path(__file__).parents[2]


class Gpu:
    platform = "gpu"

    def __init__(self, about):
        self.memory_stats = lambda: about


@pytest.mark.parametrize(
    ("about", "free"),
    [({"bytes_limit": 100, "bytes_in_use": 30}, 70), ({"bytes_limit": 100}, 100), ({}, None), (None, None)],
)
def test_a_device_tells(monkeypatch, about, free):
    monkeypatch.setattr(jax, "local_devices", lambda: [Gpu(about)])
    assert memory.free() == free


def test_the_least_of_what_is_known_counts(monkeypatch, tmp_path):
    (tmp_path / "limit").write_text("5000000\n")
    (tmp_path / "used").write_text("1000000\n")
    (tmp_path / "max").write_text("max\n")
    monkeypatch.setattr(memory, "_available", lambda: 6_000_000)
    monkeypatch.setattr(memory, "_mappable", lambda: None)
    for limit, free in (("limit", 4_000_000), ("max", 6_000_000), ("missing", 6_000_000)):
        monkeypatch.setattr(memory, "CGROUPS", [(tmp_path / limit, tmp_path / "used")])
        assert memory.free() == free
    monkeypatch.setattr(memory, "_mappable", lambda: -5)
    assert memory.free() == 0
    for name in ("_available", "_mappable"):
        monkeypatch.setattr(memory, name, lambda: None)
    assert memory.free() is None


@pytest.mark.skipif(memory.resource is None, reason="no such limits here")
def test_a_limit_of_addresses_is_seen():
    code = """
import resource
limit = 3 << 30
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
from jsr.devices import memory
before = memory._mappable()
import mmap
kept = mmap.mmap(-1, 1 << 29)
print(0 < before < limit, before - memory._mappable() >= 1 << 29, memory.free() < 3 << 30)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.stdout.split() == ["True"] * 3, done.stderr


def test_what_says_that_memory_ran_out():
    for error in (
        MemoryError(),
        RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 7 bytes"),
    ):
        assert memory.is_exhausted(error)
    assert not memory.is_exhausted(RuntimeError("INTERNAL: all is lost"))
