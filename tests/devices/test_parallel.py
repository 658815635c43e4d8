"""Tests ../../jsr/devices/parallel.py."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax import lax

from jsr.data import crops, placement, streaming
from jsr.data.crops import Replicated
from jsr.data.patches import PatchSet
from jsr.devices import compilation, parallel
from jsr.training.run.checkpoints import Checkpoints
from tests.training.tiny_steps import (
    BATCH,
    SIZE,
    distance,
    gan_state,
    gan_step,
    pretrain_state,
    pretrain_step,
)


class Counter(NamedTuple):
    """The smallest state."""

    step: jax.Array
    total: jax.Array


def add(state, images):
    """A step that sums the images of all devices."""
    total = state.total + lax.psum(images.sum(), parallel.AXIS)
    return Counter(state.step + 1, total), {"total": total}


def share(source, step, *, axis_name):
    """Each device's share is its number, times the step's."""
    return source * step * (1 + lax.axis_index(axis_name)) * jnp.ones(3)


@pytest.fixture
def pictures(rng):
    patches = rng.integers(0, 256, (5, 64, 64, 3), np.uint8)
    return PatchSet(patches, np.full((5, 2), 64, np.int32), [], "")


@pytest.fixture
def programs(monkeypatch):
    """The programs that are made."""
    made, jit = [], compilation.jit

    def recording(*args, **kwargs):
        made.append(jit(*args, **kwargs))
        return made[-1]

    monkeypatch.setattr(compilation, "jit", recording)
    return made


def source(kind, pictures, *, chunk=5, batch=BATCH):
    """Makes a source of a kind, for the steps from 0 on."""
    key = jax.random.key(7)
    if kind == "streamed":
        return next(streaming.streamed(pictures, key, first=0, end=5, chunk=chunk, batch=batch, size=SIZE))
    return {"replicated": placement.replicated, "sharded": placement.sharded}[kind](pictures, key)


@pytest.mark.parametrize("backend", ["cpu", "gpu"])
def test_make_dispatch_runs_each_step_once_on_every_device_by_one_program(monkeypatch, programs, backend):
    """Whatever the number of steps in a dispatch: the loop on the device, and that of a CPU's host."""
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    dispatch = parallel.make_dispatch(add, share, most=4)
    state = parallel.replicate(Counter(jnp.int32(0), jnp.float32(0)))
    factor = parallel.replicate(jnp.float32(1))
    totals = []
    for count in (4, 1, 2):
        state, pending = dispatch(state, factor, count)
        metrics, end = pending.wait()
        assert metrics["total"].shape == (count,) and end > 0
        totals += [float(total) for total in metrics["total"]]
    assert int(state.step) == 7
    assert totals == [3 * (1 + 2 + 3 + 4) * n for n in np.cumsum(range(7))]
    (program,) = programs
    assert program._cache_size() == 1


def test_make_largest_asks_a_single_process_as_late_as_it_can():
    """Several processes are asked in test_hosts.py."""
    answers = [1]
    result = parallel.make_largest()(lambda: answers[-1])
    answers.append(2)
    assert result() == 2


def test_replicate_copies_a_tree_to_every_device():
    """The step donates its state: the caller's array must outlive it."""
    original = jnp.arange(3.0)
    copy = parallel.replicate({"a": original})["a"]
    assert len(copy.sharding.device_set) == jax.local_device_count() == 4
    copy.delete()
    assert original.tolist() == [0, 1, 2]


