"""Tests ../jsr/data.py."""

import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from PIL import Image

from jsr import data, folders, patches

SIZE = 24
BATCH = 8


def _load(folder, tmp_path, **options):
    options = {"size": SIZE, "patch": 64, "cache_dir": tmp_path / "cache", **options}
    return patches.load(str(folder), **options)


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
    assert pictures.patches.shape[1:] == (64, 64, 3) and pictures.sizes.dtype == np.int32
    originals = [np.asarray(Image.open(p)) for p in folders.list_pictures(folder)]
    source = data.resident(pictures, jax.random.key(1))
    for step in range(3):
        for crop in np.asarray(data.crops(source, step, batch=BATCH, size=SIZE)):
            assert crop.shape == (SIZE, SIZE, 3)
            assert sum(_windows(original, crop) for original in originals) == 1


def test_all_turns_and_places_are_drawn():
    """A picture one pixel larger than a crop has 4 windows in 8 positions: all 32 turn up."""
    patches = np.zeros((1, 8, 8, 3), np.uint8)
    patches[0, :5, :5] = np.arange(75).reshape(5, 5, 3)
    source = data.Resident(jax.random.key(0), jnp.asarray(patches), jnp.array([[5, 5]]))
    images = np.asarray(data.crops(source, 0, batch=1000, size=4))
    kinds, counts = np.unique(images.reshape(1000, -1), axis=0, return_counts=True)
    assert len(kinds) == 32 and counts.min() > 10
    assert kinds.max() == 74  # no padding: 0 is a value of the picture's first pixel only
    assert (kinds == 0).sum() == 8


def test_patches_are_drawn_evenly():
    sizes = jnp.full((10, 2), 64)
    indices, _, _ = data.draw(jax.random.key(0), 0, sizes, batch=10000, size=SIZE)
    assert np.bincount(indices, minlength=10).min() > 850  # 1000 expected, standard deviation 30


def test_steps_differ_and_repeat(folder, tmp_path):
    source = data.resident(_load(folder, tmp_path), jax.random.key(1))
    crops = [np.asarray(data.crops(source, s, batch=BATCH, size=SIZE)) for s in (0, 1, 0)]
    assert np.array_equal(crops[0], crops[2])
    assert not np.array_equal(crops[0], crops[1])


@pytest.mark.parametrize("kind", ["resident", "streamed"])
def test_crops_do_not_depend_on_the_number_of_devices(folder, tmp_path, kind):
    """So that a run continued on more devices sees the pictures it would have seen."""
    pictures, key = _load(folder, tmp_path), jax.random.key(2)
    if kind == "resident":
        source = data.resident(pictures, key)
    else:
        source = data.stream(pictures, key, 3, 2, room=4, batch=BATCH, size=SIZE)
    whole = data.crops(source, 4, batch=BATCH, size=SIZE)
    shares = [data.crops(source, 4, batch=BATCH, size=SIZE, share=i, shares=4) for i in range(4)]
    assert np.array_equal(np.concatenate(shares), whole)

    def device(source, _):
        return data.crops(
            source, jnp.int32(4), batch=BATCH, size=SIZE, share=lax.axis_index("d"), shares=4
        )

    mapped = jax.pmap(device, axis_name="d", in_axes=(None, 0))(source, np.zeros(4))
    assert np.array_equal(np.reshape(mapped, whole.shape), whole)


@pytest.mark.parametrize("first", [0, 7])
def test_streamed_equals_resident(folder, tmp_path, first):
    """Which kind a machine's memory allows must not change what is learnt."""
    pictures, key = _load(folder, tmp_path), jax.random.key(3)
    source = data.resident(pictures, key)
    streamed = data.stream(pictures, key, first, 5, room=6, batch=BATCH, size=SIZE)
    assert streamed.images.shape == (6, BATCH, SIZE, SIZE, 3)
    crops = jax.jit(data.crops, static_argnames=("batch", "size"))
    for step in range(first, first + 5):
        expected = data.crops(source, step, batch=BATCH, size=SIZE)
        assert np.array_equal(crops(streamed, step, batch=BATCH, size=SIZE), expected)
        assert np.array_equal(crops(source, step, batch=BATCH, size=SIZE), expected)


def test_a_split_streamed_source_is_taken_whole(folder, tmp_path):
    """Each device is sent only its own part of the batches, so it has no share left to take."""
    source = data.stream(
        _load(folder, tmp_path), jax.random.key(2), 3, 2, room=2, batch=BATCH, size=SIZE
    )

    def device(images):
        return data.crops(data.Streamed(images, source.first), 4, batch=BATCH, size=SIZE)

    parts = np.stack(np.split(source.images, 4, axis=1))
    assert np.array_equal(np.concatenate(jax.pmap(device)(parts)), source.images[1])


def test_an_odd_batch_is_refused(folder, tmp_path):
    source = data.resident(_load(folder, tmp_path), jax.random.key(0))
    with pytest.raises(ValueError, match="batch: expected a multiple of the 4 shares, got 6"):
        data.crops(source, 0, batch=6, size=SIZE, shares=4)


def test_fits(folder, tmp_path, monkeypatch):
    pictures = _load(folder, tmp_path)
    need = pictures.patches.nbytes

    def limited(limit):
        device = types.SimpleNamespace(memory_stats=lambda: {"bytes_limit": limit})
        monkeypatch.setattr(data.jax, "local_devices", lambda: [device])
        return data.fits(pictures)

    assert data.fits(pictures)[0]  # of the physical memory: the CPU has no limit of its own
    assert limited(need / 0.39)[0]
    fit, reason = limited(need / 0.41)
    assert not fit and "not under 40% of the device's" in reason
