"""What the tests of networks share: random variables, compiled application, and PyTorch's twins.

Every network has a twin in PyTorch, written from its paper in scripts/benchmark/peers.py or in the network's test, that
gets the same weights.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import traverse_util

from jsr import models

FACTORS = pytest.mark.parametrize("factors", [(2,), (3,), (2, 2)], ids=["x2", "x3", "x4"])


def init(module: Any, x: Any, *, gain: float = 1.0) -> dict[str, Any]:
    """Draws every parameter and statistic of a network: with their usual initial values, many have no effect."""
    rng = np.random.default_rng(1)

    def draw(path, leaf):
        kind = path[-1]
        if kind in ("kernel", "atoms", "answers", "basis"):
            return rng.normal(0, gain / np.sqrt(np.prod(leaf.shape[:-1])), leaf.shape)
        if kind in ("bias", "mean"):
            return rng.normal(0, 0.2, leaf.shape)
        low, high = {"scale": (0.5, 1.5), "var": (0.5, 2), "negative_slope": (0.1, 0.4)}[kind]
        return rng.uniform(low, high, leaf.shape)

    flat: dict[Any, Any] = traverse_util.flatten_dict(jax.eval_shape(module.init, jax.random.key(0), x))
    drawn = {path: jnp.asarray(draw(path, leaf), leaf.dtype) for path, leaf in flat.items()}
    return traverse_util.unflatten_dict(drawn)


def shapes(module: Any, shape: tuple[int, ...]) -> Any:
    """Returns the shapes and types of a network's variables."""
    return jax.eval_shape(module.init, jax.random.key(0), jnp.zeros(shape))


def count(module: Any) -> int:
    """Returns the number of parameters."""
    return sum(leaf.size for leaf in jax.tree.leaves(shapes(module, (1, 24, 24, 3))["params"]))


def apply(module: Any, variables: Any, x: Any, *, train: bool = False) -> tuple[Any, Any]:
    """Returns the output and the statistics after it; compiled, which is faster here."""
    function = functools.partial(module.apply, train=train, mutable=["batch_stats"])
    return jax.jit(function)(variables, x)


def small(name: str, factors: tuple[int, ...], **options: Any) -> Any:
    """Returns a small network of a name in `MODELS`."""
    sizes = {
        "srresnet": {"features": 8, "blocks": 2},
        "compact": {"features": 8, "convolutions": 2},
        "edsr": {"features": 8, "blocks": 2},
        "exemplars": {"atoms": 16, "features": 6, "rank": 5},
        "interpolation": {},
    }
    return models.MODELS[name](factors=factors, **sizes.get(name, {"features": (8, 8)}), **options)


def run_twin(torch: Any, twin: Any, x: np.ndarray, *, train: bool = False) -> np.ndarray:
    """Applies a twin to `[b, h, w, c]`."""
    twin.train(train)
    with torch.no_grad():
        y = twin(torch.tensor(x).permute(0, 3, 1, 2))
    return (y.permute(0, 2, 3, 1) if y.ndim == 4 else y).numpy()


def assert_informative(y: np.ndarray) -> None:
    """Saturated or constant outputs would agree whatever the weights are."""
    assert np.std(y) > 0.05 and np.mean(np.abs(y) > 0.995) < 0.05


def assert_blocks_are_flat(y: Any, r: int) -> None:
    """All r x r pixels of a block are equal, and blocks differ: nearest-neighbour enlargement."""
    b, h, w, c = y.shape
    y = np.asarray(y).reshape(b, h // r, r, w // r, r, c)
    assert y[:, :, 0, :, 0].std() > 1e-3
    np.testing.assert_allclose(y, np.broadcast_to(y[:, :, :1, :, :1], y.shape), atol=1e-6)


def assert_statistics_equal(variables: Any, updates: Any, twin: Any, kinds: Any, *, values: Any) -> None:
    """Compares BatchNorm's statistics; of n values a channel, torch has the unbiased variance, n / (n - 1) times ours.

    `values(layer)` is n.
    """
    old: dict[str, Any] = traverse_util.flatten_dict(variables["batch_stats"], sep=".")
    new: dict[str, Any] = traverse_util.flatten_dict(updates["batch_stats"], sep=".")
    theirs = {name: value.numpy() for name, value in twin.state_dict().items()}
    assert len(new) == sum("running" in name for name in theirs)
    for path, value in new.items():
        layer, _, kind = path.rpartition(".")
        expected = theirs[f"{layer}.{kinds[kind]}"]
        if kind == "var":
            before, n = 0.9 * np.asarray(old[path]), values(layer)
            expected = before + (expected - before) * (n - 1) / n
        assert np.abs(value - old[path]).max() > 1e-3
        np.testing.assert_allclose(value, expected, atol=1e-4, err_msg=path)
