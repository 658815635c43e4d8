"""The generator of SRResNet and SRGAN (Ledig et al. 2017, arXiv 1609.04802v5, Figure 4)."""

import math
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jaxtyping import Array, Float

from jsr.models import layers
from jsr.models.layers import Conv, PReLU, ResidualBlock, Upsample
from jsr.ops import windows


class SRResNet(nn.Module):
    """Low-resolution pictures `[b, h, w, 3]` in [0, 1] to `[b, s h, s w, 3]` in [-1, 1].

    The layers' names are those of the released weights.
    """

    factors: tuple[int, ...] = (2, 2)  # of the sub-pixel layers; their product is the scale
    features: int = 64
    blocks: int = 16
    norm: bool = True  # False: BatchNorm has been folded into the convolutions (`fold`)
    dtype: Any = jnp.float32  # of the computation; parameters and statistics stay float32
    axis_name: str | None = None  # axis over which BatchNorm averages in training
    frozen: bool = False  # in training too, BatchNorm normalises by its running statistics, and leaves them

    @property
    def scale(self) -> int:
        return layers.scale_of(self.factors)

    @property
    def halo(self) -> int:
        """Low-resolution pixels on each side that an output pixel depends on: the radius of all kernels, rounded up."""
        return 4 + 2 * self.blocks + 1 + self._reach  # 9x9, the blocks, and the convolution after them

    @property
    def _reach(self):
        """The same of the layers from the first sub-pixel convolution on."""
        radius, size = 0.0, 1
        for factor in self.factors:
            radius += 1 / size
            size *= factor
        # The 9x9 kernel at the end, and up to one pixel since a block of pixels is made of one.
        return math.ceil(radius + 4 / size + 1 - 1 / size)

    @nn.compact
    def __call__(self, x: Float[Array | np.ndarray, "b h w 3"], *, train: bool = False) -> Float[Array, "b sh sw 3"]:
        first = Conv(self.features, 9, dtype=self.dtype, name="head")(x)
        first = PReLU(name="head_prelu")(first)
        y = first
        for i in range(self.blocks):
            block = ResidualBlock(self.features, self.norm, self.dtype, self.axis_name, name=f"block{i + 1}")
            y = block(y, train=train and not self.frozen)
        body = Conv(self.features, 3, use_bias=not self.norm, dtype=self.dtype, name="body")
        y = first + layers.batch_norm(self, train and not self.frozen, name="body_bn")(body(y))

        enlarge = [
            Upsample(self.features, factor, self.dtype, name=f"upsample{i + 1}")
            for i, factor in enumerate(self.factors)
        ]
        enlarge = nn.Sequential([*enlarge, Conv(3, 9, dtype=self.dtype, name="tail")])
        y = enlarge(y) if train else windows.in_bands(enlarge, y, scale=self.scale, halo=self._reach)
        return jnp.tanh(y.astype(jnp.float32))


def fold(variables: Mapping[str, Any]) -> dict[str, Any]:
    """Folds every BatchNorm into its convolution: the variables of the same network with `norm=False`."""
    params, stats = dict(variables["params"]), variables["batch_stats"]
    folded = {}
    for name, layer in params.items():
        if name.startswith("block"):
            s = stats[name]
            folded[name] = {
                "prelu": layer["prelu"],
                "conv1": layers.fold_batch_norm(layer["conv1"]["kernel"], layer["bn1"], s["bn1"]),
                "conv2": layers.fold_batch_norm(layer["conv2"]["kernel"], layer["bn2"], s["bn2"]),
            }
        elif name == "body":
            folded[name] = layers.fold_batch_norm(layer["kernel"], params["body_bn"], stats["body_bn"])
        elif name != "body_bn":
            folded[name] = layer
    return {"params": folded}
