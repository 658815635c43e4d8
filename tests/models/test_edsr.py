"""Tests ../../jsr/models/edsr.py."""

import jax
import numpy as np
import pytest

from jsr.models.edsr import EDSR
from tests.models.networks import FACTORS, apply, assert_blocks_are_flat, count, init, run_twin, small


@pytest.fixture(scope="module")
def make_twin(torch):
    nn = torch.nn

    class Twin(nn.Module):
        def __init__(self, scale, features, blocks):
            super().__init__()

            def conv(c_in, c_out):
                return nn.Conv2d(c_in, c_out, 3, padding=1)

            self.head, self.body, self.tail = conv(3, features), conv(features, features), conv(features, 3 * scale**2)
            for i in range(blocks):
                parts = {
                    "conv1": conv(features, features),
                    "prelu": nn.PReLU(features),
                    "conv2": conv(features, features),
                }
                self.add_module(f"block{i + 1}", nn.ModuleDict(parts))
            self.blocks, self.shuffle = blocks, nn.PixelShuffle(scale)
            self.nearest = nn.Upsample(scale_factor=scale, mode="nearest")

        def forward(self, x):
            x = 2 * x - 1
            first = y = self.head(x)
            for i in range(self.blocks):
                block = self.get_submodule(f"block{i + 1}")
                y = y + block.conv2(block.prelu(block.conv1(y)))
            return self.nearest(x) + self.shuffle(self.tail(first + self.body(y)))

    return Twin


def test_edsr_has_the_parameters_of_its_layers():
    blocks = 8 * (2 * (9 * 64 * 64 + 64) + 64)
    assert count(EDSR()) == (27 * 64 + 64) + blocks + (9 * 64 * 64 + 64) + (9 * 64 * 48 + 48)


@FACTORS
def test_edsr_equals_torch(rng, torch, peers, make_twin, factors):
    x = rng.uniform(size=(2, 11, 13, 3)).astype(np.float32)
    module = small("edsr", factors)
    variables = init(module, x)
    twin = make_twin(module.scale, module.features, module.blocks)
    peers.copy(variables, twin, subpixel=[("tail", module.scale)])
    expected = run_twin(torch, twin, x)
    nearest = (2 * x - 1).repeat(module.scale, axis=1).repeat(module.scale, axis=2)
    assert np.std(expected - nearest) > 0.05
    np.testing.assert_allclose(apply(module, variables, x)[0], expected, atol=1e-4)


def test_edsr_begins_as_nearest_neighbour(rng):
    x = rng.uniform(size=(1, 6, 5, 3)).astype(np.float32)
    y, _ = jax.jit(EDSR(factors=(3,)).init_with_output)(jax.random.key(0), x)
    assert_blocks_are_flat(y, 3)
