"""Random crops of photographs, drawn from patches: pure functions of a key and a step.

Pixels are RGB uint8 in [0, 255], rows first. There are three kinds of source, which give the same crops, because all
draw with `fold_in(key, step)`: `Replicated`, the whole set on each device; `Sharded`, a part of it on each; and
`Streamed`, batches that the host has cut. The global batch is drawn, and each device takes its share of it, so the
crops depend neither on the number of devices nor on where the patches lie.

Patches and crops with low-resolution counterparts of their own are `Aligned`: both are cut at one place, a multiple of
the scale, and turned alike.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, ArrayLike, Int, UInt8

from jsr.data.patch_layout import Aligned


class Replicated(NamedTuple):
    """The whole set, on each device."""

    key: Any
    patches: UInt8[Any, "n p p 3"] | Aligned
    sizes: Int[Any, "n 2"]  # the rows and columns of each patch that are photograph


class Sharded(NamedTuple):
    """The set divided over the devices; inside a program, the `m` patches of its device."""

    key: Any
    patches: UInt8[Any, "m p p 3"] | Aligned
    sizes: Int[Any, "n 2"]  # of all patches, because each device draws the whole batch


class Streamed(NamedTuple):
    """The batches of consecutive steps; inside a program, its device's share of each."""

    images: UInt8[Any, "k b s s 3"] | Aligned
    first: Int[Any, ""]  # the step of images[0]


Source = Replicated | Sharded | Streamed


def draw(
    key: Array, step: Int[ArrayLike, ""], sizes: Int[Array, "n 2"], *, batch: int, size: int, grid: int = 1
) -> tuple[Int[Array, " b"], Int[Array, "b 2"], Int[Array, " b"]]:
    """Draws the crops of a step.

    Args:
      grid: of which the origins are multiples, as sizes and `size` are.

    Returns:
      indices `[b]` of patches, uniform; origins `[b, 2]`, uniform over the windows of `size` pixels within the
      photograph; and turns `[b]` in 0..7, of which bit 0 flips rows, bit 1 flips columns, and bit 2 then transposes.
    """
    index_key, origin_key, turn_key = jax.random.split(jax.random.fold_in(key, step), 3)
    indices = jax.random.randint(index_key, (batch,), 0, sizes.shape[0])
    origins = grid * jax.random.randint(origin_key, (batch, 2), 0, (sizes[indices] - size) // grid + 1)
    turns = jax.random.randint(turn_key, (batch,), 0, 8)
    return indices, origins, turns


def at_step(
    source: Source, step: Int[ArrayLike, ""], *, batch: int, size: int, axis_name: str | None = None
) -> UInt8[Array, "b s s 3"] | Aligned:
    """Returns the crops of a step.

    Args:
      source: of any kind; `Sharded` needs an axis name.
      step: of the run, from 0.
      batch: crops of the global batch.
      size: pixels of a crop's side.
      axis_name: the mapped axis of the devices. With it, the result is the device's share of the batch.

    Raises:
      ValueError: the number of devices does not divide the batch.
    """
    shares = lax.axis_size(axis_name) if axis_name else 1
    if batch % shares:
        raise ValueError(f"batch: expected a multiple of the {shares} devices, got {batch}")
    if isinstance(source, Streamed):
        number = step - source.first
        return jax.tree.map(lambda images: lax.dynamic_index_in_dim(images, number, keepdims=False), source.images)
    drawn = draw(source.key, step, source.sizes, batch=batch, size=size, grid=grid_of(source.patches))
    if isinstance(source, Replicated):
        if axis_name:
            share = batch // shares
            start = lax.axis_index(axis_name) * share
            drawn = [lax.dynamic_slice_in_dim(a, start, share) for a in drawn]
        return _cut(source.patches, *drawn, size=size)
    # The device that holds a crop's patch cuts it; all others contribute zeros to the sum.
    indices, origins, turns = drawn
    count = jax.tree.leaves(source.patches)[0].shape[0]
    indices = indices - lax.axis_index(axis_name) * count
    is_ours = (indices >= 0) & (indices < count)
    images = _cut(source.patches, jnp.clip(indices, 0, count - 1), origins, turns, size=size)
    images = jax.tree.map(lambda x: jnp.where(is_ours[:, None, None, None], x, jnp.zeros_like(x)), images)
    return lax.psum_scatter(images, axis_name, tiled=True)  # sums, and gives each device its share


def grid_of(patches: UInt8[Any, "n p p 3"] | Aligned) -> int:
    """Returns the pixels of which the origins of crops are multiples."""
    return patches.scale if isinstance(patches, Aligned) else 1


def _cut(
    patches: UInt8[Array, "n p p 3"] | Aligned,
    indices: Int[Array, " b"],
    origins: Int[Array, "b 2"],
    turns: Int[Array, " b"],
    *,
    size: int,
) -> UInt8[Array, "b s s 3"] | Aligned:
    """Cuts the drawn crops out of patches."""
    if isinstance(patches, Aligned):
        scale = patches.scale
        lr = _cut(patches.lr, indices, origins // scale, turns, size=size // scale)
        return Aligned(_cut(patches.hr, indices, origins, turns, size=size), lr)

    def crop(index: Int[Array, ""], origin: Int[Array, "2"], turn: Int[Array, ""]) -> UInt8[Array, "s s 3"]:
        start = (index, origin[0], origin[1], jnp.zeros_like(index))
        image = lax.dynamic_slice(patches, start, (1, size, size, 3))[0]
        image = jnp.where(turn & 1, image[::-1], image)
        image = jnp.where(turn & 2, image[:, ::-1], image)
        return jnp.where(turn & 4, image.swapaxes(0, 1), image)

    return jax.vmap(crop)(indices, origins, turns)
