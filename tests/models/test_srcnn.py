"""Tests ../../jsr/models/srcnn.py."""

import numpy as np
import pytest

from jsr.models.srcnn import SRCNN
from tests.models.networks import FACTORS, apply, assert_informative, count, init, run_twin


@pytest.fixture(scope="module")
def make_twin(torch):
    nn = torch.nn

    class Twin(nn.Module):
        def __init__(self, scale):
            super().__init__()
            self.scale = scale
            self.patches = nn.Conv2d(3, 64, 9, padding=4)
            self.mapping = nn.Conv2d(64, 32, 5, padding=2)
            self.reconstruction = nn.Conv2d(32, 3, 5, padding=2)

        def forward(self, x):
            # torch renormalises at the border where MATLAB mirrors; antialias=True means a = -0.5.
            x = torch.tensor(np.pad(x, [(0, 0), (0, 0), (3, 3), (3, 3)], mode="symmetric"))
            size = [self.scale * n for n in x.shape[2:]]
            x = nn.functional.interpolate(x, size, mode="bicubic", antialias=True)
            border = 3 * self.scale
            x = 2 * x[..., border:-border, border:-border] - 1
            return self.reconstruction(torch.relu(self.mapping(torch.relu(self.patches(x)))))

    return Twin


def test_srcnn_has_the_parameters_of_the_released_weights():
    assert count(SRCNN()) == 69_251


def test_srcnn_has_the_parameters_of_its_twin(make_twin):
    assert sum(parameter.numel() for parameter in make_twin(4).parameters()) == 69_251


@FACTORS
def test_srcnn_equals_torch(rng, torch, peers, make_twin, factors):
    x = rng.uniform(size=(2, 11, 13, 3)).astype(np.float32)
    module = SRCNN(factors=factors)
    variables = init(module, x)
    expected = run_twin(torch, peers.copy(variables, make_twin(module.scale)), x)
    assert_informative(expected)
    np.testing.assert_allclose(apply(module, variables, x)[0], expected, atol=1e-4)
