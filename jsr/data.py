"""Crops to train on, drawn from patches of pictures.

Everything is RGB uint8 in [0, 255], rows first. Two kinds of source give the same crops, for both draw by
`fold_in(key, step)`: `Resident`, the whole set on the device, and `Streamed`, batches that the host prepared. Draws are
for the global batch, of which each device takes its share: what is drawn does not depend on how many devices there are.
"""

import os
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Int, UInt8

from jsr.patches import PatchSet

DEVICE_FRACTION = 0.4  # of the device's memory for patches; activations need the rest


class Resident(NamedTuple):
    """The whole set on the device."""

    key: Array
    patches: UInt8[Array, "n p p 3"]
    sizes: Int[Array, "n 2"]


class Streamed(NamedTuple):
    """The batches of some consecutive steps, prepared by the host."""

    images: UInt8[Any, "k b s s 3"]
    first: Int[Any, ""]  # the step that images[0] belongs to


def draw(
    key: Array, step: Int[Any, ""], sizes: Int[Array, "n 2"], *, batch: int, size: int
) -> tuple[Int[Array, " b"], Int[Array, "b 2"], Int[Array, " b"]]:
    """Draws the crops of a step.

    Returns:
      indices `[b]` of patches, uniform; origins `[b, 2]`, uniform over the windows of `size` pixels
      that lie within the picture; turns `[b]` in 0..7, of which bit 0 flips rows, bit 1 columns,
      and bit 2 then transposes.
    """
    index_key, origin_key, turn_key = jax.random.split(jax.random.fold_in(key, step), 3)
    indices = jax.random.randint(index_key, (batch,), 0, sizes.shape[0])
    origins = jax.random.randint(origin_key, (batch, 2), 0, sizes[indices] - size + 1)
    turns = jax.random.randint(turn_key, (batch,), 0, 8)
    return indices, origins, turns


def crops(
    source: Resident | Streamed,
    step: Int[Any, ""],
    *,
    batch: int,
    size: int,
    share: Any = 0,
    shares: int = 1,
) -> UInt8[Array, "b s s 3"]:
    """Returns a device's share of the crops of a step: `[batch / shares, size, size, 3]`.

    Pure, and the same for both kinds of source. `share`, 0 to `shares - 1`, may be traced. A
    `Streamed` source that is itself already split over the devices is taken with one share.

    Raises:
      ValueError: the shares do not divide the batch.
    """
    if batch % shares:
        raise ValueError(f"batch: expected a multiple of the {shares} shares, got {batch}")
    if isinstance(source, Streamed):
        images = lax.dynamic_index_in_dim(
            jnp.asarray(source.images), step - source.first, keepdims=False
        )
        return _share(images, share, shares)
    drawn = draw(source.key, step, source.sizes, batch=batch, size=size)
    indices, origins, turns = (_share(a, share, shares) for a in drawn)

    def crop(index, origin, turn):
        start = (index, origin[0], origin[1], jnp.zeros_like(index))
        image = lax.dynamic_slice(source.patches, start, (1, size, size, 3))[0]
        image = jnp.where(turn & 1, image[::-1], image)
        image = jnp.where(turn & 2, image[:, ::-1], image)
        return jnp.where(turn & 4, image.swapaxes(0, 1), image)

    return jax.vmap(crop)(indices, origins, turns)


def _share(array: Array, share: Any, shares: int) -> Array:
    if shares == 1:
        return array
    part = array.shape[0] // shares
    return lax.dynamic_slice_in_dim(array, share * part, part)


def resident(pictures: PatchSet, key: Array) -> Resident:
    """Places the whole set on the default device."""
    return Resident(key, jnp.asarray(pictures.patches), jnp.asarray(pictures.sizes))


def stream(
    pictures: PatchSet, key: Array, first: int, count: int, *, room: int, batch: int, size: int
) -> Streamed:
    """Prepares on the host the crops of `count` steps from `first` on, the same as `crops` draws.

    Returns:
      a source whose leaves are NumPy arrays: images `[room, batch, size, size, 3]`, of which the first `count` are
      filled: programs are compiled for a shape, and not every dispatch has as many steps.
    """
    images = np.zeros((room, batch, size, size, 3), np.uint8)
    # Drawn on the CPU, so as not to wait for the accelerator, which is busy with the steps before.
    device = _cpu()
    key, sizes = jax.device_put((key, pictures.sizes), device)
    with jax.default_device(device):
        for k in range(count):
            drawn = _draw(key, first + k, sizes, batch=batch, size=size)
            for b, (index, (y, x), turn) in enumerate(zip(*map(np.asarray, drawn), strict=True)):
                image = pictures.patches[index, y : y + size, x : x + size]
                image = image[::-1] if turn & 1 else image
                image = image[:, ::-1] if turn & 2 else image
                images[k, b] = image.swapaxes(0, 1) if turn & 4 else image
    return Streamed(images, np.asarray(first, np.int32))


_draw = jax.jit(draw, static_argnames=("batch", "size"))


def _cpu() -> Any:
    try:
        return jax.local_devices(backend="cpu")[0]
    except RuntimeError:  # JAX_PLATFORMS names the accelerator alone
        return jax.local_devices()[0]


def fits(pictures: PatchSet) -> tuple[bool, str]:
    """Whether the patches leave the device memory enough to be `Resident`, and why, in words."""
    stats = jax.local_devices()[0].memory_stats() or {}
    memory = stats.get("bytes_limit") or os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    need = pictures.patches.nbytes
    fit = need < DEVICE_FRACTION * memory
    sign = "under" if fit else "not under"
    reason = f"patches take {need / 1e9:.2f} GB, {sign} {DEVICE_FRACTION:.0%} of the device's"
    return fit, f"{reason} {memory / 1e9:.1f} GB"
