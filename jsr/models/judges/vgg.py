"""VGG16 and VGG19, cut off after a layer, as feature extractors (Simonyan and Zisserman 2015, arXiv 1409.1556).

Pictures are float `[b, h, w, 3]`, RGB in [-1, 1]. The mean and standard deviation that normalise them are fields of the
module, because they differ from one set of weights to another.

A layer is named by its place: `conv5_4` is the output of the fourth convolution of the fifth block, and `relu5_4` is
that after its ReLU. The two make different losses.
"""

from typing import Literal

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from jsr.models.layers import Conv

# Of each block: convolutions, their features. A pooling follows (table 1 of the paper, columns D and E).
BLOCKS = {
    16: ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)),
    19: ((2, 64), (2, 128), (4, 256), (4, 512), (4, 512)),
}

# Mean and standard deviation of ImageNet's RGB in [0, 1], by which torchvision's networks expect normalised pictures.
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


class VGG(nn.Module):
    """Pictures `[b, h, w, 3]` in [-1, 1] to the features `[b, h/s, w/s, c]` of each of the layers, in their order.

    For `relu{i}_{j}`, s is 2^(i - 1), rounded down at each pooling. What follows the last of the layers is not built.

    Raises:
      ValueError: there is no such layer, or the poolings leave no pixel of the pictures.
    """

    depth: int  # 16 or 19
    layers: tuple[str, ...]
    mean: tuple[float, float, float] = MEAN  # of RGB in [0, 1], by which the weights expect normalised pictures
    std: tuple[float, float, float] = STD
    # "l2" averages squares: without it the gradient of a loss comes through one pixel of every four, and a generator
    # learns to draw a weave (Henaff and Simoncelli 2016, arXiv 1511.06394, section 2).
    pooling: Literal["max", "l2"] = "max"
    dtype: DTypeLike = jnp.float32  # of the convolutions and of the features

    @nn.compact
    def __call__(self, x: Float[Array | np.ndarray, "b h w 3"]) -> tuple[Float[Array, "b _ _ _"], ...]:
        known = [f"{kind}{name}" for name in places(self.depth) for kind in ("conv", "relu")]
        unknown = [name for name in self.layers if name not in known]
        if unknown or not self.layers:
            raise ValueError(f"VGG{self.depth}: expected layers of {', '.join(known)}, got {', '.join(unknown)}")
        last = max(self.layers, key=known.index)
        smallest = 2 ** (int(last[4]) - 1)
        if min(x.shape[1:3]) < smallest:
            raise ValueError(
                f"VGG{self.depth}: expected pictures of {smallest} pixels a side or more for {last},"
                f" got {x.shape[1]}x{x.shape[2]}"
            )
        mean, std = (jnp.asarray(v, x.dtype).reshape(1, 1, 1, 3) for v in (self.mean, self.std))
        x = ((x + 1) / 2 - mean) / std
        features = {}
        for i, (convolutions, width) in enumerate(BLOCKS[self.depth], 1):
            for j in range(1, convolutions + 1):
                # Keeps the variance of activations from layer to layer (He et al. 2015), which random weights need.
                init = nn.initializers.he_normal()
                conv = Conv(width, 3, dtype=self.dtype, kernel_init=init, name=f"conv{i}_{j}")
                features[f"conv{i}_{j}"] = x = conv(x)
                features[f"relu{i}_{j}"] = x = nn.relu(x)
                if last in features:
                    return tuple(features[name] for name in self.layers)
            x = nn.max_pool(x, (2, 2), strides=(2, 2)) if self.pooling == "max" else _l2_pool(x)
        raise AssertionError("unreachable: the layers were checked")


def _l2_pool(x: Float[Array | np.ndarray, "b h w c"]) -> Float[Array, "b h//2 w//2 c"]:
    squares = nn.avg_pool(jnp.square(jnp.asarray(x, jnp.float32)), (2, 2), strides=(2, 2))
    return jnp.sqrt(squares + 1e-6).astype(x.dtype)  # the slope of the root is infinite at 0


def places(depth: int) -> tuple[str, ...]:
    """Lists the convolutions of a network by block and number: `1_1`, `1_2`, `2_1`, ..."""
    return tuple(f"{i}_{j}" for i, (n, _) in enumerate(BLOCKS[depth], 1) for j in range(1, n + 1))


def kernel_shapes(depth: int) -> dict[str, tuple[int, int, int, int]]:
    """Returns the shape of each convolution's kernel: `conv1_1` (3, 3, 3, 64), ... `conv5_4` (3, 3, 512, 512)."""
    widths = [width for convolutions, width in BLOCKS[depth] for _ in range(convolutions)]
    inputs = [3, *widths[:-1]]
    return {f"conv{name}": (3, 3, n, m) for name, n, m in zip(places(depth), inputs, widths, strict=True)}


def random_vgg(key: Array, depth: int, layers: tuple[str, ...]) -> tuple[VGG, dict]:
    """Returns a network and random variables: He-normal kernels, zero biases.

    Its features serve as a perceptual loss without any training (Liu et al. 2021, "A generic perceptual loss for
    modeling structured output dependencies", CVPR).
    """
    module = VGG(depth, layers)
    return module, dict(module.init(key, jnp.zeros((1, 16, 16, 3))))
