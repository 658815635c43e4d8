"""Tests ../jsr/data.py and ../jsr/stream.py."""

import functools
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jsr.data import placement, streaming
from jsr.data.crops import Replicated, at_step, draw
from jsr.data.patches import load
from jsr.devices import parallel
from jsr.pictures import folders

SIZE = 24
BATCH = 8


def _load(folder, tmp_path, **options):
    options = {"size": SIZE, "cache_dir": tmp_path / "cache", **options}
    return load(str(folder), **options)


def _windows(picture, crop):
    """Returns how many of a picture's windows, in all eight positions, equal the crop."""
    size = crop.shape[0]
    count = 0
    for turn in range(8):
        turned = np.rot90(crop, turn % 4)
        turned = turned[::-1] if turn >= 4 else turned
        starts = np.argwhere((picture == turned[0, 0]).all(-1))
        for y, x in starts:
            count += np.array_equal(picture[y : y + size, x : x + size], turned)
    return count


def test_crops_are_windows_of_the_pictures(folder, tmp_path):
    pictures = _load(folder, tmp_path)
    assert pictures.patches.dtype == np.uint8 and isinstance(pictures.patches, np.memmap)
    assert pictures.patches.shape[3] == 3 and pictures.sizes.dtype == np.int32
    originals = [np.asarray(Image.open(p)) for p in folders.list_pictures(folder)]
    source = placement.replicated(pictures, jax.random.key(1))
    for step in range(3):
        for crop in np.asarray(at_step(source, step, batch=BATCH, size=SIZE)):
            assert crop.shape == (SIZE, SIZE, 3)
            assert sum(_windows(original, crop) for original in originals) == 1


def test_all_turns_and_places_are_drawn():
    """A picture one pixel larger than a crop has 4 windows in 8 positions: all 32 turn up."""
    patches = np.zeros((1, 8, 8, 3), np.uint8)
    patches[0, :5, :5] = np.arange(75).reshape(5, 5, 3)
    source = Replicated(jax.random.key(0), jnp.asarray(patches), jnp.array([[5, 5]]))
    images = np.asarray(at_step(source, 0, batch=1000, size=4))
    kinds, counts = np.unique(images.reshape(1000, -1), axis=0, return_counts=True)
    assert len(kinds) == 32 and counts.min() > 10
    assert kinds.max() == 74  # no padding: 0 is a value of the picture's first pixel only
    assert (kinds == 0).sum() == 8


def test_patches_are_drawn_evenly():
    sizes = jnp.full((10, 2), 64)
    indices, _, _ = draw(jax.random.key(0), 0, sizes, batch=10000, size=SIZE)
    assert np.bincount(indices, minlength=10).min() > 850  # 1000 expected, standard deviation 30


def test_steps_differ_and_repeat(folder, tmp_path):
    source = placement.replicated(_load(folder, tmp_path), jax.random.key(1))
    crops = [np.asarray(at_step(source, s, batch=BATCH, size=SIZE)) for s in (0, 1, 0)]
    assert np.array_equal(crops[0], crops[2])
    assert not np.array_equal(crops[0], crops[1])


def _place(kind, pictures, key, *, first=0, end=10):
    if kind == "streamed":
        options = {"first": first, "end": end, "chunk": 5, "batch": BATCH, "size": SIZE}
        return next(streaming.streamed(pictures, key, **options))
    return {"replicated": placement.replicated, "sharded": placement.sharded}[kind](pictures, key)


def _on_four_devices(kind, source, step):
    """The global batch of a step, put together from what the devices draw."""
    cut = functools.partial(at_step, batch=BATCH, size=SIZE, axis_name="d")
    mapped = jax.pmap(
        lambda source, _: cut(source, jnp.int32(step)),
        axis_name="d",
        in_axes=(placement.AXES[kind], 0),
    )
    return np.reshape(mapped(source, np.zeros(4)), (BATCH, SIZE, SIZE, 3))


@pytest.mark.parametrize("kind", ["replicated", "sharded", "streamed"])
def test_crops_depend_neither_on_devices_nor_on_placement(folder, tmp_path, kind):
    """Which kind the devices' memory allows must not change what is learnt, nor a run's going on elsewhere."""
    pictures, key = _load(folder, tmp_path), jax.random.key(2)
    assert jax.device_count() == 4 and len(pictures.patches) % 4  # the last device's part is padded
    alone = Replicated(key, jnp.asarray(pictures.patches), jnp.asarray(pictures.sizes))
    source = _place(kind, pictures, key)
    for step in range(5):
        expected = at_step(alone, step, batch=BATCH, size=SIZE)
        assert np.array_equal(_on_four_devices(kind, source, step), expected)


def test_sharded_patches_lie_on_one_device_each(folder, tmp_path):
    pictures = _load(folder, tmp_path)
    source = placement.sharded(pictures, jax.random.key(0))
    parts = [np.asarray(shard.data)[0] for shard in source.patches.addressable_shards]
    assert len(parts) == 4 and len({part.shape for part in parts}) == 1
    count = len(pictures.patches)
    assert np.array_equal(np.concatenate(parts)[:count], pictures.patches)
    assert not np.concatenate(parts)[count:].any()


@pytest.mark.parametrize("first", [0, 5, 7])
def test_streamed_chunks_follow_each_other(folder, tmp_path, first):
    """Wherever a run resumes, the chunks are the same, whole and in order, and lie divided over the devices."""
    pictures, key = _load(folder, tmp_path), jax.random.key(3)
    source = placement.replicated(pictures, key)
    options = {"first": first, "end": 12, "chunk": 5, "batch": BATCH, "size": SIZE}
    chunks = list(streaming.streamed(pictures, key, **options))
    assert [int(c.first) for c in chunks] == list(range(first // 5 * 5, 15, 5))
    for chunk in chunks:
        assert chunk.images.shape == (5, 4, BATCH // 4, SIZE, SIZE, 3)
        assert chunk.images.sharding == parallel.divided(1)
        images = np.asarray(chunk.images).reshape(5, BATCH, SIZE, SIZE, 3)
        for k in range(5):
            expected = at_step(source, int(chunk.first) + k, batch=BATCH, size=SIZE)
            assert np.array_equal(images[k], expected)


def test_an_odd_batch_is_refused(folder, tmp_path):
    source = placement.replicated(_load(folder, tmp_path), jax.random.key(0))
    odd = functools.partial(at_step, step=0, batch=6, size=SIZE, axis_name="d")
    with pytest.raises(ValueError, match="batch: expected a multiple of the 4 devices, got 6"):
        jax.vmap(lambda _: odd(source), axis_name="d")(np.zeros(4))


def test_placement(folder, tmp_path, monkeypatch):
    """By size: on every device, else divided over them, else from the host."""
    pictures = _load(folder, tmp_path)
    need = pictures.patches.nbytes

    def limited(limit):
        device = types.SimpleNamespace(memory_stats=lambda: {"bytes_limit": limit})
        monkeypatch.setattr(jax, "local_devices", lambda: [device] * 4)
        return placement.choose(pictures)

    # Of the physical memory: the CPU has no limit of its own.
    assert placement.choose(pictures)[0] == "replicated"
    kind, reason = limited(need / 0.39)
    assert kind == "replicated" and ", under 40% of the device's" in reason
    kind, reason = limited(need / 0.41)
    assert kind == "sharded" and "not under 40% of the device's" in reason and "over 4" in reason
    assert limited(need / (4 * 0.39))[0] == "sharded"
    kind, reason = limited(need / (4 * 0.41))
    assert kind == "streamed" and "not under 40% of the device's" in reason
