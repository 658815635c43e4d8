"""Tests ../jsr/steps.py and ../jsr/parallel.py."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jsr.data import crops, placement, streaming
from jsr.data.crops import Replicated
from jsr.data.patches import PatchSet
from jsr.devices import compilation, parallel
from jsr.models import vgg19
from jsr.models.discriminator import Discriminator
from jsr.models.srresnet import SRResNet
from jsr.training import steps
from jsr.training.checkpoints import Checkpoints
from jsr.training.losses import feature_mse, mse
from jsr.training.steps import GanState, PretrainState

CROP = 24
SIZE = CROP + 2 * steps.margin(4)
BATCH = 8


def generator(**options):
    return SRResNet(features=8, blocks=2, **options)


def discriminator(**options):
    return Discriminator(features=4, **options)


def content():
    module, variables = vgg19.random_vgg19(jax.random.key(3), "relu2_2")
    return functools.partial(feature_mse, functools.partial(module.apply, variables))


def pretrain_state(optimizer):
    network = steps.init_network(jax.random.key(0), generator(), optimizer, (1, 6, 6, 3))
    return PretrainState(jnp.int32(0), network, steps.averaged(network))


def gan_state(optimizer):
    g = steps.init_network(jax.random.key(0), generator(), optimizer, (1, 6, 6, 3))
    d = steps.init_network(jax.random.key(1), discriminator(), optimizer, (1, CROP, CROP, 3))
    return GanState(jnp.int32(0), g, d, steps.averaged(g))


def pretrain_step(optimizer, axis_name=None):
    return steps.make_pretrain_step(
        generator=generator(axis_name=axis_name),
        optimizer=optimizer,
        ema_decay=0.9,
        axis_name=axis_name,
    )


def gan_step(optimizer, axis_name=None, content=mse, content_weight=1.0, pixel_weight=0.0, weight=1e-3):
    return steps.make_gan_step(
        generator=generator(axis_name=axis_name),
        discriminator=discriminator(axis_name=axis_name),
        content=content,
        generator_optimizer=optimizer,
        discriminator_optimizer=optimizer,
        content_weight=content_weight,
        pixel_weight=pixel_weight,
        adversarial_weight=weight,
        ema_decay=0.9,
        axis_name=axis_name,
    )


@pytest.fixture
def images(rng):
    """Uint8 crops with their margin, smooth enough to be learnt from."""
    coarse = rng.integers(0, 256, (BATCH, SIZE // 8, SIZE // 8, 3))
    return jnp.asarray(coarse.repeat(8, axis=1).repeat(8, axis=2), jnp.uint8)


@pytest.fixture
def pictures(rng):
    found = rng.integers(0, 256, (5, 64, 64, 3), np.uint8)
    return PatchSet(found, np.full((5, 2), 64, np.int32), [], "")


def placed(kind, pictures, *, end=5, chunk=5, batch=BATCH):
    """A source of a kind, for the steps from 0 on."""
    key = jax.random.key(7)
    if kind == "streamed":
        options = {"first": 0, "end": end, "chunk": chunk, "batch": batch, "size": SIZE}
        return next(streaming.streamed(pictures, key, **options))
    return {"replicated": placement.replicated, "sharded": placement.sharded}[kind](pictures, key)


def distance(a, b):
    return max(jax.tree.leaves(jax.tree.map(lambda x, y: float(jnp.abs(x - y).max()), a, b)))


def moved(a, b):
    """The largest change of each kernel."""
    flat = zip(jax.tree_util.tree_leaves_with_path(a), jax.tree_util.tree_leaves(b), strict=True)
    return {
        jax.tree_util.keystr(path): float(jnp.abs(x - y).max())
        for (path, x), y in flat
        if "kernel" in jax.tree_util.keystr(path)
    }


def test_pretraining_lowers_the_loss(images):
    optimizer = optax.adam(1e-3)
    step = jax.jit(pretrain_step(optimizer))
    state = pretrain_state(optimizer)
    history = []
    for _ in range(30):
        state, metrics = step(state, images)
        history.append(float(metrics["loss"]))
    assert history[-1] < 0.5 * history[0]
    assert int(state.step) == 30


@pytest.mark.parametrize("term", ["mse", "features", "pixel", "adversarial"])
def test_each_term_moves_the_whole_generator(images, term):
    """Under SGD a network moves by its gradient: each term alone must reach its first and its last kernel.

    A term whose gradient is cut off (a known defect of other programs) would leave all of them where they are.
    """
    optimizer = optax.sgd(1.0)
    kind = {
        "mse": {"weight": 0.0},
        "features": {"content": content(), "weight": 0.0},
        "pixel": {"content_weight": 0.0, "pixel_weight": 1.0, "weight": 0.0},
        "adversarial": {"content_weight": 0.0, "weight": 1.0},
    }[term]
    before = gan_state(optimizer)
    after, metrics = jax.jit(gan_step(optimizer, **kind))(before, images)
    changes = moved(before.generator.params, after.generator.params)
    assert all(np.isfinite(change) for change in changes.values())
    # A block whose last scale is still zero passes nothing back to its own kernels.
    outside = {k: v for k, v in changes.items() if "block" not in k.lower()}
    assert len(outside) >= 4 and all(change > 0 for change in outside.values()), changes
    pull = "adversarial_pull" if term == "adversarial" else "content_pull"
    assert metrics[pull] > 0


def test_pulls_add_up(images):
    """The generator's gradient is the sum of the terms' gradients, each with its weight."""
    optimizer = optax.sgd(1.0)
    before = gan_state(optimizer)

    def change(*weights):
        names = ("content_weight", "pixel_weight", "weight")
        kind = dict(zip(names, weights, strict=True))
        step = gan_step(optimizer, content=content(), **kind)
        after, _ = jax.jit(step)(before, images)
        return jax.tree.map(jnp.subtract, after.generator.params, before.generator.params)

    together = change(2.0, 3.0, 0.5)
    parts = jax.tree.map(
        lambda c, p, a: 2.0 * c + 3.0 * p + 0.5 * a,
        *(change(1.0, 0.0, 0.0), change(0.0, 1.0, 0.0), change(0.0, 0.0, 1.0)),
    )
    assert distance(together, parts) < 1e-5


def test_discriminator_is_not_moved_by_the_generators_losses(images):
    """Only its own loss moves the discriminator: other weights of the generator's terms change nothing there."""
    optimizer = optax.sgd(0.1)
    before = gan_state(optimizer)
    one, _ = jax.jit(gan_step(optimizer, weight=0.0))(before, images)
    two, _ = jax.jit(gan_step(optimizer, weight=10.0))(before, images)
    assert distance(one.discriminator.params, two.discriminator.params) == 0
    assert distance(before.discriminator.params, one.discriminator.params) > 0


