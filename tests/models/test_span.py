"""Tests ../../jsr/models/span.py."""

import jax
import numpy as np
import pytest

from jsr.models.span import SPAN
from tests.models.networks import FACTORS, apply, count, init, run_twin, small


@pytest.fixture(scope="module")
def make_twin(torch):
    nn = torch.nn

    class Twin(nn.Module):
        """The network in the paper's terms: `out_k` of block k, and `att`, its attention."""

        def __init__(self, scale, features, blocks):
            super().__init__()

            def conv(c_in, c_out):
                return nn.Conv2d(c_in, c_out, 3, padding=1)

            self.head, self.body = conv(3, features), conv(features, features)
            for i in range(blocks):
                triple = {f"conv{j}": conv(features, features) for j in (1, 2, 3)}
                self.add_module(f"block{i + 1}", nn.ModuleDict(triple))
            self.fusion = nn.Conv2d(4 * features, features, 1)
            self.tail = conv(features, 3 * scale**2)
            self.blocks, self.shuffle = blocks, nn.PixelShuffle(scale)
            self.nearest = nn.Upsample(scale_factor=scale, mode="nearest")

        def forward(self, x):
            x = 2 * x - 1
            out = out_0 = inner = self.head(x)
            results = []
            for i in range(self.blocks):
                block = self.get_submodule(f"block{i + 1}")
                inner = nn.functional.silu(block.conv1(out))
                h = block.conv3(nn.functional.silu(block.conv2(inner)))
                att = torch.sigmoid(h) - 0.5
                out = (out + h) * att
                results.append(out)
            parts = [out_0, self.body(out), results[0], inner]
            return self.nearest(x) + self.shuffle(self.tail(self.fusion(torch.cat(parts, 1))))

    return Twin


def test_span_has_the_parameters_of_the_published_network():
    """Of the authors' x4 model of 48 channels, without the mean colour that it subtracts."""
    assert count(SPAN()) == 426_288


@FACTORS
def test_span_equals_torch(rng, torch, peers, make_twin, factors):
    x = rng.uniform(size=(2, 11, 13, 3)).astype(np.float32)
    module = small("span", factors)
    variables = init(module, x)
    twin = make_twin(module.scale, module.features, module.blocks)
    peers.copy(variables, twin, subpixel=[("tail", module.scale)])
    expected = run_twin(torch, twin, x)
    nearest = (2 * x - 1).repeat(module.scale, axis=1).repeat(module.scale, axis=2)
    assert np.std(expected - nearest) > 0.05
    np.testing.assert_allclose(apply(module, variables, x)[0], expected, atol=1e-4)


def test_span_learns_in_all_its_layers(rng):
    """From the first step on: no gradient is zero, as behind two zeros in a row."""
    x = rng.uniform(size=(1, 8, 8, 3)).astype(np.float32)
    module = small("span", (2, 2))
    variables = module.init(jax.random.key(0), x)
    gradients = jax.jit(jax.grad(lambda v: (module.apply(v, x) ** 2).mean()))(variables)
    assert all(np.abs(leaf).max() > 0 for leaf in jax.tree.leaves(gradients))
