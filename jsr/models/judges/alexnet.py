"""AlexNet as a feature extractor (Krizhevsky 2014, arXiv 1404.5997, one tower), in the form that LPIPS uses.

Pictures are float `[b, h, w, 3]`, RGB in [-1, 1].
"""

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import lax
from jaxtyping import Array, Float

from jsr.models.judges.vgg import MEAN, STD

# Of each convolution: features, pixels of the kernel's side, stride, zeros beyond each border.
CONVOLUTIONS = ((64, 11, 4, 2), (192, 5, 1, 2), (384, 3, 1, 1), (256, 3, 1, 1), (256, 3, 1, 1))
POOLED = (2, 3)  # convolutions before which the largest of 3x3 pixels is taken, with a stride of 2
SMALLEST = 31  # pixels of a picture's side; with one fewer, the second pooling leaves none


def kernel_shapes() -> dict[str, tuple[int, int, int, int]]:
    """Returns the shape of each convolution's kernel: `conv1` (11, 11, 3, 64), ... `conv5` (3, 3, 256, 256)."""
    inputs = [3, *(width for width, *_ in CONVOLUTIONS[:-1])]
    return {
        f"conv{i}": (size, size, n, width)
        for i, (n, (width, size, _, _)) in enumerate(zip(inputs, CONVOLUTIONS, strict=True), 1)
    }


class AlexNet(nn.Module):
    """Pictures `[b, h, w, 3]` in [-1, 1] to the features of the five convolutions, each after its ReLU.

    Computes in float32 of full precision, also where a GPU would round to TensorFloat-32, because it measures.

    Raises:
      ValueError: the pictures are smaller than `SMALLEST`.
    """

    mean: tuple[float, float, float] = MEAN  # of RGB in [0, 1], by which the weights expect normalised pictures
    std: tuple[float, float, float] = STD

    @nn.compact
    def __call__(self, x: Float[Array | np.ndarray, "b h w 3"]) -> tuple[Float[Array, "b _ _ _"], ...]:
        if min(x.shape[1:3]) < SMALLEST:
            raise ValueError(
                f"AlexNet: expected pictures of {SMALLEST} pixels a side or more, got {x.shape[1]}x{x.shape[2]}"
            )
        x = jnp.asarray(x, jnp.float32)
        mean, std = (jnp.asarray(v, x.dtype).reshape(1, 1, 1, 3) for v in (self.mean, self.std))
        x = ((x + 1) / 2 - mean) / std
        features = []
        for i, (width, size, stride, zeros) in enumerate(CONVOLUTIONS, 1):
            if i in POOLED:
                x = nn.max_pool(x, (3, 3), strides=(2, 2))
            conv = nn.Conv(width, (size, size), stride, zeros, precision=lax.Precision.HIGHEST, name=f"conv{i}")
            x = nn.relu(conv(x))
            features.append(x)
        return tuple(features)
