"""The convolution and sums of `convolution.py`, computed in ways that are faster on a CPU. Layout `[b, h, w, c]`.

On a CPU, XLA is close to the limit of the machine at wide convolutions, and far below it at narrow ones, at their
gradients, and at sums that leave few numbers. So here

- 3x3 kernels go by Winograd's algorithm, which needs half of the multiplications;
- kernels of few outputs are computed column by column;
- gradients are written as convolutions of shapes that XLA computes well;
- sums are products with a vector of ones.

The measurements are in experiments/LOG.md.
"""

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from jsr.ops import convolution
from jsr.ops.convolution import LAYOUT

NARROW = 16  # channels; with fewer, the vector units of a CPU (16 float32 in AVX-512) are partly idle
CACHED = 2_000_000  # numbers of an input, 8 MB; beyond the cache, Winograd's sums take longer than they save

# Winograd's F(4, 3): four outputs of a filter of three taps by six products instead of twelve. For the filter g and
# the six inputs d, y = A [(G g) * (B d)] (Lavin & Gray 2016, "Fast algorithms for convolutional neural networks",
# arXiv 1509.09308, section 4.3). The interpolation points are 0, 1, -1, 2, -2 and infinity.
B = np.array(
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ]
)
G = np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]) / 24
A = np.array([[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]])
OUTPUTS, INPUTS = A.shape  # of F(4, 3): 4 and 6

# A 3x3 kernel of stride 2 computes y[m] from x[2m - 1], x[2m] and x[2m + 1] by its taps 0, 1 and 2. So an even input
# x[2m] contributes to y[m] alone, by tap 1; an odd input x[2m + 1] contributes to y[m] by tap 2 and to y[m + 1] by
# tap 0. The taps of even and of odd inputs, in the order of the outputs:
PHASE_TAPS = (slice(1, 2), slice(2, None, -2))


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def convolve(
    x: Float[Array, "b h w i"], kernel: Float[Array, "k k i o"], stride: int
) -> Float[Array, "b h_out w_out o"]:
    """Convolves as `convolution.convolve` does, with a gradient of its own; the kernel is 3x3 where the stride is 2."""
    if stride > 1:
        return convolution.convolve(x, kernel, stride)
    if kernel.shape[3] < NARROW:
        return by_columns(x, kernel)
    if _suits_winograd(x, kernel):
        return winograd(x, kernel)
    return convolution.convolve(x, kernel, 1)


def _forward(
    x: Float[Array, "b h w i"], kernel: Float[Array, "k k i o"], stride: int
) -> tuple[Array, tuple[Array, Array]]:
    return convolve(x, kernel, stride), (x, kernel)


def _backward(stride: int, residuals: tuple[Array, Array], dy: Float[Array, "b h_out w_out o"]) -> tuple[Array, Array]:
    """Returns the gradients of the input and of the kernel."""
    x, kernel = residuals
    # Both are used twice, in different memory layouts. Without the barrier, XLA imposes one of them on the code that
    # produced them.
    x, dy = lax.optimization_barrier((x, dy))
    i, o = kernel.shape[2:]
    if stride > 1:
        return by_phases(dy, kernel, x.shape[1:3]), _correlate(x, dy, kernel.shape, stride)
    dx: Any = convolve(dy, _rotate(kernel), 1)
    if _suits_winograd(x, kernel) and x.size <= CACHED:
        return dx, jax.vjp(lambda kernel: winograd(x, kernel), kernel)[1](dy)[0]
    # Input and gradient correlated in the other order give the same, rotated; here that is the faster order.
    if o < NARROW or NARROW <= i < o:
        return dx, _rotate(_correlate(dy, x, (*kernel.shape[:2], o, i), 1))
    return dx, _correlate(x, dy, kernel.shape, 1)


convolve.defvjp(_forward, _backward)


