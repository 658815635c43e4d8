"""VGG19, cut off after a layer, for features (Simonyan and Zisserman 2015, arXiv 1409.1556).

Pictures are float `[b, h, w, 3]`, RGB in [-1, 1]. The normalisation belongs to the module, for it
belongs to the weights.
"""

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jaxtyping import Array, Float

from jsr.models.layers import Conv

# Of the feature losses of Ledig et al. 2017, table 2: phi_i,j is what the j-th convolution before
# the i-th pooling gives, after its ReLU.
LAYERS = {"vgg54": "relu5_4", "vgg22": "relu2_2"}
BLOCKS = ((2, 64), (2, 128), (4, 256), (4, 512), (4, 512))  # convolutions, features; then a pooling
NAMES = tuple(f"{i}_{j}" for i, (n, _) in enumerate(BLOCKS, 1) for j in range(1, n + 1))

# Of ImageNet's pictures in [0, 1], as torchvision's networks expect them.
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


class VGG19(nn.Module):
    """Pictures `[b, h, w, 3]` in [-1, 1] to features `[b, h/s, w/s, c]` after the ReLU `layer`.

    With `relu{i}_{j}`, s is 2^(i - 1), rounded down at each pooling. Nothing after it is built.

    Raises:
      ValueError: no such layer, or pictures so small that nothing is left of them.
    """

    layer: str = LAYERS["vgg54"]
    mean: tuple[float, float, float] = MEAN  # of the pictures it was trained on, in [0, 1]
    std: tuple[float, float, float] = STD

    @nn.compact
    def __call__(self, x: Float[Array | np.ndarray, "b h w 3"]) -> Float[Array, "b i j c"]:
        layers = [f"relu{name}" for name in NAMES]
        if self.layer not in layers:
            raise ValueError(f"VGG19: expected a layer of {', '.join(layers)}, got {self.layer!r}")
        least = 2 ** (int(self.layer[4]) - 1)
        if min(x.shape[1:3]) < least:
            raise ValueError(
                f"VGG19: expected pictures of {least} pixels a side or more for {self.layer},"
                f" got {x.shape[1]}x{x.shape[2]}"
            )
        mean, std = (jnp.asarray(v, x.dtype).reshape(1, 1, 1, 3) for v in (self.mean, self.std))
        x = ((x + 1) / 2 - mean) / std
        for i, (convolutions, features) in enumerate(BLOCKS, 1):
            for j in range(1, convolutions + 1):
                # He et al. 2015: what keeps the size of activations where weights stay random.
                init = nn.initializers.he_normal()
                conv = Conv(features, 3, kernel_init=init, name=f"conv{i}_{j}")
                x = nn.relu(conv(x))
                if self.layer == f"relu{i}_{j}":
                    return x
            x = nn.max_pool(x, (2, 2), strides=(2, 2))
        raise AssertionError("unreachable: the layer was checked")


def random_vgg19(key: Array, layer: str) -> tuple[VGG19, dict]:
    """Returns a VGG19 with random weights, He-normal, biases zero, and its variables.

    Its features serve as a perceptual loss without any training (Liu et al., "A generic perceptual
    loss for modeling structured output dependencies", CVPR 2021).
    """
    module = VGG19(layer)
    return module, dict(module.init(key, jnp.zeros((1, 16, 16, 3))))
