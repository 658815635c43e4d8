"""Tests ../../jsr/training/optimizers.py."""

from typing import Any

import numpy as np
import pytest

from jsr.training import optimizers
from tests.training.tiny_runs import parse


def test_make_optimizer_orthogonalises_kernels_by_muon():
    """The first change of a kernel, as a matrix, has nearly equal singular values; Adam moves all other parameters."""
    params = {"kernel": np.zeros((3, 3, 8, 16)), "bias": np.zeros(16)}
    rng = np.random.default_rng(0)
    grads = {name: rng.normal(size=value.shape) for name, value in params.items()}
    optimizer = optimizers.make_optimizer(parse("--optimizer", "muon", "--learning-rate", 0.1, "--ema-decay", 0))
    updates: Any = optimizer.update(grads, optimizer.init(params), params)[0]
    values = np.linalg.svd(updates["kernel"].reshape(72, 16), compute_uv=False)
    assert values.max() / values.min() < 2
    size = 0.1 * 0.2  # Liu et al. 2025: of the rate, as the size of Adam's updates is
    assert np.sqrt(np.mean(updates["kernel"] ** 2)) == pytest.approx(size, rel=0.3)
    signs = updates["bias"] / np.abs(updates["bias"]).max()  # Adam's first step has the same size everywhere
    np.testing.assert_allclose(signs, -np.sign(grads["bias"]), rtol=1e-2)


def test_make_optimizer_clips_the_norm_of_all_parameters_as_torch_does():
    """Over several steps of Adam, whose moments show it: some gradients are beyond the limit, and some are not."""
    torch = pytest.importorskip("torch", reason="torch is not installed; it is the reference")
    rng = np.random.default_rng(0)
    params = {name: rng.normal(size=shape).astype(np.float32) for name, shape in (("a", (3, 4)), ("b", (5,)))}
    theirs = {name: torch.nn.Parameter(torch.tensor(value)) for name, value in params.items()}
    reference = torch.optim.Adam(theirs.values(), lr=0.1)
    optimizer = optimizers.make_optimizer(parse("--learning-rate", 0.1, "--clip-norm", 2))
    state: Any = optimizer.init(params)
    for size in (0.01, 30.0, 0.1, 3.0):
        grads = {name: (size * rng.normal(size=p.shape)).astype(np.float32) for name, p in params.items()}
        for name, parameter in theirs.items():
            parameter.grad = torch.tensor(grads[name])
        torch.nn.utils.clip_grad_norm_(theirs.values(), 2)
        reference.step()
        updates: Any
        updates, state = optimizer.update(grads, state, params)
        params = {name: value + updates[name] for name, value in params.items()}
    for name, value in params.items():
        np.testing.assert_allclose(value, theirs[name].detach().numpy(), rtol=1e-4)


@pytest.mark.parametrize(
    ("schedule", "warmup", "rates"),
    [
        ("constant", 0, {0: 1.0, 99: 1.0}),
        ("step", 0, {0: 1.0, 49: 1.0, 51: 0.1, 99: 0.1}),
        ("cosine", 0, {0: 1.0, 50: 0.5, 100: 0.0}),
        ("constant", 10, {0: 0.0, 5: 0.5, 10: 1.0, 99: 1.0}),
        ("step", 10, {5: 0.5, 10: 1.0, 49: 1.0, 51: 0.1}),
        ("cosine", 10, {5: 0.5, 10: 1.0, 55: 0.5, 100: 0.0}),
    ],
)
def test_learning_rate_follows_its_schedule_after_the_warmup(schedule, warmup, rates):
    rate: Any = optimizers.learning_rate(
        parse("--steps", 100, "--learning-rate", 1, "--schedule", schedule, "--warmup", warmup)
    )
    assert [float(rate(step)) for step in rates] == pytest.approx(list(rates.values()), abs=1e-6)
