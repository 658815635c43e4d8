"""Tests ../../jsr/training/steps.py."""

import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jsr.data.patch_layout import Aligned
from jsr.degradation import Photo
from jsr.devices import compilation
from jsr.training import steps
from tests.training.tiny_steps import (
    BATCH,
    BICUBIC,
    CROP,
    SIZE,
    discriminator,
    distance,
    gan_state,
    gan_step,
    generator,
    jit,
    pretrain_state,
    pretrain_step,
    vgg19_content,
)

ADAM = optax.adam(1e-3)


@pytest.fixture(scope="module")
def step():
    """The compiled step of the SRResNet phase, by `ADAM`."""
    return jit(pretrain_step(ADAM))


@pytest.fixture(scope="module")
def images():
    """Uint8 crops with their margin, smooth enough to be learnt from."""
    coarse = np.random.default_rng(0).integers(0, 256, (BATCH, SIZE // 8, SIZE // 8, 3))
    return jnp.asarray(coarse.repeat(8, axis=1).repeat(8, axis=2), jnp.uint8)


def changes(before, after):
    """Returns the largest change of each kernel."""
    pairs = zip(jax.tree.leaves_with_path(before), jax.tree.leaves(after), strict=True)
    return {
        jax.tree_util.keystr(path): float(jnp.abs(x - y).max())
        for (path, x), y in pairs
        if "kernel" in jax.tree_util.keystr(path)
    }


def test_pair_cuts_the_margin_and_downscales_the_rest(images):
    lr, hr = steps.pair(BICUBIC, steps.sample_keys(jax.random.key(0), 0, BATCH), images)
    margin = BICUBIC.margin
    assert lr.shape == (BATCH, 6, 6, 3) and hr.shape == (BATCH, 24, 24, 3)
    assert 0 <= float(lr.min()) and float(lr.max()) <= 1
    expected = np.asarray(images)[:, margin:-margin, margin:-margin] / 127.5 - 1
    np.testing.assert_allclose(hr, expected, atol=1e-6)


def test_pair_takes_the_low_resolution_of_pairs(rng):
    """Nothing is made or cut: each side comes as it was given, in its own range."""
    hr, lr = (rng.integers(0, 256, (2, side, side, 3), np.uint8) for side in (24, 6))
    made = steps.pair(BICUBIC, steps.sample_keys(jax.random.key(0), 0, 2), Aligned(jnp.asarray(hr), jnp.asarray(lr)))
    np.testing.assert_allclose(made[0], lr / 255, atol=1e-6)
    np.testing.assert_allclose(made[1], hr / 127.5 - 1, atol=1e-6)


def test_sample_keys_are_the_same_on_any_number_of_devices():
    """Those of the global batch, in its order; another step or key has others."""
    key = jax.random.key(1)
    alone = steps.sample_keys(key, 7, 8)
    shared = jax.pmap(lambda _: steps.sample_keys(key, 7, 2, axis_name="d"), axis_name="d")(jnp.arange(4))
    data = jax.random.key_data
    np.testing.assert_array_equal(data(shared).reshape(8, -1), data(alone))
    others = [alone, steps.sample_keys(key, 8, 8), steps.sample_keys(jax.random.key(2), 7, 8)]
    assert len(np.unique(np.concatenate([data(keys) for keys in others]), axis=0)) == 24


@pytest.mark.slow
def test_pretrain_step_learns_from_what_the_degradation_makes(images):
    """Each step degrades anew: two steps at a learning rate of zero have different losses, two first steps the same."""
    photo = Photo(4)
    side = images.shape[1] + 2 * (photo.margin - BICUBIC.margin)
    rest = side - images.shape[1]
    wide = jnp.pad(images, ((0, 0), (rest // 2, rest // 2), (rest // 2, rest // 2), (0, 0)), mode="symmetric")
    step = jit(pretrain_step(optax.sgd(0.0), degrade=photo))
    first, one = step(pretrain_state(optax.sgd(0.0)), wide)
    _, two = step(first, wide)
    _, again = step(pretrain_state(optax.sgd(0.0)), wide)
    assert one["loss"] == again["loss"] != two["loss"]


def test_pretrain_step_lowers_the_loss(images, step):
    state = pretrain_state(ADAM)
    history = []
    for _ in range(30):
        state, metrics = step(state, images)
        history.append(float(metrics["loss"]))
    assert history[-1] < 0.5 * history[0]
    assert int(state.step) == 30


@pytest.mark.slow
@pytest.mark.parametrize("frozen", [True, False])
def test_pretrain_step_in_parts_equals_one_of_the_whole_batch(images, frozen):
    """To the last digits with fixed statistics; those of a part normalise otherwise, and then the update is near."""
    optimizer = optax.sgd(0.1)
    before = pretrain_state(optimizer)
    whole, parts = (jit(pretrain_step(optimizer, parts=count, frozen=frozen))(before, images) for count in (1, 2))
    gap = distance(whole[0].generator.params, parts[0].generator.params)
    moved = distance(whole[0].generator.params, before.generator.params)
    assert gap < 1e-5 * moved if frozen else 1e-4 * moved < gap < moved
    np.testing.assert_allclose(parts[1]["loss"], whole[1]["loss"], rtol=1e-5 if frozen else 0.2)


@pytest.mark.slow
def test_pretrain_step_in_parts_moves_batchnorm_once_a_part(images):
    """Where all parts are alike, gradients are equal to the last digits, and statistics move as in as many steps."""
    optimizer = optax.sgd(0.0)
    alike = jnp.tile(images[:2], (2, 1, 1, 1))
    step = jit(pretrain_step(optimizer))
    expected = pretrain_state(optimizer)
    for _ in range(2):
        expected, _ = step(expected, images[:2])
    state, _ = jit(pretrain_step(optimizer, parts=2))(pretrain_state(optimizer), alike)
    assert distance(state.generator.batch_stats, expected.generator.batch_stats) < 1e-6


@pytest.mark.slow
def test_gan_step_in_parts_equals_one_of_the_whole_batch(images):
    """With parts that are alike, BatchNorm's statistics of each are those of the whole batch: nothing may differ."""
    optimizer = optax.sgd(0.1)
    alike = jnp.tile(images[:2], (2, 1, 1, 1))
    before = gan_state(optimizer)
    options: dict[str, Any] = {"content": vgg19_content(), "pixel_weight": 0.5, "adversarial_weight": 0.5}
    whole, parts = (jit(gan_step(optimizer, parts=count, **options))(before, alike) for count in (1, 2))
    for name in ("generator", "discriminator"):
        ours, theirs, start = (getattr(state, name).params for state in (parts[0], whole[0], before))
        assert distance(ours, theirs) < 1e-4 * distance(theirs, start)
    for name, value in whole[1].items():
        np.testing.assert_allclose(parts[1][name], value, rtol=1e-4, err_msg=name)


TERMS = {
    "mse": {"adversarial_weight": 0.0},
    "features": {"adversarial_weight": 0.0},
    "pixel": {"content_weight": 0.0, "pixel_weight": 1.0, "adversarial_weight": 0.0},
    "grid": {"content_weight": 0.0, "grid_weight": 1e3, "adversarial_weight": 0.0},
    "adversarial": {"content_weight": 0.0, "adversarial_weight": 1.0},
}


@pytest.mark.parametrize(
    "term", [pytest.param(term, marks=[] if term == "adversarial" else pytest.mark.slow) for term in TERMS]
)
def test_gan_step_moves_the_whole_generator_by_each_term(images, term):
    """Under SGD a network moves by its gradient: each term alone must reach its first and its last kernel.

    A term whose gradient is cut off (a known defect of other programs) would leave all of them where they are.
    """
    optimizer = optax.sgd(1.0)
    options: dict[str, Any] = TERMS[term] | ({"content": vgg19_content()} if term == "features" else {})
    before = gan_state(optimizer)
    after, metrics = jit(gan_step(optimizer, **options))(before, images)
    moved = changes(before.generator.params, after.generator.params)
    assert all(np.isfinite(change) for change in moved.values())
    # A block whose last scale is still zero passes nothing back to its own kernels.
    outside = {name: change for name, change in moved.items() if "block" not in name.lower()}
    assert len(outside) >= 4 and all(change > 0 for change in outside.values()), moved
    pull = "adversarial_pull" if term == "adversarial" else "content_pull"
    assert metrics[pull] > 0


@pytest.mark.slow
def test_gan_step_adds_the_terms_gradients_up(images):
    """The generator's gradient is the sum of the terms' gradients, each with its weight."""
    optimizer = optax.sgd(1.0)
    before = gan_state(optimizer)

    def change(*weights):
        names = ("content_weight", "pixel_weight", "grid_weight", "adversarial_weight")
        options = dict(zip(names, weights, strict=True))
        step = gan_step(optimizer, content=vgg19_content(), **options)
        after, _ = jit(step)(before, images)
        return jax.tree.map(jnp.subtract, after.generator.params, before.generator.params)

    together = change(2.0, 3.0, 4.0, 0.5)
    alone = (change(*row) for row in np.eye(4))
    parts = jax.tree.map(lambda c, p, g, a: 2.0 * c + 3.0 * p + 4.0 * g + 0.5 * a, *alone)
    assert distance(together, parts) < 1e-5


@pytest.mark.slow
def test_gan_step_moves_the_discriminator_by_its_own_loss_alone(images):
    """Other weights of the generator's terms change nothing there."""
    optimizer = optax.sgd(0.1)
    before = gan_state(optimizer)
    one, _ = jit(gan_step(optimizer, adversarial_weight=0.0))(before, images)
    two, _ = jit(gan_step(optimizer, adversarial_weight=10.0))(before, images)
    assert distance(one.discriminator.params, two.discriminator.params) == 0
    assert distance(before.discriminator.params, one.discriminator.params) > 0


def test_gan_step_puts_no_weights_of_vgg19_into_the_state(images):
    """No optimiser reaches what is no leaf of the state: it has the leaves of the two networks, and no others."""
    before = gan_state(ADAM)
    after, _ = jax.eval_shape(gan_step(ADAM, content=vgg19_content()), before, images)
    assert jax.tree.structure(after) == jax.tree.structure(before)
    for network, module in ((after.generator, generator()), (after.discriminator, discriminator())):
        expected = jax.eval_shape(module.init, jax.random.key(0), jnp.zeros((1, CROP, CROP, 3)))["params"]
        moments = network.opt_state[0]
        for tree in (network.params, moments.mu, moments.nu):
            assert jax.tree.map(jnp.shape, tree) == jax.tree.map(jnp.shape, expected)


def test_pretrain_step_moves_the_average(images, step):
    """After one step the average is the stated mixture of start and new value; the statistics take part."""
    before = pretrain_state(ADAM)
    after, _ = step(before, images)
    decay = 0.1  # (1 + 0) / (10 + 0), below the 0.9 it grows to
    expected = jax.tree.map(
        lambda old, new: decay * old + (1 - decay) * new,
        steps.averaged(before.generator),
        steps.averaged(after.generator),
    )
    assert distance(after.ema, expected) < 1e-6
    assert distance(before.ema["batch_stats"], after.ema["batch_stats"]) > 0
    assert distance(before.generator.params, after.generator.params) > 0


LAYOUT_OF_ONEDNN = re.compile(r'"output":{"data":{"batch_dim":"(\d)","feature_dim":"(\d)"')


def test_pretrain_step_has_only_convolutions_that_a_cpu_computes_fast(images):
    """Of pictures `[b, h, w, c]` by kernels `[h, w, i, o]`.

    XLA can also write the gradient of a kernel with the batch as channels, and did so where a
    sum followed. oneDNN has only its reference code for that: 27 s for one convolution of SRResNet in bfloat16.
    """
    lowered = compilation.jit(pretrain_step(ADAM), onednn=True).lower(pretrain_state(ADAM), images)
    program = lowered.compile().as_text()
    of_xla = re.findall(r"dim_labels=(\S+?),", program)
    of_onednn = LAYOUT_OF_ONEDNN.findall(program)
    assert len(of_xla) + len(of_onednn) >= 16
    assert set(of_xla) <= {"b01f_01io->b01f"} and set(of_onednn) <= {("0", "3")}


def assert_same_types_and_nearly_the_same_loss(rounded, exact, *, loss):
    """Compares a step in bfloat16 with one in float32."""
    (state, metrics), (expected, reference) = rounded, exact
    assert jax.tree.map(lambda x: x.dtype, state) == jax.tree.map(lambda x: x.dtype, expected)
    assert all(m.dtype == jnp.float32 for m in metrics.values())
    np.testing.assert_allclose(metrics[loss], reference[loss], rtol=0.02)
    assert metrics[loss] != reference[loss]


def test_pretrain_step_uses_bfloat16_inside_the_network_alone(images, step):
    """Parameters, statistics, moments, averages and losses are float32, as in a run that computes in float32."""
    state = pretrain_state(ADAM)
    rounded = jit(pretrain_step(ADAM, dtype=jnp.bfloat16))(state, images)
    assert_same_types_and_nearly_the_same_loss(rounded, step(state, images), loss="loss")


@pytest.mark.slow
def test_gan_step_uses_bfloat16_inside_the_networks_alone(images):
    state = gan_state(ADAM)
    exact, rounded = (jit(gan_step(ADAM, dtype=dtype))(state, images) for dtype in (jnp.float32, jnp.bfloat16))
    assert_same_types_and_nearly_the_same_loss(rounded, exact, loss="content")
