"""Batches that the host prepares while the devices compute. Grain is imported here alone.

Threads prepare the batches, not processes: each process would need its own patches and start-up time, and cutting crops
is memory copying, which threads do in parallel. A batch is a pure function of its step, so there is no state to save.
"""

import os
from collections.abc import Callable, Iterator
from typing import Any

import grain
import jax
import numpy as np
from jaxtyping import Array, Int, UInt8

from jsr.data import crops
from jsr.data.crops import Streamed
from jsr.data.patch_files import PatchSet
from jsr.data.patch_layout import Aligned
from jsr.devices import parallel

AHEAD = 1  # chunks on the devices beside the one in use


def streamed(
    pictures: PatchSet, key: Array, *, first: int, end: int, chunk: int, batch: int, size: int
) -> Iterator[Streamed]:
    """Yields the batches of `chunk` steps at a time, from the chunk of step `first` to that of step `end - 1`.

    Chunks begin at multiples of their length wherever a run resumes, so that they end where reports are due. All have
    the shape `[chunk, local devices, batch / devices, size, size, 3]`, because a program is compiled for one shape. The
    next chunk is copied to the devices while they compute on this one. Each process cuts the crops of its own devices.
    """
    # On the CPU, because a draw on the accelerator would wait for the steps that it is busy with.
    key, sizes = jax.device_put((key, pictures.sizes), _cpu())
    draw = jax.jit(crops.draw, static_argnames=("batch", "size", "grid"))
    grid = crops.grid_of(pictures.patches)
    devices, process = jax.local_device_count(), jax.process_index()
    share = batch // jax.process_count()

    def prepare(step: int) -> UInt8[np.ndarray, "d b s s 3"] | Aligned:
        drawn = draw(key, step, sizes, batch=batch, size=size, grid=grid)
        ours = [np.asarray(x)[process * share : (process + 1) * share] for x in drawn]
        images = cut(pictures.patches, *ours, size=size)
        return jax.tree.map(lambda x: x.reshape(devices, share // devices, *x.shape[1:]), images)

    start, stop = first // chunk * chunk, -(-end // chunk) * chunk  # rounded down and up
    threads = grain.ReadOptions(num_threads=os.cpu_count() or 1, prefetch_buffer_size=chunk)
    batches = grain.MapDataset.range(start, stop).map(prepare).to_iter_dataset(threads)
    chunks = grain.experimental.device_put(
        batches.batch(chunk), parallel.divided(1), cpu_buffer_size=1, device_buffer_size=AHEAD
    )
    for number, images in enumerate(chunks):
        yield Streamed(images, np.int32(start + number * chunk))


def in_order(chunks: Iterator[Streamed], *, chunk: int) -> Callable[[int], Streamed]:
    """Returns a function that gives the chunk of a step, called with steps in ascending order, none of them skipped."""
    current: Streamed | None = None

    def at(step: int) -> Streamed:
        nonlocal current
        if current is None or step - current.first == chunk:
            current = next(chunks)
        return current

    return at


def cut(
    patches: UInt8[np.ndarray, "n p p 3"] | Aligned,
    indices: Int[np.ndarray, " b"],
    origins: Int[np.ndarray, "b 2"],
    turns: Int[np.ndarray, " b"],
    *,
    size: int,
) -> UInt8[np.ndarray, "b s s 3"] | Aligned:
    """Cuts drawn crops out of patches on the host, as `crops.at_step` does on a device."""
    if isinstance(patches, Aligned):
        scale = patches.scale
        lr = cut(patches.lr, indices, origins // scale, turns, size=size // scale)
        return Aligned(cut(patches.hr, indices, origins, turns, size=size), lr)
    images = np.empty((len(indices), size, size, 3), np.uint8)
    for image, index, (y, x), turn in zip(images, indices, origins, turns, strict=True):
        crop = patches[index, y : y + size, x : x + size]
        crop = crop[::-1] if turn & 1 else crop
        crop = crop[:, ::-1] if turn & 2 else crop
        image[:] = crop.swapaxes(0, 1) if turn & 4 else crop
    return images


def _cpu() -> Any:
    try:
        return jax.local_devices(backend="cpu")[0]
    except RuntimeError:  # JAX_PLATFORMS names the accelerator alone
        return jax.local_devices()[0]
