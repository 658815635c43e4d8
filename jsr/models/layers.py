"""What the networks are built of. Layout `[b, h, w, c]`."""

import functools
import math
from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import lax
from jaxtyping import Array, Float

from jsr.ops import dispatch, subpixel

MOMENTUM = 0.9  # of BatchNorm's running statistics; torch calls it 0.1
EPSILON = 1e-5  # of BatchNorm; torch's default
SLOPE = 0.25  # where PReLU starts; He et al. 2015


class Conv(nn.Module):
    """A convolution with zeros beyond the border, so that stride 1 keeps the size and stride 2 halves it."""

    features: int
    size: int
    stride: int = 1
    use_bias: bool = True
    dtype: Any = jnp.float32
    kernel_init: Callable[..., Array] = subpixel.lecun_normal

    @nn.compact
    def __call__(self, x: Float[Array | np.ndarray, "b h w i"]) -> Float[Array, "b h_out w_out o"]:
        shape = (self.size, self.size, x.shape[-1], self.features)
        kernel = self.param("kernel", self.kernel_init, shape)
        x, kernel = x.astype(self.dtype), kernel.astype(self.dtype)
        y = dispatch.convolution(x, kernel, stride=self.stride)
        if not self.use_bias:
            return y
        bias = self.param("bias", nn.initializers.zeros, (self.features,))
        return y + dispatch.spread(bias.astype(self.dtype), y.shape)


class BatchNorm(nn.Module):
    """Batch normalisation over all devices of an axis (Ioffe & Szegedy 2015, arXiv 1502.03167, algorithm 1).

    Statistics are of float32, whatever is computed in.
    """

    dtype: Any = jnp.float32
    axis_name: str | None = None
    scale_init: Callable[..., Array] = nn.initializers.ones

    @nn.compact
    def __call__(self, x: Float[Array | np.ndarray, "b h w c"], *, train: bool) -> Float[Array, "b h w c"]:
        c = x.shape[-1]
        running_mean = self.variable("batch_stats", "mean", jnp.zeros, (c,))
        running_var = self.variable("batch_stats", "var", jnp.ones, (c,))
        scale = self.param("scale", self.scale_init, (c,))
        bias = self.param("bias", nn.initializers.zeros, (c,))
        x = x.astype(jnp.float32)
        if train:
            count = x.size // c
            mean, square = (dispatch.total(y) / count for y in (x, x * x))
            if self.axis_name and not self.is_initializing():
                mean, square = lax.pmean((mean, square), self.axis_name)
            var = jnp.maximum(square - mean * mean, 0.0)
            if not self.is_initializing():
                for running, new in ((running_mean, mean), (running_var, var)):
                    running.value = MOMENTUM * running.value + (1 - MOMENTUM) * new
        else:
            mean, var = running_mean.value, running_var.value
        factor = scale * lax.rsqrt(var + EPSILON)
        mean, factor, bias = (dispatch.spread(v, x.shape) for v in (mean, factor, bias))
        return ((x - mean) * factor + bias).astype(self.dtype)


class PReLU(nn.Module):
    """Leaky ReLU of one learned slope (He et al. 2015, arXiv 1502.01852, section 2.1, channel-shared)."""

    @nn.compact
    def __call__(self, x: Float[Array | np.ndarray, "b h w c"]) -> Float[Array, "b h w c"]:
        slope = self.param("negative_slope", lambda _: jnp.float32(SLOPE))
        slopes = jnp.broadcast_to(slope.astype(x.dtype), x.shape[-1:])
        return jnp.where(x >= 0, x, dispatch.spread(slopes, x.shape) * x)


class ResidualBlock(nn.Module):
    """Conv, BN, PReLU, conv, BN, sum (Ledig et al. 2017, Figure 4). Without `norm` the convolutions have biases."""

    features: int
    norm: bool = True
    dtype: Any = jnp.float32
    axis_name: str | None = None

    @nn.compact
    def __call__(self, x: Float[Array | np.ndarray, "b h w c"], *, train: bool) -> Float[Array, "b h w c"]:
        y = Conv(self.features, 3, use_bias=not self.norm, dtype=self.dtype, name="conv1")(x)
        y = batch_norm(self, train, name="bn1")(y)
        y = PReLU(name="prelu")(y)
        y = Conv(self.features, 3, use_bias=not self.norm, dtype=self.dtype, name="conv2")(y)
        # At zero a block begins as the identity (Goyal et al. 2017, "Accurate, large minibatch SGD", section 5.1).
        y = batch_norm(self, train, name="bn2", scale_init=nn.initializers.zeros)(y)
        return x + y


class Upsample(nn.Module):
    """Conv to r^2 times the features, depth to space, PReLU (Ledig et al. 2017, Figure 4)."""

    features: int
    factor: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array | np.ndarray, "b h w c"]) -> Float[Array, "b rh rw c"]:
        r = self.factor
        conv = Conv(self.features * r**2, 3, dtype=self.dtype, kernel_init=subpixel.icnr(r), name="conv")
        return PReLU(name="prelu")(subpixel.depth_to_space(conv(x), r))


def batch_norm(module: Any, train: bool, **options: Any) -> Callable[[Array], Array]:
    """BatchNorm as a module has it: nothing where it was folded."""
    if not module.norm:
        return lambda x: x
    norm = BatchNorm(dtype=module.dtype, axis_name=module.axis_name, **options)
    return functools.partial(norm, train=train)


def scale_of(factors: tuple[int, ...]) -> int:
    """The enlargement of a row of sub-pixel layers."""
    return math.prod(factors)


def fold_batch_norm(
    kernel: Float[Array | np.ndarray, "kh kw i o"],
    norm: Mapping[str, Array | np.ndarray],
    stats: Mapping[str, Array | np.ndarray],
) -> dict[str, Array | np.ndarray]:
    """Folds a BatchNorm in evaluation mode into the convolution before it, which has no bias."""
    factor = norm["scale"] / np.sqrt(stats["var"] + EPSILON)
    bias = norm["bias"] - stats["mean"] * factor
    return {"kernel": kernel * factor[None, None, None], "bias": bias}
