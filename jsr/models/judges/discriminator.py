"""The discriminator of SRGAN (Ledig et al. 2017, arXiv 1609.04802v5, Figure 4)."""

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from jsr.models.layers import BatchNorm, Conv

POOL = 6  # pixels a side before the dense layer: a crop of 96 after four strides of 2
LAYERS = ((1, 2), (2, 1), (2, 2), (4, 1), (4, 2), (8, 1), (8, 2))  # features / 64, stride


class Discriminator(nn.Module):
    """Pictures `[b, h, w, 3]` in [-1, 1] to logits `[b]`, positive for pictures that seem real."""

    features: int = 64
    dtype: DTypeLike = jnp.float32  # of all layers but the last
    axis_name: str | None = None  # axis over which BatchNorm averages in training

    @nn.compact
    def __call__(self, x: Float[Array | np.ndarray, "b h w 3"], *, train: bool = False) -> Float[Array, " b"]:
        x = nn.leaky_relu(Conv(self.features, 3, dtype=self.dtype, name="conv1")(x), 0.2)
        for i, (multiple, stride) in enumerate(LAYERS):
            features = multiple * self.features
            x = Conv(features, 3, stride, use_bias=False, dtype=self.dtype, name=f"conv{i + 2}")(x)
            x = BatchNorm(dtype=self.dtype, axis_name=self.axis_name, name=f"bn{i + 2}")(x, train=train)
            x = nn.leaky_relu(x, 0.2)
        x = adaptive_pool(x.astype(jnp.float32), POOL)
        x = x.reshape(x.shape[0], -1)
        x = nn.leaky_relu(nn.Dense(16 * self.features, dtype=self.dtype, name="dense1")(x), 0.2)
        return nn.Dense(1, name="dense2")(x.astype(jnp.float32))[:, 0]


def adaptive_pool(x: Float[Array | np.ndarray, "b h w c"], size: int) -> Float[Array, "b size size c"]:
    """Averages over size x size cells that cover the picture, as PyTorch's AdaptiveAvgPool2d: two matrix products."""
    x = jnp.einsum("ih,bhwc->biwc", _cells(x.shape[1], size), x)
    return jnp.einsum("jw,biwc->bijc", _cells(x.shape[2], size), x)


def _cells(length: int, size: int) -> np.ndarray:
    """Returns the matrix whose row i averages from floor(i n / size) to ceil((i + 1) n / size), n being the length."""
    cells = np.zeros((size, length), np.float32)
    for i in range(size):
        start, end = i * length // size, -(-(i + 1) * length // size)
        cells[i, start:end] = 1 / (end - start)
    return cells
