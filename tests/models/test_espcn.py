"""Tests ../../jsr/models/espcn.py."""

import jax
import numpy as np
import pytest

from jsr.models.espcn import ESPCN
from tests.models.networks import (
    FACTORS,
    apply,
    assert_blocks_are_flat,
    assert_informative,
    count,
    init,
    run_twin,
)


@pytest.fixture(scope="module")
def make_twin(torch):
    nn = torch.nn

    class Twin(nn.Module):
        def __init__(self, scale):
            super().__init__()
            self.conv1 = nn.Conv2d(3, 64, 5, padding=2)
            self.conv2 = nn.Conv2d(64, 32, 3, padding=1)
            self.conv3 = nn.Conv2d(32, 3 * scale**2, 3, padding=1)
            self.shuffle = nn.PixelShuffle(scale)

        def forward(self, x):
            return self.shuffle(self.conv3(self.conv2(self.conv1(2 * x - 1).tanh()).tanh()))

    return Twin


def test_espcn_has_the_parameters_of_the_released_weights():
    assert count(ESPCN()) == 37_200


def test_espcn_has_the_parameters_of_its_twin(make_twin):
    assert sum(parameter.numel() for parameter in make_twin(4).parameters()) == 37_200


@FACTORS
def test_espcn_equals_torch(rng, torch, peers, make_twin, factors):
    x = rng.uniform(size=(2, 11, 13, 3)).astype(np.float32)
    module = ESPCN(factors=factors)
    variables = init(module, x)
    twin = make_twin(module.scale)
    peers.copy(variables, twin, subpixel=[("conv3", module.scale)])
    expected = run_twin(torch, twin, x)
    assert_informative(expected)
    np.testing.assert_allclose(apply(module, variables, x)[0], expected, atol=1e-4)


def test_espcn_begins_as_nearest_neighbour(rng):
    x = rng.uniform(size=(1, 6, 5, 3)).astype(np.float32)
    y, _ = jax.jit(ESPCN(factors=(3,)).init_with_output)(jax.random.key(0), x)
    assert_blocks_are_flat(y, 3)
