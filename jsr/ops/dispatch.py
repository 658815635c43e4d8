"""Chooses between XLA's own convolution and sums and those that are faster on a CPU. Layout `[b, h, w, c]`."""

import contextlib
import contextvars
from collections.abc import Iterator
from types import ModuleType

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jsr.ops import convolution, convolution_cpu
from jsr.ops.convolution import Shape

_is_plain = contextvars.ContextVar("is_plain", default=False)


@contextlib.contextmanager
def plain() -> Iterator[None]:
    """Makes all that is traced within use XLA's own convolution, as a program does that several platforms run."""
    token = _is_plain.set(True)
    try:
        yield
    finally:
        _is_plain.reset(token)


def convolve(
    x: Float[Array | np.ndarray, "b h w i"], kernel: Float[Array | np.ndarray, "k k i o"], *, stride: int = 1
) -> Float[Array, "b h_out w_out o"]:
    """Convolves, with k // 2 zeros beyond each border, as PyTorch pads; k is odd, and 3 where the stride is 2.

    The output has `h_out` = ceil(h / stride) rows, and columns likewise.
    """
    return _implementation().convolve(jnp.asarray(x), jnp.asarray(kernel), stride)


def spread(values: Float[Array | np.ndarray, " c"], shape: Shape) -> Float[Array, "b h w c"]:
    """Broadcasts one value a channel to all pixels of a shape `[b, h, w, c]`; its gradient is `total`."""
    return _implementation().spread(jnp.asarray(values), shape)


def total(x: Float[Array | np.ndarray, "b h w c"]) -> Float[Array, " c"]:
    """Sums each channel over all pixels; its gradient is `spread`."""
    return _implementation().total(jnp.asarray(x))


def _implementation() -> ModuleType:
    return convolution_cpu if jax.default_backend() == "cpu" and not _is_plain.get() else convolution
