"""Memory of the device that computes: the total, the free part, and errors that mean it ran out. All in bytes."""

import contextlib
from pathlib import Path

import jax
import psutil

try:
    import resource
except ImportError:  # Windows, which has no such limits
    resource = None

CGROUPS = (  # files with the limit of a container and its usage
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)


def total() -> int:
    """Returns the whole memory of a local device.

    CPU devices have no memory of their own: each counts with an equal part of the machine's.
    """
    devices = jax.local_devices()
    limit = (devices[0].memory_stats() or {}).get("bytes_limit")
    return limit or psutil.virtual_memory().total // len(devices)


def free() -> int | None:
    """Returns the free memory of the default device, or None if it cannot be determined.

    For a CPU it is the smallest of the memory available on the machine, the rest of the container's limit, and the rest
    of the process's limit on addresses (`ulimit -v`).
    """
    device = jax.local_devices()[0]
    if device.platform != "cpu":
        statistics = device.memory_stats() or {}
        if "bytes_limit" not in statistics:
            return None
        return statistics["bytes_limit"] - statistics.get("bytes_in_use", 0)
    bounds = [psutil.virtual_memory().available, *map(_rest_of_container, CGROUPS), _rest_of_addresses()]
    return max(0, min(bound for bound in bounds if bound is not None))


def is_exhausted(error: BaseException) -> bool:
    """Returns whether an error means that memory ran out: the device's, by XLA's message, or the host's."""
    return isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error)


def _rest_of_container(cgroup: tuple[str | Path, str | Path]) -> int | None:
    limit, usage = cgroup
    with contextlib.suppress(OSError, ValueError):  # "max" stands for no limit
        return int(Path(limit).read_text()) - int(Path(usage).read_text())


def _rest_of_addresses() -> int | None:
    if resource is None:
        return None
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return None
    return limit - psutil.Process().memory_info().vms
