"""Optimisers and learning rates."""

from typing import Any

import jax
import optax
from optax import contrib

from jsr.training.config import Config


def make_optimizer(config: Config) -> optax.GradientTransformation:
    """Makes Adam, or Muon for the kernels of convolutions with Adam for all other parameters.

    Muon orthogonalises the momentum of each kernel, taken as a matrix of inputs by outputs (Jordan et al. 2024, "Muon:
    an optimizer for hidden layers in neural networks"). Scaled to the size of Adam's updates (Liu et al. 2025, arXiv
    2502.16982, equation 4), it works at Adam's learning rates.

    With a largest norm, the gradient of all parameters together is scaled down to it first (Pascanu et al. 2013, arXiv
    1211.5063, algorithm 1).
    """
    rate = learning_rate(config)
    if config.optimizer == "adam":
        optimizer = optax.adam(rate, b1=config.beta1)
    else:
        optimizer = contrib.muon(
            rate,
            adam_b1=config.beta1,
            consistent_rms=0.2,
            muon_weight_dimension_numbers=_kernels,
        )
    if config.clip_norm is None:
        return optimizer
    return optax.chain(optax.clip_by_global_norm(config.clip_norm), optimizer)


def learning_rate(config: Config) -> optax.Schedule:
    """Makes the learning rate as a function of the step."""
    rate, warmup = config.learning_rate, config.warmup
    after_warmup = {
        "constant": optax.constant_schedule(rate),
        "step": optax.piecewise_constant_schedule(rate, {config.steps // 2 - warmup: 0.1}),
        "cosine": optax.cosine_decay_schedule(rate, config.steps - warmup),
    }[config.schedule]
    if not warmup:
        return after_warmup
    return optax.join_schedules([optax.linear_schedule(0.0, rate, warmup), after_warmup], [warmup])


def _kernels(params: Any) -> Any:
    """Returns a tree with the matrix dimensions of each kernel `[h, w, in, out]`, and None for other parameters."""
    dimensions = contrib.MuonDimensionNumbers(reduction_axis=(0, 1, 2), output_axis=3)
    return jax.tree.map(lambda leaf: dimensions if leaf.ndim == 4 else None, params)
