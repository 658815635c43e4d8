"""Tests ../jsr/models.

Every network has a twin in PyTorch, written from the papers in ../scripts/peers.py or here, that gets the same weights.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import traverse_util

from jsr import models
from jsr.models import discriminator, srresnet
from jsr.models.discriminator import Discriminator
from jsr.models.espcn import ESPCN
from jsr.models.interpolation import Interpolation
from jsr.models.layers import ResidualBlock, Upsample
from jsr.models.srcnn import SRCNN
from jsr.models.srresnet import SRResNet
from jsr.ops import subpixel

FACTORS = pytest.mark.parametrize("factors", [(2,), (3,), (2, 2)], ids=["x2", "x3", "x4"])
NETWORKS = pytest.mark.parametrize("name", [name for name in models.MODELS if name != "interpolation"])


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


@pytest.fixture(scope="module")
def peers(torch):
    from scripts.benchmark import peers

    return peers


def _init(module, x, *, gain=1.0):
    """Draws every parameter and statistic of a network: at their usual start, many do nothing."""
    rng = np.random.default_rng(1)

    def draw(path, leaf):
        kind = path[-1]
        if kind == "kernel":
            return rng.normal(0, gain / np.sqrt(np.prod(leaf.shape[:-1])), leaf.shape)
        if kind in ("bias", "mean"):
            return rng.normal(0, 0.2, leaf.shape)
        low, high = {"scale": (0.5, 1.5), "var": (0.5, 2), "negative_slope": (0.1, 0.4)}[kind]
        return rng.uniform(low, high, leaf.shape)

    flat = traverse_util.flatten_dict(jax.eval_shape(module.init, jax.random.key(0), x))
    drawn = {path: jnp.asarray(draw(path, leaf), leaf.dtype) for path, leaf in flat.items()}
    return traverse_util.unflatten_dict(drawn)


def _count(variables):
    return sum(leaf.size for leaf in jax.tree.leaves(variables["params"]))


def _shapes(module, shape):
    return jax.eval_shape(module.init, jax.random.key(0), jnp.zeros(shape))


# The twins of the small networks, and how a twin is run.


def _run(torch, twin, x, *, train=False):
    """Applies a twin to `[b, h, w, c]`."""
    twin.train(train)
    with torch.no_grad():
        y = twin(torch.tensor(x).permute(0, 3, 1, 2))
    return (y.permute(0, 2, 3, 1) if y.ndim == 4 else y).numpy()


def _apply(module, variables, x, *, train=False):
    """Returns the output and the statistics after it; compiled, which is faster here."""
    function = functools.partial(module.apply, train=train, mutable=["batch_stats"])
    return jax.jit(function)(variables, x)


def _srcnn_twin(torch, *, scale):
    nn = torch.nn

    class Twin(nn.Module):
        def __init__(self):
            super().__init__()
            self.patches = nn.Conv2d(3, 64, 9, padding=4)
            self.mapping = nn.Conv2d(64, 32, 5, padding=2)
            self.reconstruction = nn.Conv2d(32, 3, 5, padding=2)

        def forward(self, x):
            # torch renormalises at the border where MATLAB mirrors; antialias=True means a = -0.5.
            x = torch.tensor(np.pad(x, [(0, 0), (0, 0), (3, 3), (3, 3)], mode="symmetric"))
            size = [scale * n for n in x.shape[2:]]
            x = nn.functional.interpolate(x, size, mode="bicubic", antialias=True)
            x = 2 * x[..., 3 * scale : -3 * scale, 3 * scale : -3 * scale] - 1
            return self.reconstruction(torch.relu(self.mapping(torch.relu(self.patches(x)))))

    return Twin()


def _espcn_twin(torch, *, scale):
    nn = torch.nn

    class Twin(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = nn.Conv2d(3, 64, 5, padding=2)
            self.conv2 = nn.Conv2d(64, 32, 3, padding=1)
            self.conv3 = nn.Conv2d(32, 3 * scale**2, 3, padding=1)
            self.shuffle = nn.PixelShuffle(scale)

        def forward(self, x):
            return self.shuffle(self.conv3(self.conv2(self.conv1(2 * x - 1).tanh()).tanh()))

    return Twin()


# Blocks


@pytest.mark.parametrize("r", [2, 3, 4])
def test_depth_to_space_is_pixel_shuffle_but_for_the_order_of_channels(rng, torch, r):
    x = rng.normal(size=(2, 5, 7, r * r * 3)).astype(np.float32)
    theirs = x.reshape(2, 5, 7, r * r, 3).swapaxes(-1, -2).reshape(x.shape)
    shuffled = _run(torch, torch.nn.PixelShuffle(r), theirs)
    np.testing.assert_array_equal(subpixel.depth_to_space(x, r), shuffled)


@pytest.mark.parametrize("r", [2, 3, 4])
def test_space_to_depth_is_the_inverse(rng, r):
    x = rng.normal(size=(2, 5, 7, r * r * 3)).astype(np.float32)
    np.testing.assert_array_equal(subpixel.space_to_depth(subpixel.depth_to_space(x, r), r), x)
    y = rng.normal(size=(2, 5 * r, 7 * r, 3)).astype(np.float32)
    np.testing.assert_array_equal(subpixel.depth_to_space(subpixel.space_to_depth(y, r), r), y)


@pytest.mark.parametrize("size", [1, 2, 6, 7, 9, 13, 24])
def test_adaptive_pool_equals_torch(rng, torch, size):
    x = rng.normal(size=(2, size, size + 3, 5)).astype(np.float32)
    expected = _run(torch, torch.nn.AdaptiveAvgPool2d((6, 6)), x)
    np.testing.assert_allclose(discriminator.adaptive_pool(x, 6), expected, atol=1e-6)


def _assert_blocks_are_flat(y, r):
    b, h, w, c = y.shape
    y = np.asarray(y).reshape(b, h // r, r, w // r, r, c)
    assert y[:, :, 0, :, 0].std() > 1e-3
    np.testing.assert_allclose(y, np.broadcast_to(y[:, :, :1, :, :1], y.shape), atol=1e-6)


@pytest.mark.parametrize("r", [2, 3, 4])
def test_subpixel_layers_begin_as_nearest_neighbour(rng, r):
    x = rng.normal(size=(2, 6, 5, 4)).astype(np.float32)
    y, _ = jax.jit(Upsample(4, r).init_with_output)(jax.random.key(0), x)
    assert y.shape == (2, 6 * r, 5 * r, 4)
    _assert_blocks_are_flat(y, r)


def test_espcn_begins_as_nearest_neighbour(rng):
    x = rng.uniform(size=(1, 6, 5, 3)).astype(np.float32)
    y, _ = jax.jit(ESPCN(factors=(3,)).init_with_output)(jax.random.key(0), x)
    _assert_blocks_are_flat(y, 3)


def test_icnr_takes_another_initialiser():
    kernel = subpixel.icnr(2, init=lambda key, shape, dtype: jnp.full(shape, 7, dtype))
    np.testing.assert_array_equal(kernel(jax.random.key(0), (3, 3, 4, 8), jnp.float32), 7)


@pytest.mark.parametrize("train", [False, True])
def test_residual_blocks_begin_as_the_identity(rng, train):
    x = rng.normal(size=(2, 6, 5, 8)).astype(np.float32)
    start = functools.partial(ResidualBlock(8).init_with_output, train=train)
    y, _ = jax.jit(start)(jax.random.key(0), x)
    np.testing.assert_array_equal(y, x)


def test_frozen_statistics_are_used_in_training_and_stay(rng):
    x = rng.uniform(size=(2, 8, 8, 3)).astype(np.float32)
    module = SRResNet(blocks=1, features=8)
    variables = jax.tree.map(
        lambda leaf: leaf + rng.uniform(size=leaf.shape).astype(np.float32),
        module.init(jax.random.key(0), x),
    )
    frozen = jax.jit(functools.partial(module.clone(frozen=True).apply, train=True, mutable=["batch_stats"]))
    y, updated = frozen(variables, x)
    np.testing.assert_allclose(y, module.apply(variables, x), atol=1e-5)
    jax.tree.map(np.testing.assert_array_equal, updated["batch_stats"], variables["batch_stats"])


# Sizes. Whoever changes one of these numbers makes all released weights useless.


@pytest.mark.parametrize(
    "module, count",
    [
        (SRResNet(), 1_547_350),
        (SRResNet(norm=False), 1_545_238),
        (SRResNet(factors=(2,)), 1_399_637),
        (SRResNet(factors=(3,)), 1_584_277),
        (SRCNN(), 69_251),
        (ESPCN(), 37_200),
        (Discriminator(), 23_563_649),
    ],
    ids=["srresnet", "folded", "srresnet x2", "srresnet x3", "srcnn", "espcn", "discriminator"],
)
def test_parameter_counts(module, count):
    assert _count(_shapes(module, (1, 24, 24, 3))) == count


def test_parameter_counts_equal_the_twins(torch, peers):
    """With biases before BatchNorm, which have no effect, SRResNet would have 33 * 64 more, 1,549,462."""

    def count(twin):
        return sum(parameter.numel() for parameter in twin.parameters())

    assert count(peers.SRResNet()) == 1_547_350
    assert count(peers.SRResNet(norm=False)) == 1_545_238
    assert count(peers.Discriminator()) == 23_563_649
    assert count(_srcnn_twin(torch, scale=4)) == 69_251
    assert count(_espcn_twin(torch, scale=4)) == 37_200


def test_interpolation_has_no_parameters():
    assert _shapes(Interpolation(), (1, 8, 8, 3)) == {}


# Networks against their twins


def _assert_informative(y):
    """Saturated or constant outputs would agree whatever the weights are."""
    assert np.std(y) > 0.05 and np.mean(np.abs(y) > 0.995) < 0.05


@pytest.mark.parametrize(
    "factors, features, depth",
    [((2,), 16, 3), ((3,), 16, 3), ((2, 2), 16, 3), ((2, 2), 64, 16)],
    ids=["x2", "x3", "x4", "x4 full"],
)
@pytest.mark.parametrize("train", [False, True])
def test_srresnet_equals_torch(rng, torch, peers, factors, features, depth, train):
    x = rng.uniform(size=(2, 11, 13, 3)).astype(np.float32)
    module = SRResNet(factors=factors, features=features, blocks=depth)
    variables = _init(module, x, gain=0.5)
    twin = peers.srresnet(module, variables)
    expected = _run(torch, twin, x, train=train)
    _assert_informative(expected)
    ours, updates = _apply(module, variables, x, train=train)
    np.testing.assert_allclose(ours, expected, atol=1e-4)
    if train:
        kinds = peers.KINDS
        _assert_statistics_equal(variables, updates, twin, kinds, count=lambda layer: 2 * 11 * 13)


def _assert_statistics_equal(variables, updates, twin, kinds, *, count):
    """Of n values a channel, torch keeps the unbiased variance, n / (n - 1) times that of flax."""
    old = traverse_util.flatten_dict(variables["batch_stats"], sep=".")
    new = traverse_util.flatten_dict(updates["batch_stats"], sep=".")
    theirs = {name: value.numpy() for name, value in twin.state_dict().items()}
    assert len(new) == sum("running" in name for name in theirs)
    for path, value in new.items():
        layer, _, kind = path.rpartition(".")
        expected = theirs[f"{layer}.{kinds[kind]}"]
        if kind == "var":
            kept, n = 0.9 * np.asarray(old[path]), count(layer)
            expected = kept + (expected - kept) * (n - 1) / n
        assert np.abs(value - old[path]).max() > 1e-3
        np.testing.assert_allclose(value, expected, atol=1e-4, err_msg=path)


@pytest.mark.parametrize("height, width", [(96, 96), (72, 120)])
@pytest.mark.parametrize("train", [False, True])
def test_discriminator_equals_torch(rng, torch, peers, height, width, train):
    x = rng.uniform(-1, 1, size=(3, height, width, 3)).astype(np.float32)
    module = Discriminator(features=16)
    variables = _init(module, x, gain=1.4)
    twin = peers.copy(variables, peers.Discriminator(features=16))
    expected = _run(torch, twin, x, train=train)
    assert np.std(expected) > 1e-2
    ours, updates = _apply(module, variables, x, train=train)
    assert (ours.shape, ours.dtype) == ((3,), jnp.float32)
    np.testing.assert_allclose(ours, expected, atol=1e-4)
    if train:

        def count(layer):
            strides = 2 ** (int(layer.removeprefix("bn")) // 2)
            return 3 * -(-height // strides) * -(-width // strides)

        _assert_statistics_equal(variables, updates, twin, peers.KINDS, count=count)


@FACTORS
@pytest.mark.parametrize("name", ["srcnn", "espcn"])
def test_small_networks_equal_torch(rng, torch, peers, name, factors):
    x = rng.uniform(size=(2, 11, 13, 3)).astype(np.float32)
    module = models.MODELS[name](factors=factors)
    variables = _init(module, x)
    if name == "srcnn":
        twin = peers.copy(variables, _srcnn_twin(torch, scale=module.scale))
    else:
        twin = _espcn_twin(torch, scale=module.scale)
        peers.copy(variables, twin, subpixel=[("conv3", module.scale)])
    expected = _run(torch, twin, x)
    _assert_informative(expected)
    np.testing.assert_allclose(_apply(module, variables, x)[0], expected, atol=1e-4)


# Folding


@FACTORS
def test_folded_network_is_the_same_function(rng, factors):
    x = rng.uniform(size=(1, 12, 10, 3)).astype(np.float32)
    module = SRResNet(factors=factors, features=16, blocks=4)
    variables = _init(module, x, gain=0.5)
    folded = srresnet.fold(variables)
    plain = module.clone(norm=False)
    assert jax.tree.map(jnp.shape, folded) == jax.tree.map(jnp.shape, _shapes(plain, x.shape))
    expected, _ = _apply(module, variables, x)
    _assert_informative(expected)
    np.testing.assert_allclose(_apply(plain, folded, x)[0], expected, atol=1e-5)


# Every generator


def _small(name, factors, **options):
    sizes = {"srresnet": {"features": 8, "blocks": 2}, "interpolation": {}}
    return models.MODELS[name](factors=factors, **sizes.get(name, {"features": (8, 8)}), **options)


@FACTORS
@pytest.mark.parametrize("name", models.MODELS)
def test_shape_and_range(rng, name, factors):
    module = _small(name, factors)
    assert module.scale == int(np.prod(factors))
    x = rng.integers(0, 2, size=(2, 7, 9, 3)).astype(np.float32)
    y, _ = _apply(module, _init(module, x, gain=4.0), x)
    assert (y.shape, y.dtype) == ((2, 7 * module.scale, 9 * module.scale, 3), jnp.float32)
    if name in ("srresnet", "interpolation"):  # the last layer of the others is linear
        assert np.abs(y).max() <= 1
        assert np.abs(y).max() > 0.9


@NETWORKS
def test_bfloat16_computes_in_it_and_returns_float32(rng, name):
    x = rng.uniform(size=(1, 8, 8, 3)).astype(np.float32)
    exact, half = _small(name, (2, 2)), _small(name, (2, 2), dtype=jnp.bfloat16)
    variables = _init(exact, x, gain=0.5)
    shapes = _shapes(half, x.shape)
    assert {leaf.dtype for leaf in jax.tree.leaves(shapes)} == {jnp.dtype(jnp.float32)}
    y, expected = (_apply(module, variables, x)[0] for module in (half, exact))
    assert y.dtype == jnp.float32
    assert 1e-5 < np.abs(y - expected).max() < 0.1


def test_bfloat16_discriminator_returns_float32(rng):
    x = rng.uniform(-1, 1, size=(2, 32, 32, 3)).astype(np.float32)
    exact, half = Discriminator(features=8), Discriminator(features=8, dtype=jnp.bfloat16)
    variables = _init(exact, x, gain=1.4)
    y, expected = (_apply(module, variables, x)[0] for module in (half, exact))
    assert y.dtype == jnp.float32
    np.testing.assert_allclose(y, expected, atol=0.1)


@FACTORS
@pytest.mark.parametrize(
    "name, method, slack",
    [
        ("srresnet", None, 1),
        ("srcnn", None, 2),
        ("espcn", None, 0),
        ("interpolation", "bicubic", 1),
        ("interpolation", "bilinear", 2),
        ("interpolation", "nearest", 3),
    ],
)
def test_halo_is_what_an_output_pixel_depends_on(rng, name, method, slack, factors):
    """Tiles are cut by it: too small shows seams, too large (by more than `slack`) wastes time."""
    module = _small(name, factors, **({"method": method} if method else {}))
    centre, s = module.halo + 2, module.scale
    x = rng.uniform(size=(1, 2 * centre + 1, 2 * centre + 1, 3)).astype(np.float32)
    variables = _init(module, x)
    apply = jax.jit(module.apply)
    distance = np.abs(np.arange(2 * centre + 1) - centre)
    distance = np.maximum(distance[:, None], distance)[..., None]  # to the pixel in the middle

    def middle(disturbed):
        """What becomes of the middle pixel when others are disturbed."""
        y = apply(variables, np.where(disturbed, 1 - x, x))
        return np.asarray(y)[:, centre * s : (centre + 1) * s, centre * s : (centre + 1) * s]

    undisturbed = middle(distance < 0)
    np.testing.assert_array_equal(middle(distance > module.halo), undisturbed)
    matters = [d for d in range(module.halo + 1) if np.any(middle(distance == d) != undisturbed)]
    assert matters == list(range(max(matters) + 1))
    assert max(matters) >= module.halo - slack