def test_vgg19_is_not_part_of_the_state(images):
    """What is no leaf of the state cannot move: features before and after a step are the same numbers."""
    optimizer = optax.adam(1e-2)
    loss = content()
    a, b = images[:1, :CROP, :CROP] / 255.0, images[1:2, :CROP, :CROP] / 255.0
    before = loss(a, b)
    state, _ = jax.jit(gan_step(optimizer, content=loss))(gan_state(optimizer), images)
    assert loss(a, b) == before
    fields = {field for field in state.__dataclass_fields__}
    assert fields == {"step", "generator", "discriminator", "ema"}


def test_moving_average_follows(images):
    """After one step the average is the stated mixture of start and new value; the statistics take part."""
    optimizer = optax.sgd(1.0)
    before = pretrain_state(optimizer)
    after, _ = jax.jit(pretrain_step(optimizer))(before, images)
    decay = 0.1  # (1 + 0) / (10 + 0), below the 0.9 it grows to
    expected = jax.tree.map(
        lambda old, new: decay * old + (1 - decay) * new,
        steps.averaged(before.generator),
        steps.averaged(after.generator),
    )
    assert distance(after.ema, expected) < 1e-6
    assert distance(before.ema["batch_stats"], after.ema["batch_stats"]) > 0


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
def test_four_devices_equal_one(pictures, phase, kind):
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
    losses_alone = []
    for _ in range(3):
        alone, metrics = step(alone, draw(whole, alone.step))
        losses_alone.append(metrics)

    assert jax.device_count() == 4
    dispatch = parallel.parallel(make_step(optimizer, parallel.AXIS), draw, most=5, axes=placement.AXES[kind])
    state = parallel.replicate(make_state(optimizer))
    together, metrics = dispatch(state, placed(kind, pictures), 3)
    history, _ = metrics()
    assert distance(alone.generator.params, jax.device_get(together.generator.params)) < 1e-5
    assert distance(alone.ema, jax.device_get(together.ema)) < 1e-5
    if phase == "gan":
        ours = jax.device_get(together.discriminator.params)
        assert distance(alone.discriminator.params, ours) < 1e-5
    for name in history:
        expected = [float(m[name]) for m in losses_alone]
        np.testing.assert_allclose(history[name], expected, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["cpu", "gpu"])
