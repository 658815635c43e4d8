"""The generator of SRResNet and SRGAN (Ledig et al. 2017, arXiv 1609.04802v5, Figure 4)."""

import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jaxtyping import Array, Float

from jsr.models import layers
from jsr.models.layers import BatchNorm, Conv, PReLU, ResidualBlock, Upsample
from jsr.models.upscaler import Network
from jsr.ops import padding, windows
from jsr.ops.padding import Size


class SRResNet(Network):
    """Low-resolution pictures `[b, h, w, 3]` in [0, 1] to `[b, s h, s w, 3]` in [-1, 1].

    The layers' names are those of the released weights. The fields from `channel_slopes` to `std` tell the variants of
    other projects from that of the paper; `weights.from_torch` and its like set them.
    """

    features: int = 64
    blocks: int = 16
    norm: bool = True  # False: BatchNorm has been folded into the convolutions (`folded`)
    axis_name: str | None = None  # axis over which BatchNorm averages in training
    channel_slopes: bool = False  # each PReLU has a slope for each channel
    body_prelu: bool = False  # after the blocks, PReLU in the place of BatchNorm
    tanh: bool = True  # False: the result is clipped to [-1, 1] instead
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)  # subtracted from x, before it is divided by `std`
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    frozen: bool = False  # BatchNorm uses its running statistics in training too, and does not update them

    @property
    def halo(self) -> int:
        """Low-resolution pixels on each side that an output pixel depends on: the radii of all kernels, rounded up."""
        # The 9x9 kernel at the beginning, two 3x3 in each block, and one after the blocks.
        return 4 + 2 * self.blocks + 1 + self._upsampling_halo

    @property
    def _upsampling_halo(self) -> int:
        """The halo of the layers from the first sub-pixel convolution on."""
        radius, size = 0.0, 1  # low-resolution pixels; pixels of this layer for one of low resolution
        for factor in self.factors:
            radius += 1 / size
            size *= factor
        # The 9x9 kernel at the end; and up to 1 - 1/size, because all pixels of a block depend on the same window.
        return math.ceil(radius + 4 / size + 1 - 1 / size)

    @property
    def margin(self) -> int:
        return 0

    @nn.compact
    def __call__(
        self, x: Float[Array | np.ndarray, "b h w 3"], *, size: Size | None = None, train: bool = False
    ) -> Float[Array, "b sh sw 3"]:
        updates = train and not self.frozen
        if self.mean != (0, 0, 0) or self.std != (1, 1, 1):
            x = (x - jnp.array(self.mean)[None, None, None]) / jnp.array(self.std)[None, None, None]
        first = Conv(self.features, 9, dtype=self.dtype, name="head")(padding.cut(x, size))
        first = PReLU(self.channel_slopes, name="head_prelu")(padding.cut(first, size))
        y = first
        for i in range(self.blocks):
            block = ResidualBlock(
                self.features, self.norm, self.channel_slopes, self.dtype, self.axis_name, name=f"block{i + 1}"
            )
            y = block(y, size=size, train=updates)
        has_norm = self.norm and not self.body_prelu
        y = Conv(self.features, 3, use_bias=not has_norm, dtype=self.dtype, name="body")(y)
        if self.body_prelu:
            y = PReLU(self.channel_slopes, name="body_prelu")(y)
        elif self.norm:
            y = BatchNorm(dtype=self.dtype, axis_name=self.axis_name, name="body_bn")(y, train=updates)
        y = first + padding.cut(y, size)

        upsampling = [
            Upsample(self.features, factor, self.channel_slopes, self.dtype, name=f"upsample{i + 1}")
            for i, factor in enumerate(self.factors)
        ]
        tail = Conv(3, 9, dtype=self.dtype, name="tail")

        def enlarge(y: Float[Array, "b n w c"], size: Size | None) -> Float[Array, "b sn sw 3"]:
            for layer in upsampling:
                y = layer(y, size=size)
                size = None if size is None else layer.factor * size
            return tail(y)

        if train:
            y = enlarge(y, size)
        else:
            y = windows.in_bands(enlarge, y, scale=self.scale, halo=self._upsampling_halo, size=size)
        y = y.astype(jnp.float32)
        if self.tanh:
            return jnp.tanh(y)
        return y if train else jnp.clip(y, -1, 1)  # a clipped value has no gradient

    @nn.nowrap
    def folded(self, variables: Mapping[str, Any]) -> "tuple[SRResNet, dict[str, Any]]":
        """Folds every BatchNorm into the convolution before it."""
        if not self.norm:
            return self, dict(variables)
        return self.clone(norm=False), jax.tree.map(np.asarray, _fold(variables))


def _fold(variables: Mapping[str, Any]) -> dict[str, Any]:
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
        elif name == "body" and "body_bn" in params:
            folded[name] = layers.fold_batch_norm(layer["kernel"], params["body_bn"], stats["body_bn"])
        elif name != "body_bn":
            folded[name] = layer
    return {"params": folded}
