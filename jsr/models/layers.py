"""The layers of the networks. Layout `[b, h, w, c]`."""

import functools
from collections.abc import Callable, Mapping

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import lax
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from jsr.ops import dispatch, padding, subpixel
from jsr.ops.padding import Size

MOMENTUM = 0.9  # of BatchNorm's running statistics: the share of the old value; PyTorch names the rest, 0.1
EPSILON = 1e-5  # added to BatchNorm's variance; PyTorch's default
SLOPE = 0.25  # initial slope of PReLU (He et al. 2015)


class Conv(nn.Module):
    """A convolution with zeros beyond the border: stride 1 keeps the size, stride 2 halves it, rounded up."""

    features: int
    size: int
    stride: int = 1
    use_bias: bool = True
    dtype: DTypeLike = jnp.float32
    kernel_init: Callable[..., Array] = subpixel.lecun_normal

    @nn.compact
    def __call__(self, x: Float[Array | np.ndarray, "b h w i"]) -> Float[Array, "b h_out w_out o"]:
        shape = (self.size, self.size, x.shape[-1], self.features)
        kernel = self.param("kernel", self.kernel_init, shape)
        x, kernel = x.astype(self.dtype), kernel.astype(self.dtype)
        y = dispatch.convolve(x, kernel, stride=self.stride)
        if not self.use_bias:
            return y
        bias = self.param("bias", nn.initializers.zeros, (self.features,))
        return y + dispatch.spread(bias.astype(self.dtype), y.shape)


class BatchNorm(nn.Module):
    """Batch normalisation over all devices of an axis (Ioffe & Szegedy 2015, arXiv 1502.03167, algorithm 1).

    Statistics are computed in float32; `dtype` is the type of the result.
    """

    dtype: DTypeLike = jnp.float32
    axis_name: str | None = None
    scale_init: Callable[..., Array] = nn.initializers.ones

    @nn.compact
    def __call__(self, x: Float[Array | np.ndarray, "b h w c"], *, train: bool) -> Float[Array, "b h w c"]:
        c = x.shape[-1]
        running_mean = self.variable("batch_stats", "mean", jnp.zeros, (c,))
        running_var = self.variable("batch_stats", "var", jnp.ones, (c,))
        scale = self.param("scale", self.scale_init, (c,))
        bias = self.param("bias", nn.initializers.zeros, (c,))
        x = jnp.asarray(x, jnp.float32)
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
        # As a factor and a shift, whose gradients are two sums over all pixels; mean, factor and bias would have three.
        factor = scale * lax.rsqrt(var + EPSILON)
        factor, shift = (dispatch.spread(v, x.shape) for v in (factor, bias - mean * factor))
        return (factor * x + shift).astype(self.dtype)


class PReLU(nn.Module):
    """Leaky ReLU with learned slopes (He et al. 2015, arXiv 1502.01852, section 2.1).

    All channels share one, or with `channel_slopes` each has its own.
    """

    channel_slopes: bool = False

    @nn.compact
    def __call__(self, x: Float[Array | np.ndarray, "b h w c"]) -> Float[Array, "b h w c"]:
        shape = x.shape[-1:] if self.channel_slopes else ()
        slope = self.param("negative_slope", lambda _: jnp.full(shape, SLOPE, jnp.float32))
        slopes = jnp.broadcast_to(slope.astype(x.dtype), x.shape[-1:])
        return jnp.where(x >= 0, x, dispatch.spread(slopes, x.shape) * x)


class ResidualBlock(nn.Module):
    """Conv, BN, PReLU, conv, BN, sum (Ledig et al. 2017, Figure 4).

    Without `norm` there is no BatchNorm, and the convolutions have biases instead.
    """

    features: int
    norm: bool = True
    channel_slopes: bool = False
    dtype: DTypeLike = jnp.float32
    axis_name: str | None = None

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"], *, size: Size | None = None, train: bool) -> Float[Array, "b h w c"]:
        batch_norm = functools.partial(BatchNorm, dtype=self.dtype, axis_name=self.axis_name)
        y = Conv(self.features, 3, use_bias=not self.norm, dtype=self.dtype, name="conv1")(x)
        y = batch_norm(name="bn1")(y, train=train) if self.norm else y
        y = PReLU(self.channel_slopes, name="prelu")(padding.cut(y, size))
        # A kernel or a scale of zero makes the block start as the identity (Goyal et al. 2017, "Accurate, large
        # minibatch SGD", section 5.1).
        kernel_init = subpixel.lecun_normal if self.norm else nn.initializers.zeros
        conv2 = Conv(self.features, 3, use_bias=not self.norm, dtype=self.dtype, kernel_init=kernel_init, name="conv2")
        y = conv2(y)
        if self.norm:
            y = batch_norm(name="bn2", scale_init=nn.initializers.zeros)(y, train=train)
        return x + padding.cut(y, size)


class Upsample(nn.Module):
    """Convolution to r^2 times the features, depth to space, PReLU (Ledig et al. 2017, Figure 4)."""

    features: int
    factor: int
    channel_slopes: bool = False
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, x: Float[Array | np.ndarray, "b h w c"], *, size: Size | None = None
    ) -> Float[Array, "b rh rw c"]:
        r = self.factor
        conv = Conv(self.features * r**2, 3, dtype=self.dtype, kernel_init=subpixel.icnr(r), name="conv")
        return PReLU(self.channel_slopes, name="prelu")(subpixel.depth_to_space(padding.cut(conv(x), size), r))


def fold_batch_norm(
    kernel: Float[Array | np.ndarray, "kh kw i o"],
    norm: Mapping[str, Array | np.ndarray],
    stats: Mapping[str, Array | np.ndarray],
) -> dict[str, Array | np.ndarray]:
    """Folds a BatchNorm in evaluation mode into the convolution before it, which has no bias.

    Args:
      norm: its parameters, `scale` and `bias` `[o]`.
      stats: its running statistics, `mean` and `var` `[o]`.

    Returns:
      the `kernel` and `bias` of a convolution that equals both.
    """
    factor = norm["scale"] / np.sqrt(stats["var"] + EPSILON)
    bias = norm["bias"] - stats["mean"] * factor
    return {"kernel": kernel * factor[None, None, None], "bias": bias}