@pytest.mark.parametrize("kind", ["replicated", "sharded", "streamed"])
def test_a_run_compiles_once(pictures, tmp_path, monkeypatch, kind, backend):
    """Neither shorter dispatches, nor the next chunk, nor a restored checkpoint compile anything new."""
    optimizer = optax.sgd(0.1)
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    draw = functools.partial(crops.at_step, batch=4, size=SIZE)
    step = pretrain_step(optimizer, parallel.AXIS)
    programs = []
    jit = compilation.jit

    def kept(*args, **kwargs):
        programs.append(jit(*args, **kwargs))
        return programs[-1]

    monkeypatch.setattr(compilation, "jit", kept)
    dispatch = parallel.parallel(step, draw, most=4, axes=placement.AXES[kind])
    state = parallel.replicate(pretrain_state(optimizer))
    source = placed(kind, pictures, chunk=4, batch=4)
    for count in (2, 1):
        state, metrics = dispatch(state, source, count)
        assert metrics()[0]["loss"].shape == (count,)
    with Checkpoints(tmp_path / "checkpoints") as checkpoints:
        checkpoints.save(3, state, psnr=20.0)
    with Checkpoints(tmp_path / "checkpoints") as checkpoints:
        # As `train` does: what is restored takes the place of a state on one device.
        state = parallel.replicate(checkpoints.restore(3, pretrain_state(optimizer)))
    state, metrics = dispatch(state, placed(kind, pictures, chunk=4, batch=4), 1)
    assert int(state.step) == 4 and np.isfinite(metrics()[0]["loss"]).all()
    (program,) = programs
    assert program._cache_size() == 1


@pytest.mark.parametrize("phase", ["pretrain", pytest.param("gan", marks=pytest.mark.slow)])
def test_bfloat16_stays_inside_the_networks(images, phase):
    """Parameters, statistics, moments, averages and losses are float32, as in a run that computes in it."""
    optimizer = optax.adam(1e-3)
    options = {"optimizer": optimizer, "ema_decay": 0.9, "axis_name": None}
    if phase == "pretrain":
        state = pretrain_state(optimizer)
        make = functools.partial(steps.make_pretrain_step, **options)
        networks = {"generator": generator}
    else:
        del options["optimizer"]
        state = gan_state(optimizer)
        make = functools.partial(
            steps.make_gan_step,
            content=mse,
            content_weight=1.0,
            pixel_weight=0.0,
            adversarial_weight=1e-3,
            generator_optimizer=optimizer,
            discriminator_optimizer=optimizer,
            **options,
        )
        networks = {"generator": generator, "discriminator": discriminator}

    def compute(dtype):
        return jax.jit(make(**{name: n(dtype=dtype) for name, n in networks.items()}))(state, images)

    after, metrics = compute(jnp.bfloat16)
    expected, reference = compute(jnp.float32)
    assert jax.tree.map(lambda x: x.dtype, after) == jax.tree.map(lambda x: x.dtype, expected)
    assert all(m.dtype == jnp.float32 for m in metrics.values())
    first = "loss" if phase == "pretrain" else "content"
    np.testing.assert_allclose(metrics[first], reference[first], rtol=0.02)
    assert metrics[first] != reference[first]


@pytest.mark.slow
def test_loop_on_the_device_equals_the_loop_on_the_host(pictures, monkeypatch):
    """Accelerators run many steps in one program, the CPU one: the same numbers, and nothing compiled anew."""
    optimizer = optax.sgd(0.1)
    draw = functools.partial(crops.at_step, batch=4, size=SIZE)
    step = pretrain_step(optimizer, parallel.AXIS)
    ends = []
    for backend in ("cpu", "gpu"):
        monkeypatch.setattr(jax, "default_backend", lambda backend=backend: backend)
        dispatch = parallel.parallel(step, draw, most=4)
        state = parallel.replicate(pretrain_state(optimizer))
        source = placed("replicated", pictures)
        state, first = dispatch(state, source, 3)
        state, second = dispatch(state, source, 1)
        losses = np.concatenate([metrics()[0]["loss"] for metrics in (first, second)])
        ends.append((losses, jax.device_get(state.generator.params)))
    assert ends[0][0].shape == (4,)
    np.testing.assert_allclose(*(losses for losses, _ in ends), rtol=1e-5)
    assert distance(ends[0][1], ends[1][1]) < 1e-4  # two programs sum in two orders
