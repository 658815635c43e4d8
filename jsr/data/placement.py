"""Where patches lie: whole on each device, divided over the devices, or on the host."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, UInt8

from jsr.data.crops import Replicated, Sharded, Source, Streamed
from jsr.data.patch_files import PatchSet
from jsr.devices import hosts, memory, parallel

DEVICE_FRACTION = 0.4  # of a device's memory may hold patches; activations need the rest
MOST = 500  # steps of one dispatch at most, because their metrics stay on the devices until its end
MOST_STREAMED = 50  # the same where the host prepares the crops, which are 0.6 MB a step

Kind = Literal["replicated", "sharded", "streamed"]

# For each array of a source, the axis that is divided over the devices, as `jax.pmap` takes it; None where each device
# has the whole array.
AXES = {
    "replicated": Replicated(None, None, None),
    "sharded": Sharded(None, 0, None),
    "streamed": Streamed(1, None),
}


class Placed(NamedTuple):
    """A set of photographs, placed for the steps of a run."""

    at: Callable[[int], Source]  # the source for the dispatch that begins at a step; steps ascend
    axes: Source  # one of AXES
    most: int  # steps of one dispatch at most; no dispatch may go beyond the next multiple
    note: str  # one line for the user


def place(pictures: PatchSet, key: Array, *, first: int, end: int, batch: int, size: int) -> Placed:
    """Places patches where the devices reach them fastest and have the memory for them.

    Args:
      pictures: the set.
      key: of all draws of the run.
      first: the step that the run begins or resumes at.
      end: the step that it ends before.
      batch: crops of a step, over all devices.
      size: pixels of a crop's side.
    """
    kind, reason = choose(pictures)
    kind = hosts.of_first("placement", kind)  # Hosts may differ in memory, but all must run the same program.
    if kind == "streamed":
        from jsr.data import streaming  # imports Grain, which the other kinds do without

        length = MOST_STREAMED
        chunks = streaming.streamed(pictures, key, first=first, end=end, chunk=length, batch=batch, size=size)
        at = streaming.in_order(chunks, chunk=length)
        return Placed(at, AXES[kind], length, f"crops: prepared on the host ({reason})")
    if kind == "sharded":
        source, place_of_draws = sharded(pictures, key), "the device that holds them"
    else:
        source, place_of_draws = replicated(pictures, key), "every device"
    return Placed(lambda step: source, AXES[kind], MOST, f"crops: drawn on {place_of_draws} ({reason})")


def choose(pictures: PatchSet) -> tuple[Kind, str]:
    """Chooses the fastest kind of source that the devices have the memory for; returns it and the reason in words."""
    devices, capacity = jax.device_count(), memory.total()
    need = sum(patches.nbytes for patches in jax.tree.leaves(pictures.patches))
    limit = DEVICE_FRACTION * capacity
    fraction = f"{DEVICE_FRACTION:.0%} of the device's {capacity / 1e9:.1f} GB"
    size = f"patches take {need / 1e9:.2f} GB" if need >= 1e9 else f"patches take {need / 1e6:.1f} MB"
    if need < limit:
        return "replicated", f"{size}, under {fraction}"
    if need < devices * limit:
        return "sharded", f"{size}, not under {fraction}, but divided over {devices} of them they are"
    return "streamed", f"{size}, not under {fraction}"


def replicated(pictures: PatchSet, key: Array) -> Replicated:
    """Places the whole set on each local device."""
    key, sizes = parallel.replicate((key, pictures.sizes))
    return Replicated(key, jax.device_put(pictures.patches, parallel.replicated()), sizes)


def sharded(pictures: PatchSet, key: Array) -> Sharded:
    """Places an equal part of the set on each device: patches `[local devices, m, P, P, 3]`, zeros after the last."""
    key, sizes = parallel.replicate((key, pictures.sizes))
    return Sharded(key, jax.tree.map(_divided, pictures.patches), sizes)


def _divided(patches: UInt8[np.ndarray, "n p p 3"]) -> Array:
    devices = jax.local_device_count()
    first = jax.process_index() * devices  # the number of the first local device among all
    total, *shape = patches.shape
    count = -(-total // jax.device_count())  # of patches on a device, rounded up

    def part(index: Any) -> UInt8[np.ndarray, "1 m p p 3"]:
        start = first + (index[0].start or 0)  # slices, the first of one device
        ours = patches[start * count : (start + 1) * count]
        missing = count - len(ours)
        if missing:
            ours = np.concatenate([ours, np.zeros((missing, *shape), np.uint8)])
        return ours[None]

    return jax.make_array_from_callback((devices, count, *shape), parallel.divided(0), part)
