"""Where patches lie: whole on every device, divided over the devices, or with the host."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax
import numpy as np
from jaxtyping import Array

from jsr.data.crops import Replicated, Sharded, Source, Streamed
from jsr.data.patches import PatchSet
from jsr.devices import memory, parallel

DEVICE_FRACTION = 0.4  # of the device's memory for patches; activations need the rest

MOST = 500  # steps in one dispatch, at the most: their metrics stay on the device till its end
MOST_STREAMED = 50  # the same where their crops, 0.6 MB a step, come from the host

Placement = Literal["replicated", "sharded", "streamed"]

# Which axis of a source's arrays is divided over the devices; `parallel.make_dispatch` takes it off.
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
    total = memory.total()
    need, room = pictures.patches.nbytes, DEVICE_FRACTION * total
    of_the_devices = f"{DEVICE_FRACTION:.0%} of the device's {total / 1e9:.1f} GB"
    takes = f"patches take {need / 1e9:.2f} GB"
    if need < room:
        return "replicated", f"{takes}, under {of_the_devices}"
    takes = f"{takes}, not under {of_the_devices}"
    if need < len(devices) * room:
        return "sharded", f"{takes}, but divided over {len(devices)} of them they are"
    return "streamed", takes


class Placed(NamedTuple):
    """A set in its place."""

    at: Callable[[int], Source]  # the source of the dispatch that begins at a step
    axes: Any  # of the source, divided over the devices
    most: int  # steps in one dispatch
    note: str  # for the user to read


def place(pictures: PatchSet, key: Array, *, first: int, end: int, batch: int, size: int) -> Placed:
    """Places a set where the devices have the memory for it."""
    placement, reason = choose(pictures)
    axes = AXES[placement]
    if placement != "streamed":
        placed = {"replicated": replicated, "sharded": sharded}[placement](pictures, key)
        where = {"replicated": "every device", "sharded": "the device that holds them"}[placement]
        return Placed(lambda step: placed, axes, MOST, f"crops: drawn on {where} ({reason})")

    from jsr.data import streaming  # imports Grain, which the others do without

    chunks = streaming.streamed(pictures, key, first=first, end=end, chunk=MOST_STREAMED, batch=batch, size=size)
    chunk = None

    def at(step: int) -> Source:
        nonlocal chunk
        if chunk is None or step - chunk.first == MOST_STREAMED:
            chunk = next(chunks)
        return chunk

    return Placed(at, axes, MOST_STREAMED, f"crops: prepared on the host ({reason})")
