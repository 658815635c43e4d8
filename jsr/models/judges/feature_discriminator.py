"""A discriminator that judges features of a trained network instead of pixels (Sauer et al. 2021, arXiv 2111.01007).

The features come from a network that stays as it is; only small heads on them are trained. They need hundreds of steps
where a discriminator that begins from nothing needs tens of thousands. Of the paper's feature mixing nothing is left.
"""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import lax
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from jsr.models.layers import Conv

LAYERS = ("relu2_2", "relu3_3", "relu4_3")  # of VGG16: those before say too little, those after have too few places


class FeatureDiscriminator(nn.Module):
    """Pictures `[b, h, w, 3]` in [-1, 1] to logits `[b, n]`: one for each place in each layer, positive for real."""

    features: Callable[[Any], Any]  # pictures to a tuple of features `[b, h_i, w_i, c_i]`
    width: int = 128
    dtype: DTypeLike = jnp.float32  # of the convolutions

    @nn.compact
    def __call__(self, x: Float[Array | np.ndarray, "b h w 3"], *, train: bool = False) -> Float[Array, "b n"]:
        logits = []
        for i, y in enumerate(self.features(x), 1):
            y = y.astype(jnp.float32)
            # Layers differ in size a hundredfold; this gives their values the variance 1, about.
            y = y * lax.rsqrt(jnp.mean(jnp.square(y), axis=-1, keepdims=True) + 1e-10)
            for j, size in enumerate((1, 3), 1):
                y = nn.leaky_relu(Conv(self.width, size, dtype=self.dtype, name=f"head{i}_{j}")(y), 0.2)
            y = Conv(1, 3, dtype=self.dtype, name=f"head{i}_3")(y)
            logits.append(y.astype(jnp.float32).reshape(y.shape[0], -1))
        return jnp.concatenate(logits, axis=1)
