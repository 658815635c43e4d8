"""How much memory is free on the device that computes."""

import contextlib
import os
from pathlib import Path

import jax
import psutil

try:
    import resource
except ImportError:  # Windows
    resource = None

CGROUPS = (  # the limit of a container, and what it uses of it
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)


def free() -> int | None:
    """Returns the free bytes of the default device, or None where nobody tells.

    On a CPU that is the least of what the machine has available, what the container may still take, and what the
    process may still map (`ulimit -v`).
    """
    device = jax.local_devices()[0]
    if device.platform != "cpu":
        about = device.memory_stats() or {}
        if "bytes_limit" not in about:
            return None
        return about["bytes_limit"] - about.get("bytes_in_use", 0)
    known = [bound for bound in (_available(), *map(_left_of, CGROUPS), _mappable()) if bound is not None]
    return max(0, min(known)) if known else None


def total() -> int:
    """Returns the bytes of a local device's whole memory; CPU devices have equal shares of the machine's."""
    limit = (jax.local_devices()[0].memory_stats() or {}).get("bytes_limit")
    return limit or psutil.virtual_memory().total // jax.local_device_count()


def _available():
    with contextlib.suppress(OSError, StopIteration, ValueError):
        lines = Path("/proc/meminfo").read_text().splitlines()
        return 1024 * int(next(line for line in lines if line.startswith("MemAvailable")).split()[1])


def _left_of(cgroup):
    limit, used = cgroup
    with contextlib.suppress(OSError, ValueError):  # "max" is no limit
        return int(Path(limit).read_text()) - int(Path(used).read_text())


def _mappable():
    if resource is None:
        return None
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return None
    with contextlib.suppress(OSError, ValueError):
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        return limit - pages * os.sysconf("SC_PAGE_SIZE")


def is_exhausted(error: BaseException) -> bool:
    """Says whether an error means that memory ran out, the device's (in XLA's words) or the host's."""
    return isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error)
