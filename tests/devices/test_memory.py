"""Tests ../../jsr/devices/memory.py."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import jax
import psutil
import pytest

from jsr.devices import memory

ROOT = Path(__file__).parents[2]


class Gpu:
    platform = "gpu"

    def __init__(self, statistics):
        self.memory_stats = lambda: statistics


@pytest.fixture
def machine(monkeypatch):
    """A machine with 8 MB, of which 6 MB are available."""
    memory_of_machine = SimpleNamespace(total=8_000_000, available=6_000_000)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory_of_machine)


@pytest.mark.parametrize(
    ("statistics", "free"),
    [({"bytes_limit": 100, "bytes_in_use": 30}, 70), ({"bytes_limit": 100}, 100), ({}, None), (None, None)],
)
def test_free_is_the_rest_of_a_devices_memory(monkeypatch, statistics, free):
    monkeypatch.setattr(jax, "local_devices", lambda: [Gpu(statistics)])
    assert memory.free() == free


def test_free_is_the_smallest_bound_of_a_cpu(monkeypatch, tmp_path, machine):
    (tmp_path / "limit").write_text("5000000\n")
    (tmp_path / "usage").write_text("1000000\n")
    (tmp_path / "max").write_text("max\n")
    monkeypatch.setattr(memory, "resource", None)  # as on Windows
    for limit, free in (("limit", 4_000_000), ("max", 6_000_000), ("missing", 6_000_000)):
        monkeypatch.setattr(memory, "CGROUPS", [(tmp_path / limit, tmp_path / "usage")])
        assert memory.free() == free
    (tmp_path / "usage").write_text("7000000\n")
    monkeypatch.setattr(memory, "CGROUPS", [(tmp_path / "limit", tmp_path / "usage")])
    assert memory.free() == 0


def test_total_is_a_devices_limit_or_its_part_of_the_machines_memory(monkeypatch, machine):
    assert memory.total() == 8_000_000 // 4
    monkeypatch.setattr(jax, "local_devices", lambda: [Gpu({"bytes_limit": 100}), Gpu({"bytes_limit": 100})])
    assert memory.total() == 100


@pytest.mark.skipif(memory.resource is None, reason="no such limits here")
def test_free_sees_a_limit_of_addresses():
    code = """
import resource
limit = 3 << 30
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
from jsr.devices import memory
before = memory.free()
import mmap
block = mmap.mmap(-1, 1 << 29)
print(0 < before < limit, before - memory.free() >= 1 << 29)
"""
    environment = os.environ | {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": ""}
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, env=environment, timeout=60
    )
    assert result.stdout.split() == ["True"] * 2, result.stderr


def test_is_exhausted_recognises_the_devices_message_and_the_hosts():
    for error in (MemoryError(), RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 7 bytes")):
        assert memory.is_exhausted(error)
    assert not memory.is_exhausted(RuntimeError("INTERNAL: all is lost"))
