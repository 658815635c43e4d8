"""Batches that the host prepares while the devices compute: the only file that knows Grain.

Threads prepare, for worker processes would each need the patches and a start of their own, and cutting a crop out of
them is copying, which they do side by side. A batch is a pure function of its step: there is nothing to save.
"""

import os
from collections.abc import Iterator
from typing import Any

import grain
import jax
import numpy as np
from jaxtyping import Array, Int, UInt8

from jsr.data import crops
from jsr.data.crops import Streamed
from jsr.data.patches import PatchSet
from jsr.devices import parallel

AHEAD = 1  # chunks on the devices beside the one in use


def streamed(
    pictures: PatchSet, key: Array, *, first: int, end: int, chunk: int, batch: int, size: int
) -> Iterator[Streamed]:
    """Yields a source for every `chunk` steps, from that of the step `first` to that of `end - 1`.

    Chunks begin at multiples of their length wherever a run begins, so that they end where reports are due. All have
    the shape `[chunk, devices, batch / devices, size, size, 3]`, since programs are compiled for a shape. The next is
    on the devices before it is asked for.
    """
    # Drawn on the CPU, so as not to wait for the accelerator, which is busy with the steps before.
    key, sizes = jax.device_put((key, pictures.sizes), _cpu())
    draw = jax.jit(crops.draw, static_argnames=("batch", "size"))
    devices = jax.local_device_count()

    def prepare(step: int) -> UInt8[np.ndarray, "d b s s 3"]:
        drawn = draw(key, step, sizes, batch=batch, size=size)
        images = cut(pictures, *map(np.asarray, drawn), size=size)
        return images.reshape(devices, batch // devices, size, size, 3)

    start, stop = first // chunk * chunk, -(-end // chunk) * chunk
    threads = grain.ReadOptions(num_threads=os.cpu_count() or 1, prefetch_buffer_size=chunk)
    batches = grain.MapDataset.range(start, stop).map(prepare).to_iter_dataset(threads)
    placed = grain.experimental.device_put(
        batches.batch(chunk), parallel.divided(1), cpu_buffer_size=1, device_buffer_size=AHEAD
    )
    for number, images in enumerate(placed):
        yield Streamed(images, np.int32(start + number * chunk))


def cut(
    pictures: PatchSet,
    indices: Int[np.ndarray, " b"],
    origins: Int[np.ndarray, "b 2"],
    turns: Int[np.ndarray, " b"],
    *,
    size: int,
) -> UInt8[np.ndarray, "b s s 3"]:
    """Cuts drawn crops out of patches, as `data.crops` does on a device."""
    images = np.empty((len(indices), size, size, 3), np.uint8)
    for image, index, (y, x), turn in zip(images, indices, origins, turns, strict=True):
        crop = pictures.patches[index, y : y + size, x : x + size]
        crop = crop[::-1] if turn & 1 else crop
        crop = crop[:, ::-1] if turn & 2 else crop
        image[:] = crop.swapaxes(0, 1) if turn & 4 else crop
    return images


def _cpu() -> Any:
    try:
        return jax.local_devices(backend="cpu")[0]
    except RuntimeError:  # JAX_PLATFORMS names the accelerator alone
        return jax.local_devices()[0]