def test_divided_gives_each_device_an_index_of_the_axis():
    array = jax.device_put(np.arange(8).reshape(2, 4), parallel.divided(1))
    assert [shard.data.tolist() for shard in array.addressable_shards] == [[[n], [n + 4]] for n in range(4)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("phase", "kind"),
    [
        ("pretrain", "replicated"),
        ("pretrain", "sharded"),
        ("pretrain", "streamed"),
        ("gan", "sharded"),
    ],
)
def test_make_dispatch_on_four_devices_equals_one(pictures, phase, kind):
    """Three SGD steps on four devices give the losses and parameters of one (Adam would hide a wrong factor)."""
    optimizer = optax.sgd(0.1)
    make_state, make_step = {
        "pretrain": (pretrain_state, pretrain_step),
        "gan": (gan_state, gan_step),
    }[phase]
    draw = functools.partial(crops.at_step, batch=BATCH, size=SIZE)

    alone = make_state(optimizer)
    whole = Replicated(jax.random.key(7), jnp.asarray(pictures.patches), jnp.asarray(pictures.sizes))
    step = jax.jit(make_step(optimizer))
    expected = []
    for _ in range(3):
        alone, metrics = step(alone, draw(whole, alone.step))
        expected.append(metrics)

    assert jax.device_count() == 4
    axes = placement.AXES[kind]
    dispatch = parallel.make_dispatch(make_step(optimizer, parallel.AXIS), draw, most=5, axes=axes)
    state = parallel.replicate(make_state(optimizer))
    together, pending = dispatch(state, source(kind, pictures), 3)
    history, _ = pending.wait()
    assert distance(alone.generator.params, jax.device_get(together.generator.params)) < 1e-5
    assert distance(alone.ema, jax.device_get(together.ema)) < 1e-5
    if phase == "gan":
        ours = jax.device_get(together.discriminator.params)
        assert distance(alone.discriminator.params, ours) < 1e-5
    for name in history:
        np.testing.assert_allclose(history[name], [float(m[name]) for m in expected], atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["cpu", "gpu"])
@pytest.mark.parametrize("kind", ["replicated", "sharded", "streamed"])
def test_make_dispatch_compiles_once(pictures, tmp_path, monkeypatch, programs, kind, backend):
    """Neither shorter dispatches, nor the next chunk, nor a restored checkpoint compile anything new."""
    optimizer = optax.sgd(0.1)
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    draw = functools.partial(crops.at_step, batch=4, size=SIZE)
    step = pretrain_step(optimizer, parallel.AXIS)
    dispatch = parallel.make_dispatch(step, draw, most=4, axes=placement.AXES[kind])
    state = parallel.replicate(pretrain_state(optimizer))
    first = source(kind, pictures, chunk=4, batch=4)
    for count in (2, 1):
        state, pending = dispatch(state, first, count)
        assert pending.wait()[0]["loss"].shape == (count,)
    with Checkpoints(tmp_path / "checkpoints") as checkpoints:
        checkpoints.save(3, state, psnr=20.0)
    with Checkpoints(tmp_path / "checkpoints") as checkpoints:
        # As the loop does: the restored state takes the place of one on a single device.
        state = parallel.replicate(checkpoints.restore(3, pretrain_state(optimizer)))
    state, pending = dispatch(state, source(kind, pictures, chunk=4, batch=4), 1)
    assert int(state.step) == 4 and np.isfinite(pending.wait()[0]["loss"]).all()
    (program,) = programs
    assert program._cache_size() == 1


@pytest.mark.slow
def test_make_dispatch_loops_alike_on_the_device_and_on_the_host(pictures, monkeypatch):
    """Accelerators run many steps in one program, the CPU one: the same numbers, up to the order of sums."""
    optimizer = optax.sgd(0.1)
    draw = functools.partial(crops.at_step, batch=4, size=SIZE)
    step = pretrain_step(optimizer, parallel.AXIS)
    ends = []
    for backend in ("cpu", "gpu"):
        monkeypatch.setattr(jax, "default_backend", lambda backend=backend: backend)
        dispatch = parallel.make_dispatch(step, draw, most=4)
        state = parallel.replicate(pretrain_state(optimizer))
        whole = source("replicated", pictures)
        state, first = dispatch(state, whole, 3)
        state, second = dispatch(state, whole, 1)
        losses = np.concatenate([pending.wait()[0]["loss"] for pending in (first, second)])
        ends.append((losses, jax.device_get(state.generator.params)))
    assert ends[0][0].shape == (4,)
    np.testing.assert_allclose(*(losses for losses, _ in ends), rtol=1e-5)
    assert distance(ends[0][1], ends[1][1]) < 1e-4  # two programs sum in two orders
