"""VGG19, cut off after a layer, as a feature extractor (Simonyan and Zisserman 2015, arXiv 1409.1556).

Pictures are float `[b, h, w, 3]`, RGB in [-1, 1]. The mean and standard deviation that normalise them are fields of the
module, because they differ from one set of weights to another.
"""

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jaxtyping import Array, Float

from jsr.models.layers import Conv

# The layers of the feature losses of Ledig et al. 2017, table 2: phi_i,j is the output of the j-th convolution before
# the i-th pooling, after its ReLU.
LAYERS = {"vgg54": "relu5_4", "vgg22": "relu2_2"}
# Of each block: convolutions, their features. A pooling follows (Simonyan and Zisserman 2015, table 1, column E).
BLOCKS = ((2, 64), (2, 128), (4, 256), (4, 512), (4, 512))
NAMES = tuple(f"{i}_{j}" for i, (n, _) in enumerate(BLOCKS, 1) for j in range(1, n + 1))
_WIDTHS = [features for convolutions, features in BLOCKS for _ in range(convolutions)]
# The shape of each convolution's kernel: conv1_1 (3, 3, 3, 64), conv1_2 (3, 3, 64, 64), ... conv5_4 (3, 3, 512, 512).
CONVOLUTIONS = {
    f"conv{name}": (3, 3, inputs, outputs)
    for name, inputs, outputs in zip(NAMES, [3, *_WIDTHS[:-1]], _WIDTHS, strict=True)
}

# Mean and standard deviation of ImageNet's RGB in [0, 1], by which torchvision's networks expect normalised pictures.
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


class VGG19(nn.Module):
    """Pictures `[b, h, w, 3]` in [-1, 1] to features `[b, h/s, w/s, c]` after the ReLU `layer`.

    For `relu{i}_{j}`, s is 2^(i - 1), rounded down at each pooling. Later layers are not built.

    Raises:
      ValueError: there is no such layer, or the poolings leave no pixel of the pictures.
    """

    layer: str = LAYERS["vgg54"]
    mean: tuple[float, float, float] = MEAN  # of RGB in [0, 1], by which the weights expect normalised pictures
    std: tuple[float, float, float] = STD

    @nn.compact
    def __call__(self, x: Float[Array | np.ndarray, "b h w 3"]) -> Float[Array, "b i j c"]:
        layers = [f"relu{name}" for name in NAMES]
        if self.layer not in layers:
            raise ValueError(f"VGG19: expected a layer of {', '.join(layers)}, got {self.layer!r}")
        smallest = 2 ** (int(self.layer[4]) - 1)
        if min(x.shape[1:3]) < smallest:
            raise ValueError(
                f"VGG19: expected pictures of {smallest} pixels a side or more for {self.layer},"
                f" got {x.shape[1]}x{x.shape[2]}"
            )
        mean, std = (jnp.asarray(v, x.dtype).reshape(1, 1, 1, 3) for v in (self.mean, self.std))
        x = ((x + 1) / 2 - mean) / std
        for i, (convolutions, features) in enumerate(BLOCKS, 1):
            for j in range(1, convolutions + 1):
                # Keeps the variance of activations from layer to layer (He et al. 2015), which random weights need.
                init = nn.initializers.he_normal()
                conv = Conv(features, 3, kernel_init=init, name=f"conv{i}_{j}")
                x = nn.relu(conv(x))
                if self.layer == f"relu{i}_{j}":
                    return x
            x = nn.max_pool(x, (2, 2), strides=(2, 2))
        raise AssertionError("unreachable: the layer was checked")


def random_vgg19(key: Array, layer: str) -> tuple[VGG19, dict]:
    """Returns a VGG19 and random variables: He-normal kernels, zero biases.

    Its features serve as a perceptual loss without any training (Liu et al. 2021, "A generic perceptual loss for
    modeling structured output dependencies", CVPR).
    """
    module = VGG19(layer)
    return module, dict(module.init(key, jnp.zeros((1, 16, 16, 3))))
