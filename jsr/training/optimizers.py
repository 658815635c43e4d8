"""Optimisers and learning rates."""

import jax
import optax
from optax import contrib

from jsr.training.config import Config


def make_optimizer(config: Config) -> optax.GradientTransformation:
    """Adam, or Muon for the kernels of convolutions and Adam for all else.

    Muon makes the momentum of each kernel, as a matrix of inputs by outputs, orthogonal (Jordan et al. 2024, "Muon: an
    optimizer for hidden layers in neural networks"); scaled to the size of Adam's updates (Liu et al. 2025, arXiv
    2502.16982, equation 4), it takes Adam's learning rates.
    """
    rate = schedule(config)
    if config.optimizer == "adam":
        return optax.adam(rate, b1=config.beta1)
    kernel = contrib.MuonDimensionNumbers(reduction_axis=(0, 1, 2), output_axis=3)
    return contrib.muon(
        rate,
        adam_b1=config.beta1,
        consistent_rms=0.2,
        muon_weight_dimension_numbers=lambda params: jax.tree.map(
            lambda leaf: kernel if leaf.ndim == 4 else None, params
        ),
    )


def schedule(config: Config) -> optax.Schedule:
    """The learning rate as a function of the step."""
    rate, warmup = config.learning_rate, config.warmup
    after = {
        "constant": optax.constant_schedule(rate),
        "step": optax.piecewise_constant_schedule(rate, {config.steps // 2 - warmup: 0.1}),
        "cosine": optax.cosine_decay_schedule(rate, config.steps - warmup),
    }[config.schedule]
    if not warmup:
        return after
    return optax.join_schedules([optax.linear_schedule(0.0, rate, warmup), after], [warmup])
