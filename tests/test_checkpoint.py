"""Tests ../jsr/checkpoint.py."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jsr import checkpoint
from jsr.steps import Network, PretrainState


def state_of(step):
    """A state whose numbers tell its step."""
    network = Network({"w": jnp.full((3, 2), step, jnp.float32)}, {}, (jnp.int32(step),))
    ema = {"params": {"w": jnp.full((3, 2), -step, jnp.float32)}, "batch_stats": {}}
    return PretrainState(jnp.int32(step), network, ema)


def save(folder, scores):
    with checkpoint.Checkpoints(folder) as checkpoints:
        for step, psnr in scores.items():
            checkpoints.save(step, state_of(step), psnr=psnr)


def test_the_latest_two_and_the_best_are_kept(tmp_path):
    save(tmp_path / "run", {1: 20.0, 2: 29.0, 3: 25.0, 4: 24.0, 5: 23.0})
    assert {p.name for p in (tmp_path / "run").iterdir()} == {"2", "4", "5"}


def test_the_latest_is_restored_to_the_last_bit(tmp_path):
    save(tmp_path / "run", {1: 29.0, 7: 20.0})
    with checkpoint.Checkpoints(tmp_path / "run") as checkpoints:
        restored = checkpoints.restore(state_of(0))
    expected = state_of(7)
    assert jax.tree.structure(restored) == jax.tree.structure(expected)
    assert jax.tree.all(jax.tree.map(np.array_equal, restored, expected))
    # On every device, as the step wants it.
    assert all(len(leaf.sharding.device_set) == 4 for leaf in jax.tree.leaves(restored))


def test_only_the_average_crosses_to_the_next_phase(tmp_path):
    save(tmp_path / "run", {7: 20.0})
    average = checkpoint.restore_average(tmp_path / "run", state_of(0).ema)
    assert np.array_equal(average["params"]["w"], np.full((3, 2), -7))


def test_exists_counts_complete_checkpoints_only(tmp_path):
    assert not checkpoint.exists(tmp_path / "run")
    (tmp_path / "run" / "5.orbax-checkpoint-tmp").mkdir(parents=True)
    assert not checkpoint.exists(tmp_path / "run")
    save(tmp_path / "other", {5: 1.0})
    assert checkpoint.exists(tmp_path / "other")


def test_another_network_is_refused_in_one_line(tmp_path):
    save(tmp_path / "run", {7: 20.0})
    larger = {"params": {"w": jnp.zeros((4, 4))}, "batch_stats": {}}
    with pytest.raises(checkpoint.CheckpointError, match="checkpoint 7 in ") as error:
        checkpoint.restore_average(tmp_path / "run", larger)
    assert "\n" not in str(error.value)
    (tmp_path / "empty").mkdir()
    with pytest.raises(checkpoint.CheckpointError, match="expected a checkpoint, found none"):
        checkpoint.restore_average(tmp_path / "empty", larger)
