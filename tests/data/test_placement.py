"""Tests ../../jsr/data/placement.py."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jsr.data import placement
from jsr.data.crops import Replicated, at_step
from jsr.data.patch_files import PatchSet
from jsr.data.patch_layout import Aligned
from jsr.devices import memory

SIZE = 24
BATCH = 8
KINDS = ("replicated", "sharded", "streamed")


@pytest.fixture
def pictures(rng):
    """Returns a set of 18 patches, which four devices do not divide."""
    sizes = rng.integers(SIZE, 41, (18, 2)).astype(np.int32)
    return PatchSet(rng.integers(0, 256, (18, 40, 40, 3), np.uint8), sizes, [], "")


@pytest.fixture
def paired(rng):
    """Returns a set of 18 patches, each with a low-resolution one whose pixels name their blocks' places."""
    low = rng.integers(0, 256, (18, 10, 10, 3), np.uint8)
    sizes = 4 * rng.integers(SIZE // 4, 11, (18, 2)).astype(np.int32)
    return PatchSet(Aligned(low.repeat(4, axis=1).repeat(4, axis=2), low), sizes, [], "")


def _limit_memory(monkeypatch, pictures, kind):
    """Gives each device just the memory for which a kind is chosen."""
    need = sum(patches.nbytes for patches in jax.tree.leaves(pictures.patches))
    factor = {"replicated": 0.39, "sharded": 0.41, "streamed": 4 * 0.41}[kind]
    monkeypatch.setattr(memory, "total", lambda: int(need / factor))


def _place(pictures, key, *, first=0, end=10):
    return placement.place(pictures, key, first=first, end=end, batch=BATCH, size=SIZE)


def _on_four_devices(placed, step):
    """Returns the global batch of a step, put together from the shares of the devices."""
    share = functools.partial(at_step, batch=BATCH, size=SIZE, axis_name="d")
    mapped = jax.pmap(lambda source, _: share(source, jnp.int32(step)), axis_name="d", in_axes=(placed.axes, 0))
    shares = mapped(placed.at(step), np.zeros(4))
    return jax.tree.map(lambda images: np.reshape(images, (BATCH, *images.shape[2:])), shares)


@pytest.mark.parametrize("kind", KINDS)
def test_place_changes_no_crop(pictures, monkeypatch, kind):
    """The kind that the devices' memory allows changes neither what is learnt, nor how a run goes on elsewhere."""
    key = jax.random.key(2)
    assert jax.device_count() == 4 and len(pictures.patches) % 4  # zeros follow the last device's patches
    _limit_memory(monkeypatch, pictures, kind)
    monkeypatch.setattr(placement, "MOST_STREAMED", 2)  # so that there are several chunks
    placed = _place(pictures, key)
    alone = Replicated(key, jnp.asarray(pictures.patches), jnp.asarray(pictures.sizes))
    for step in range(5):
        expected = at_step(alone, step, batch=BATCH, size=SIZE)
        assert np.array_equal(_on_four_devices(placed, step), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_place_cuts_pairs_at_one_place_and_turns_them_alike(paired, monkeypatch, kind):
    """Each pixel of a low-resolution crop has the colour of its block in the original's, whatever holds the patches."""
    key = jax.random.key(2)
    _limit_memory(monkeypatch, paired, kind)
    monkeypatch.setattr(placement, "MOST_STREAMED", 2)
    placed = _place(paired, key)
    alone = Replicated(key, jax.tree.map(jnp.asarray, paired.patches), jnp.asarray(paired.sizes))
    for step in range(4):
        hr, lr = _on_four_devices(placed, step)
        assert hr.shape == (BATCH, SIZE, SIZE, 3) and lr.shape == (BATCH, SIZE // 4, SIZE // 4, 3)
        assert np.array_equal(hr, lr.repeat(4, axis=1).repeat(4, axis=2))
        expected: Any = at_step(alone, step, batch=BATCH, size=SIZE)
        assert np.array_equal(hr, expected.hr) and np.array_equal(lr, expected.lr)
    turned = at_step(alone, 0, batch=BATCH, size=SIZE)
    assert len({crop.tobytes() for crop in np.asarray(jax.tree.leaves(turned)[0])}) == BATCH


def test_place_streams_from_the_step_of_a_resumed_run(pictures, monkeypatch):
    key = jax.random.key(2)
    _limit_memory(monkeypatch, pictures, "streamed")
    monkeypatch.setattr(placement, "MOST_STREAMED", 4)
    placed = _place(pictures, key, first=6, end=9)
    alone = Replicated(key, jnp.asarray(pictures.patches), jnp.asarray(pictures.sizes))
    for step in (6, 7, 8):
        assert np.array_equal(_on_four_devices(placed, step), at_step(alone, step, batch=BATCH, size=SIZE))


@pytest.mark.parametrize(
    "kind, steps, note",
    [
        ("replicated", placement.MOST, "crops: drawn on every device (patches take 0.1 MB, under 40% of the device's"),
        ("sharded", placement.MOST, "crops: drawn on the device that holds them (patches take 0.1 MB, not under 40%"),
        ("streamed", placement.MOST_STREAMED, "crops: prepared on the host (patches take 0.1 MB, not under 40%"),
    ],
)
def test_place_says_where_and_for_how_many_steps(pictures, monkeypatch, kind, steps, note):
    _limit_memory(monkeypatch, pictures, kind)
    placed = _place(pictures, jax.random.key(0))
    assert placed.axes == placement.AXES[kind] and placed.most == steps
    assert placed.note.startswith(note) and "\n" not in placed.note


def test_choose_prefers_whole_sets_to_parts_and_parts_to_the_host(pictures, monkeypatch):
    need = pictures.patches.nbytes

    def chosen(capacity):
        monkeypatch.setattr(memory, "total", lambda: int(capacity))
        return placement.choose(pictures)

    assert chosen(need / 0.39)[0] == "replicated"
    kind, reason = chosen(need / 0.41)
    assert kind == "sharded" and "not under 40% of the device's" in reason and "over 4" in reason
    assert chosen(need / (4 * 0.39))[0] == "sharded"
    kind, reason = chosen(need / (4 * 0.41))
    assert kind == "streamed" and "not under 40% of the device's" in reason


def test_choose_finds_room_for_a_small_set_on_this_machine(pictures):
    assert placement.choose(pictures)[0] == "replicated"


def test_sharded_places_each_patch_on_one_device(pictures):
    patches: Any = placement.sharded(pictures, jax.random.key(0)).patches
    parts = [np.asarray(shard.data)[0] for shard in patches.addressable_shards]
    assert len(parts) == 4 and len({part.shape for part in parts}) == 1
    count = len(pictures.patches)
    assert np.array_equal(np.concatenate(parts)[:count], pictures.patches)
    assert not np.concatenate(parts)[count:].any()
