"""Tests ../../jsr/metrics/lpips.py against PyTorch."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jsr.metrics import lpips, lpips_model
from jsr.metrics.lpips import Reference
from jsr.models.judges.alexnet import AlexNet


@pytest.fixture(scope="module")
def twin():
    pytest.importorskip("torch", reason="compares with PyTorch")
    from tests.metrics import lpips_twin

    return lpips_twin


def _pair(twin, params, heads):
    """Returns the reference with these weights, and torch's network and heads with the same."""
    import torch

    network = twin.alexnet()
    for part, conv in zip(network, params.values(), strict=True):
        (layer,) = (each for each in part if isinstance(each, torch.nn.Conv2d))
        layer.weight = torch.nn.Parameter(torch.from_numpy(np.array(conv["kernel"]).transpose(3, 2, 0, 1).copy()))
        layer.bias = torch.nn.Parameter(torch.from_numpy(np.array(conv["bias"])))
    return network, [torch.from_numpy(np.array(head)) for head in heads]


@pytest.fixture
def random(rng):
    """A reference with random weights."""
    params = AlexNet().init(jax.random.key(0), jnp.zeros((1, 64, 64, 3)))["params"]
    params = {
        name: {"kernel": conv["kernel"], "bias": rng.normal(0, 0.1, conv["bias"].shape).astype(np.float32)}
        for name, conv in params.items()
    }
    heads = tuple(rng.random(conv["bias"].shape, np.float32) for conv in params.values())
    return Reference(AlexNet(), {"params": params}, heads)


def _torch_distances(twin, reference, a, b):
    import torch

    network, heads = _pair(twin, reference.variables["params"], reference.heads)
    pictures = (torch.from_numpy(x).permute(0, 3, 1, 2) for x in (a, b))
    return twin.distances(network, heads, *pictures).numpy()


@pytest.mark.parametrize("size", [(64, 64), (31, 45), (67, 101)])
def test_distances_equal_torch(twin, random, rng, size):
    a, b = (rng.uniform(-1, 1, (2, *size, 3)).astype(np.float32) for _ in range(2))
    b[1] = 0.5 * a[1]
    expected = _torch_distances(twin, random, a, b)
    assert expected.min() > 1e-3
    np.testing.assert_allclose(lpips.distances(random, a, b), expected, rtol=1e-4)


def test_alexnet_equals_torch(twin, random, rng):
    import torch

    network, _ = _pair(twin, random.variables["params"], random.heads)
    x = rng.uniform(-1, 1, (1, 50, 65, 3)).astype(np.float32)
    expected = twin.features(network, torch.from_numpy(x).permute(0, 3, 1, 2))
    for actual, features in zip(random.network.apply(random.variables, x), expected, strict=True):
        features = features.permute(0, 2, 3, 1).numpy()
        assert np.abs(np.asarray(actual) - features).max() < 1e-4 * features.max()


def test_published_weights_equal_torch(twin, rng):
    reference = lpips_model.load()
    if reference is None:
        pytest.skip("needs the weights of LPIPS: jsr fetch lpips")
    a, b = (rng.uniform(-1, 1, (2, 64, 80, 3)).astype(np.float32) for _ in range(2))
    expected = _torch_distances(twin, reference, a, b)
    np.testing.assert_allclose(lpips.distances(reference, a, b), expected, rtol=1e-4)
    assert (np.asarray(reference.heads[0]) >= 0).all()  # as the authors constrain them


def test_distance_is_that_of_uint8_pictures_and_0_for_equal_ones(random, rng):
    a, b = (rng.integers(0, 256, (40, 50, 3), np.uint8) for _ in range(2))
    expected = lpips.distances(random, *((x[None] / 127.5 - 1).astype(np.float32) for x in (a, b)))
    assert lpips.distance(a, b, random) == pytest.approx(float(expected[0]), rel=1e-4)
    assert lpips.distance(a, b, random) == pytest.approx(lpips.distance(b, a, random), rel=1e-5)
    assert 0 <= lpips.distance(a, a, random) < 1e-12  # the two may be rounded differently


def test_distance_of_flat_pictures_is_finite(random):
    """Of no features, the length is 0."""
    variables = jax.tree.map(jnp.zeros_like, random.variables)
    black, white = (np.full((40, 40, 3), level, np.uint8) for level in (0, 255))
    assert lpips.distance(black, white, random._replace(variables=variables)) == 0


def test_distance_is_undefined_for_pictures_of_which_nothing_remains(random):
    small = np.zeros((30, 99, 3), np.uint8)
    assert math.isnan(lpips.distance(small, small, random))


def test_distance_refuses_pictures_of_two_sizes_and_of_other_types(random):
    a = np.zeros((40, 40, 3), np.uint8)
    with pytest.raises(ValueError, match=r"expected pictures of one size, got \(40, 40, 3\) and \(40, 44, 3\)"):
        lpips.distance(a, np.zeros((40, 44, 3), np.uint8), random)
    with pytest.raises(ValueError, match="expected a uint8 picture"):
        lpips.distance(a, np.zeros((40, 40, 3), np.float32), random)
