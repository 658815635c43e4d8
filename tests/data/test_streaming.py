"""Tests ../../jsr/data/streaming.py."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jsr.data import streaming
from jsr.data.crops import Replicated, Streamed, at_step
from jsr.data.patch_files import PatchSet
from jsr.devices import parallel

SIZE = 24
BATCH = 8


@pytest.fixture
def pictures(rng):
    sizes = rng.integers(SIZE, 41, (18, 2)).astype(np.int32)
    return PatchSet(rng.integers(0, 256, (18, 40, 40, 3), np.uint8), sizes, [], "")


@pytest.mark.parametrize("first", [0, 5, 7])
def test_streamed_yields_the_same_chunks_wherever_a_run_resumes(pictures, first):
    """They are whole and in order, lie divided over the devices, and hold the crops that devices would cut."""
    key = jax.random.key(3)
    source = Replicated(key, jnp.asarray(pictures.patches), jnp.asarray(pictures.sizes))
    chunks = list(streaming.streamed(pictures, key, first=first, end=12, chunk=5, batch=BATCH, size=SIZE))
    assert [int(chunk.first) for chunk in chunks] == list(range(first // 5 * 5, 15, 5))
    for chunk in chunks:
        assert isinstance(chunk.images, jax.Array)
        assert chunk.images.shape == (5, 4, BATCH // 4, SIZE, SIZE, 3)
        assert chunk.images.sharding == parallel.divided(1)
        images = np.asarray(chunk.images).reshape(5, BATCH, SIZE, SIZE, 3)
        for k in range(5):
            expected = at_step(source, int(chunk.first) + k, batch=BATCH, size=SIZE)
            assert np.array_equal(images[k], expected)


def test_in_order_gives_each_step_its_chunk():
    """From the middle of the first chunk on, as in a run that resumes; the next is asked for when it is due."""
    chunks = iter([Streamed(None, np.int32(first)) for first in (10, 15, 20)])
    at = streaming.in_order(chunks, chunk=5)
    assert [int(at(step).first) for step in (12, 13, 14, 15, 19)] == [10, 10, 10, 15, 15]
    assert int(next(chunks).first) == 20


@pytest.mark.parametrize("turn", range(8))
def test_cut_turns_crops_as_devices_do(pictures, turn):
    """Bit 0 flips rows, bit 1 columns, and bit 2 then transposes."""
    image = pictures.patches[3, 5:29, 7:31]
    image = image[::-1] if turn & 1 else image
    image = image[:, ::-1] if turn & 2 else image
    image = image.transpose(1, 0, 2) if turn & 4 else image
    crops = streaming.cut(pictures.patches, np.array([3]), np.array([[5, 7]]), np.array([turn]), size=SIZE)
    assert np.array_equal(crops[0], image)
