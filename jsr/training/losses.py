"""The losses of SRResNet and SRGAN (Ledig et al. 2017, arXiv 1609.04802v5, section 2.2).

Pictures are float `[b, h, w, 3]` in [-1, 1]; logits are `[b]`, or `[b, n]` of a discriminator that judges `n`
places. Each loss returns its mean, a scalar.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jsr.metrics import grid

Pictures = Float[Array | np.ndarray, "b h w 3"]
Logits = Float[Array | np.ndarray, "b *n"]
Loss = Float[Array, ""]


def mse(prediction: Float[Array | np.ndarray, "..."], target: Float[Array | np.ndarray, "..."]) -> Loss:
    """Returns the mean squared error, equation 4 of the paper.

    Raises:
      ValueError: the shapes differ; broadcasting would hide a wrong crop.
    """
    if prediction.shape != target.shape:
        raise ValueError(f"mse: expected equal shapes, got {prediction.shape} and {target.shape}")
    return jnp.mean(jnp.square(prediction - target))


def feature_mse(features: Callable[[Any], Any], sr: Pictures, hr: Pictures) -> Loss:
    """Returns the mean squared error between the features of two batches of pictures, equation 5 of the paper."""
    return mse(features(sr), features(hr))


def subpixel_grid(sr: Pictures, hr: Pictures, *, scale: int) -> Loss:
    """Returns the mean squared difference between the sub-pixel grids of two batches of pictures.

    The grid is how much brighter each of the scale x scale places within a low-resolution pixel is than its
    surroundings, on the average over a picture, as `metrics.grid` measures it. Originals have next to none. Losses on
    features do not see it, but have gradients along it: without this term, generators trained on them draw a weave.
    """
    return mse(_grid(sr, scale), _grid(hr, scale))


def _grid(x: Pictures, scale: int) -> Float[Array, "b scale scale 3"]:
    taps = grid.mean_of_period(scale).astype(np.float32)
    reach, (height, width) = len(taps) // 2, x.shape[1:3]
    rows = jnp.stack([tap * x[:, i : height - 2 * reach + i] for i, tap in enumerate(taps)]).sum(axis=0)
    mean = jnp.stack([tap * rows[:, :, i : width - 2 * reach + i] for i, tap in enumerate(taps)]).sum(axis=0)
    difference = x[:, reach:-reach, reach:-reach] - mean
    h, w = (side // scale for side in difference.shape[1:3])
    periods = difference[:, : h * scale, : w * scale].reshape(-1, h, scale, w, scale, 3)
    return jnp.mean(periods, axis=(1, 3))


def generator_loss(fake_logits: Logits) -> Loss:
    """Returns the adversarial loss of the generator, -log D(G(lr)), equation 6: the non-saturating form.

    With D = sigmoid(logit), -log sigmoid(x) = softplus(-x), which cannot overflow.
    """
    return jnp.mean(jax.nn.softplus(-fake_logits))


def discriminator_loss(real_logits: Logits, fake_logits: Logits) -> Loss:
    """Returns the binary cross entropy of the discriminator, -log D(hr) - log(1 - D(G(lr))), equation 2.

    -log(1 - sigmoid(x)) = softplus(x). At a discriminator that always outputs 1/2 it is 2 log 2 = 1.386.
    """
    return jnp.mean(jax.nn.softplus(-real_logits)) + jnp.mean(jax.nn.softplus(fake_logits))
