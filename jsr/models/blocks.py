"""What the networks are built of. Layout `[b, h, w, c]`."""

import functools
import math
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

# torch's defaults: a momentum of 0.1 there is a decay of 0.9 here.
BatchNorm = functools.partial(nn.BatchNorm, momentum=0.9, epsilon=1e-5)
lecun_normal = nn.initializers.lecun_normal()  # how flax starts convolutions
PReLU = functools.partial(nn.PReLU, negative_slope_init=0.25)  # one slope a layer; He et al. 2015


def depth_to_space(x: Float[Array, "b h w c"], r: int) -> Float[Array, "b rh rw c_out"]:
    """Rearranges channels `(i, j, c)` into blocks of r x r pixels (Shi et al. 2016, equation 4).

    PyTorch's PixelShuffle orders them `(c, i, j)`.
    """
    b, h, w, c = x.shape
    x = x.reshape(b, h, w, r, r, c // r**2).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(b, h * r, w * r, c // r**2)


def space_to_depth(x: Float[Array, "b rh rw c"], r: int) -> Float[Array, "b h w c_out"]:
    """Undoes `depth_to_space`."""
    b, h, w, c = x.shape
    x = x.reshape(b, h // r, r, w // r, r, c).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(b, h // r, w // r, c * r**2)


def icnr(r: int, *, init: Callable[..., Array] = lecun_normal):
    """Initialises a sub-pixel convolution so that it begins as nearest-neighbour enlargement, free of checkerboards.

    All r x r pixels of a block get the same kernel (Aitken et al. 2017, "Checkerboard artifact free sub-pixel
    convolution", section 3).
    """

    def initialise(key: Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> Array:
        kernel = init(key, (*shape[:-1], shape[-1] // r**2), dtype)
        return jnp.tile(kernel, (1,) * (len(shape) - 1) + (r**2,))

    return initialise


class ResidualBlock(nn.Module):
    """Conv, BN, PReLU, conv, BN, sum (Ledig et al. 2017, Figure 4). Without `norm` the convolutions have biases."""

    features: int
    norm: bool = True
    dtype: Any = jnp.float32
    axis_name: str | None = None

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"], *, train: bool) -> Float[Array, "b h w c"]:
        y = conv(self, 3, self.features, name="conv1", use_bias=not self.norm)(x)
        y = batch_norm(self, train, name="bn1")(y)
        y = PReLU(name="prelu")(y)
        y = conv(self, 3, self.features, name="conv2", use_bias=not self.norm)(y)
        # At zero a block begins as the identity (Goyal et al. 2017, "Accurate, large minibatch SGD", section 5.1).
        y = batch_norm(self, train, name="bn2", scale_init=nn.initializers.zeros)(y)
        return x + y


class Upsample(nn.Module):
    """Conv to r^2 times the features, depth to space, PReLU (Ledig et al. 2017, Figure 4)."""

    features: int
    factor: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b rh rw c"]:
        r = self.factor
        x = conv(self, 3, self.features * r**2, name="conv", kernel_init=icnr(r))(x)
        return PReLU(name="prelu")(depth_to_space(x, r))


def conv(module: Any, size: int, features: int, **options: Any) -> nn.Conv:
    """A convolution of stride 1 that keeps the size, computed in the module's dtype."""
    return nn.Conv(features, (size, size), padding="SAME", dtype=module.dtype, **options)


def batch_norm(module: Any, train: bool, **options: Any) -> Callable[[Array], Array]:
    """BatchNorm over all devices of the module's axis; nothing where the module was folded."""
    if not module.norm:
        return lambda x: x
    return BatchNorm(
        use_running_average=not train, dtype=module.dtype, axis_name=module.axis_name, **options
    )


def scale_of(factors: tuple[int, ...]) -> int:
    """The enlargement of a row of sub-pixel layers."""
    return math.prod(factors)


def fold_batch_norm(kernel: Array, norm: dict, stats: dict, *, epsilon: float = 1e-5) -> dict:
    """Folds a BatchNorm in evaluation mode into the convolution before it, which has no bias."""
    factor = norm["scale"] / jnp.sqrt(stats["var"] + epsilon)
    bias = norm["bias"] - stats["mean"] * factor
    return {"kernel": kernel * factor[None, None, None], "bias": bias}
