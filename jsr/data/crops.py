"""Crops to train on, drawn from patches of pictures.

Everything is RGB uint8 in [0, 255], rows first. Three kinds of source give the same crops, for all draw by
`fold_in(key, step)`: `Replicated`, the whole set on every device; `Sharded`, a part of it on each; and `Streamed`,
batches that the host prepared (`stream.py`). Draws are for the global batch, of which each device takes its share: what
is drawn does not depend on how many devices there are, nor on where the patches lie.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Int, UInt8


class Replicated(NamedTuple):
    """The whole set, on every device."""

    key: Any
    patches: UInt8[Any, "n p p 3"]
    sizes: Int[Any, "n 2"]


class Sharded(NamedTuple):
    """The set divided over the devices: in a program, the patches of its own device, `m` for each."""

    key: Any
    patches: UInt8[Any, "m p p 3"]
    sizes: Int[Any, "n 2"]  # of all patches, since all devices draw alike


class Streamed(NamedTuple):
    """The batches of some consecutive steps: in a program, the share of its own device."""

    images: UInt8[Any, "k b s s 3"]
    first: Int[Any, ""]  # the step that images[0] belongs to


Source = Replicated | Sharded | Streamed


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


def at_step(
    source: Source, step: Int[Any, ""], *, batch: int, size: int, axis_name: str | None = None
) -> UInt8[Array, "b s s 3"]:
    """Returns the crops of a step: of the global batch, under an axis name the device's share.

    Pure, and the same for all kinds of source, of which `Sharded` needs the axis.

    Raises:
      ValueError: the devices do not divide the batch.
    """
    shares = lax.axis_size(axis_name) if axis_name else 1
    if batch % shares:
        raise ValueError(f"batch: expected a multiple of the {shares} devices, got {batch}")
    if isinstance(source, Streamed):
        return lax.dynamic_index_in_dim(source.images, step - source.first, keepdims=False)
    drawn = draw(source.key, step, source.sizes, batch=batch, size=size)
    if isinstance(source, Replicated):
        if axis_name:
            part = batch // shares
            start = lax.axis_index(axis_name) * part
            drawn = [lax.dynamic_slice_in_dim(a, start, part) for a in drawn]
        return _cut(source.patches, *drawn, size=size)
    # A crop lies on one device, that of its patch; all others add zeros.
    indices, origins, turns = drawn
    held = source.patches.shape[0]
    indices = indices - lax.axis_index(axis_name) * held
    here = (indices >= 0) & (indices < held)
    images = _cut(source.patches, jnp.clip(indices, 0, held - 1), origins, turns, size=size)
    images = jnp.where(here[:, None, None, None], images, jnp.zeros_like(images))
    return lax.psum_scatter(images, axis_name, tiled=True)  # summed, and each device gets its share


def _cut(patches, indices, origins, turns, *, size):
    """Cuts the drawn crops out of patches: `[b, size, size, 3]`."""

    def crop(index, origin, turn):
        start = (index, origin[0], origin[1], jnp.zeros_like(index))
        image = lax.dynamic_slice(patches, start, (1, size, size, 3))[0]
        image = jnp.where(turn & 1, image[::-1], image)
        image = jnp.where(turn & 2, image[:, ::-1], image)
        return jnp.where(turn & 4, image.swapaxes(0, 1), image)

    return jax.vmap(crop)(indices, origins, turns)
