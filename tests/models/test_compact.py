"""Tests ../../jsr/models/compact.py."""

import numpy as np

from jsr.models.compact import Compact
from tests.models.networks import FACTORS, apply, count, init, run_twin


def test_compact_has_the_parameters_of_the_published_networks():
    """Of realesr-animevideov3 and realesr-general-x4v3, 621,424 and 1,213,296 numbers."""
    assert count(Compact()) == 621_424
    assert count(Compact(convolutions=32)) == 1_213_296


@FACTORS
def test_compact_equals_torch(rng, torch, peers, factors):
    from tests.weights import generator_layouts

    x = rng.uniform(size=(2, 11, 13, 3)).astype(np.float32)
    module = Compact(factors=factors, features=generator_layouts.WIDTH, convolutions=3)
    variables = init(module, x)
    twin = generator_layouts.SRVGGNetCompact(scale=module.scale)
    names = [f"{kind}{i + 1}" for i in range(5) for kind in ("conv", "prelu")][:-1]
    renamed = torch.nn.ModuleDict(dict(zip(names, twin.body, strict=True)))
    convolutions = torch.nn.ModuleDict({name: renamed[name] for name in names if "conv" in name})
    for name, layer in variables["params"].items():
        if "prelu" in name:
            renamed[name].load_state_dict({"weight": torch.tensor(np.asarray(layer["negative_slope"]))})
    kernels = {name: variables["params"][name] for name in names if "conv" in name}
    peers.copy({"params": kernels}, convolutions, subpixel=[("conv5", module.scale)])
    nearest = x.repeat(module.scale, axis=1).repeat(module.scale, axis=2)
    added = run_twin(torch, twin, x) - nearest
    assert np.std(added) > 0.05
    np.testing.assert_allclose(apply(module, variables, x)[0], 2 * nearest - 1 + added, atol=1e-4)
