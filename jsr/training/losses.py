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
Values = Float[Array | np.ndarray, "..."]
Logits = Float[Array | np.ndarray, "b *n"]
Loss = Float[Array, ""]

# Below it, the Charbonnier loss is nearly quadratic. Lai et al. 2017 take 1e-3 for pictures in [0, 1].
CHARBONNIER_EPSILON = 2e-3


def mse(prediction: Values, target: Values) -> Loss:
    """Returns the mean squared error, equation 4 of the paper.

    Raises:
      ValueError: the shapes differ; broadcasting would hide a wrong crop.
    """
    return jnp.mean(jnp.square(_difference(prediction, target)))


def l1(prediction: Values, target: Values) -> Loss:
    """Returns the mean absolute error, as Lim et al. 2017 (arXiv 1707.02921, section 3.3) train on it.

    Raises:
      ValueError: the shapes differ.
    """
    return jnp.mean(jnp.abs(_difference(prediction, target)))


def charbonnier(prediction: Values, target: Values) -> Loss:
    """Returns the mean of sqrt(d^2 + epsilon^2) over the differences d: the absolute error, smooth at zero.

    Charbonnier et al. 1994 ("Two deterministic half-quadratic regularization algorithms for computed imaging", ICIP);
    for super-resolution Lai et al. 2017 (arXiv 1704.03915, section 3.3).

    Raises:
      ValueError: the shapes differ.
    """
    return jnp.mean(jnp.sqrt(jnp.square(_difference(prediction, target)) + CHARBONNIER_EPSILON**2))


def _difference(prediction: Values, target: Values) -> Float[Array, "..."]:
    if prediction.shape != target.shape:
        raise ValueError(f"loss: expected equal shapes, got {prediction.shape} and {target.shape}")
    return jnp.asarray(prediction - target)


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