@jax.jit  # so that layers of one shape are traced once
def winograd(x: Float[Array, "b h w i"], kernel: Float[Array, "3 3 i o"]) -> Float[Array, "b h w o"]:
    """Convolves with a 3x3 kernel by F(4, 3) along the columns of the picture; stride 1."""
    b, h, w, c = x.shape
    tiles = -(-h // OUTPUTS)
    # Without the barriers, XLA would compute a sum anew wherever it is used.
    x = jnp.pad(lax.optimization_barrier(x), ((0, 0), (1, OUTPUTS * (tiles + 1) - h - 1), (0, 0), (0, 0)))
    x = x.reshape(b, tiles + 1, OUTPUTS, w, c)
    # The six inputs of a tile: the four rows of its own, and the first two of the next tile.
    d = [x[:, :-1, row] for row in range(OUTPUTS)] + [x[:, 1:, row] for row in range(INPUTS - OUTPUTS)]
    d = lax.optimization_barrier([_combine(row, d) for row in B])
    g = jnp.einsum("pk,kwio->pwio", G.astype(kernel.dtype), kernel)
    products = [convolution.convolve(plane, taps[None], 1) for plane, taps in zip(d, g, strict=True)]
    y = jnp.stack([_combine(row, products) for row in A], axis=2)
    return y.reshape(b, OUTPUTS * tiles, w, -1)[:, :h]


def by_columns(x: Float[Array, "b h w i"], kernel: Float[Array, "k k i o"]) -> Float[Array, "b h w o"]:
    """Convolves with a kernel of few outputs: its columns become outputs of a single column, whose shifts are added."""
    k, _, i, o = kernel.shape
    parts = convolution.convolve(x, kernel.swapaxes(1, 2).reshape(k, 1, i, k * o), 1)
    # Without the barrier, XLA does not compute the convolution by its fast library.
    parts = jnp.pad(lax.optimization_barrier(parts), ((0, 0), (0, 0), (k // 2, k // 2), (0, 0)))
    w = x.shape[2]
    return sum((parts[:, :, j : j + w, j * o : (j + 1) * o] for j in range(1, k)), parts[:, :, :w, :o])


def by_phases(
    dy: Float[Array, "b h_out w_out o"], kernel: Float[Array, "3 3 i o"], size: tuple[int, int]
) -> Float[Array, "b h w i"]:
    """Returns the gradient of the input of a 3x3 kernel of stride 2: even and odd rows and columns apart.

    Args:
      size: height and width of the input.
    """
    kernel = kernel.swapaxes(2, 3)

    def phase(p: int, q: int) -> Array:
        padding = ((0, p), (0, q))
        # Without the barrier, XLA lets the convolution read the taps backwards, which it cannot do in bfloat16.
        taps = lax.optimization_barrier(kernel[PHASE_TAPS[p], PHASE_TAPS[q]])
        return lax.conv_general_dilated(dy, taps, (1, 1), padding, dimension_numbers=LAYOUT)

    rows = [jnp.stack([phase(p, 0), phase(p, 1)], axis=3) for p in (0, 1)]
    dx = jnp.stack(rows, axis=2)
    b, i, _, j, _, c = dx.shape
    return dx.reshape(b, 2 * i, 2 * j, c)[:, : size[0], : size[1]]


@functools.partial(jax.custom_vjp, nondiff_argnums=(1,))
def spread(values: Float[Array, " c"], shape: tuple[int, ...]) -> Float[Array, "b h w c"]:
    """Broadcasts as `convolution.spread` does; its gradient is `total`."""
    return convolution.spread(values, shape)


@jax.custom_vjp
def total(x: Float[Array, "b h w c"]) -> Float[Array, " c"]:
    """Sums each channel over all pixels, as a product with ones; its gradient is `spread`."""
    flat = x.reshape(-1, x.shape[-1])
    return (jnp.ones((1, flat.shape[0]), x.dtype) @ flat)[0]


spread.defvjp(
    lambda values, shape: (convolution.spread(values, shape), None),
    lambda shape, _, dy: (total(dy),),
)
total.defvjp(lambda x: (total(x), x.shape), lambda shape, dy: (spread(dy, shape),))


def _suits_winograd(x: Array, kernel: Array) -> bool:
    return len(kernel) == 3 and min(kernel.shape[2:]) >= NARROW and x.dtype == jnp.float32


def _combine(weights: np.ndarray, terms: Sequence[Array]) -> Array:
    """Returns the sum of weighted terms; the weights are whole numbers, and those of 0 and 1 cost no product."""
    pairs = [(weight, term) for weight, term in zip(weights.tolist(), terms, strict=True) if weight]
    pairs.sort(key=lambda pair: -pair[0])
    (weight, term), *rest = pairs  # every row of A and B has a positive weight, so that the first is one
    result = _scale(weight, term)
    for weight, term in rest:
        result = result + _scale(weight, term) if weight > 0 else result - _scale(-weight, term)
    return result


def _scale(weight: int, term: Array) -> Array:
    return term if weight == 1 else weight * term


def _rotate(kernel: Float[Array, "kh kw i o"]) -> Float[Array, "kh kw o i"]:
    """Rotates a kernel by half a turn and swaps its inputs and outputs."""
    return kernel[::-1, ::-1].swapaxes(2, 3)


def _correlate(x: Array, dy: Array, shape: tuple[int, ...], stride: int) -> Array:
    """Returns the gradient of a kernel of a shape `(k, k, i, o)`."""
    if shape[0] == 3 and shape[2] < NARROW and stride == 1:
        return _correlate_narrow(x, dy, shape)
    plain = jax.vjp(lambda kernel: convolution.convolve(x, kernel, stride), jnp.zeros(shape, x.dtype))[1]
    return plain(dy)[0]


def _correlate_narrow(x: Array, dy: Array, shape: tuple[int, ...]) -> Array:
    """Returns the gradient of a kernel of few inputs: the inputs of all its taps, times the gradient at each pixel."""
    k, _, i, o = shape
    h, w = x.shape[1:3]
    x = jnp.pad(x, ((0, 0), (k // 2, k // 2), (k // 2, k // 2), (0, 0)))
    taps = [x[:, row : row + h, column : column + w] for row in range(k) for column in range(k)]
    taps = lax.optimization_barrier(jnp.concatenate(taps, axis=-1))
    return (taps.reshape(-1, k * k * i).T @ dy.reshape(-1, o)).reshape(shape)
