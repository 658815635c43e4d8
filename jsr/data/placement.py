"""Where patches lie: whole on every device, divided over the devices, or with the host."""

import os
from typing import Literal

import jax
import numpy as np
from jaxtyping import Array

from jsr.data.crops import Replicated, Sharded, Streamed
from jsr.data.patches import PatchSet
from jsr.devices import parallel

DEVICE_FRACTION = 0.4  # of the device's memory for patches; activations need the rest

Placement = Literal["replicated", "sharded", "streamed"]

# Which axis of a source's arrays is divided over the devices; `parallel.parallel` takes it off.
AXES = {
    "replicated": Replicated(None, None, None),
    "sharded": Sharded(None, 0, None),
    "streamed": Streamed(1, None),
}


def replicated(pictures: PatchSet, key: Array) -> Replicated:
    """Places the whole set on every local device; the CPU reads it where it lies."""
    key, sizes = parallel.replicate((key, pictures.sizes))
    return Replicated(key, jax.device_put(pictures.patches, parallel.replicated()), sizes)


def sharded(pictures: PatchSet, key: Array) -> Sharded:
    """Places an equal part of the set on every local device: patches `[devices, m, P, P, 3]`, the last padded."""
    devices = jax.local_device_count()
    count, *shape = pictures.patches.shape
    held = -(-count // devices)

    def part(index):
        start = index[0].start or 0
        patches = pictures.patches[start * held : (start + 1) * held]
        missing = held - len(patches)
        if missing:
            patches = np.concatenate([patches, np.zeros((missing, *shape), np.uint8)])
        return patches[None]

    patches = jax.make_array_from_callback((devices, held, *shape), parallel.divided(0), part)
    key, sizes = parallel.replicate((key, pictures.sizes))
    return Sharded(key, patches, sizes)


def choose(pictures: PatchSet) -> tuple[Placement, str]:
    """Chooses the fastest kind of source that the devices have the memory for, and says why in words."""
    devices = jax.local_devices()
    stats = devices[0].memory_stats() or {}
    # Without a limit of its own, the device is the CPU, of which there may be several in one memory.
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // len(devices)
    memory = stats.get("bytes_limit") or physical
    need, room = pictures.patches.nbytes, DEVICE_FRACTION * memory
    of_the_devices = f"{DEVICE_FRACTION:.0%} of the device's {memory / 1e9:.1f} GB"
    takes = f"patches take {need / 1e9:.2f} GB"
    if need < room:
        return "replicated", f"{takes}, under {of_the_devices}"
    takes = f"{takes}, not under {of_the_devices}"
    if need < len(devices) * room:
        return "sharded", f"{takes}, but divided over {len(devices)} of them they are"
    return "streamed", takes
