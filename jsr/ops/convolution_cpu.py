"""What the layers compute with: convolutions, and sums over pixels. Layout `[b, h, w, c]`.

Other platforms get XLA's own. On a CPU, XLA is close to the limit of the machine at wide convolutions, and far below
it at narrow ones, at their gradients and at sums that leave few numbers. So there 3x3 kernels go by Winograd's
algorithm, which multiplies half as often; kernels of few outputs column by column; gradients as convolutions of shapes
that are computed well; and sums as products with ones. The measurements are in experiments/LOG.md.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from jsr.ops.convolution import NUMBERS, broadcast, direct

FEW = 16  # channels: fewer leave the vector units of a CPU idle
CACHED = 2_000_000  # numbers of an input that stay in the cache: of more, Winograd's sums take longer than they save

# F(4, 3), four outputs of a filter of three taps by six products: y = A [(G g) * (B d)] for the filter g and the six
# inputs d (Lavin & Gray 2016, "Fast algorithms for convolutional neural networks", arXiv 1509.09308, section 4.3).
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

# Taps of a 3x3 kernel of stride 2 that an even and an odd input meet: x[2m] is seen by y[m] alone, through the middle;
# x[2m + 1] by y[m] through the last and by y[m + 1] through the first.
MET = (slice(1, 2), slice(2, None, -2))


@jax.jit  # traced once for all layers of one shape
def winograd(
    x: Float[Array | np.ndarray, "b h w i"], kernel: Float[Array | np.ndarray, "3 3 i o"]
) -> Float[Array, "b h w o"]:
    """The same by F(4, 3) along the columns of the picture, for kernels of 3x3."""
    b, h, w, c = x.shape
    tiles = -(-h // 4)
    # The barriers keep XLA from computing a sum anew wherever it is used.
    x = jnp.pad(lax.optimization_barrier(x), ((0, 0), (1, 4 * tiles + 3 - h), (0, 0), (0, 0)))
    x = x.reshape(b, tiles + 1, 4, w, c)
    d = [x[:, :-1, i] for i in range(4)] + [x[:, 1:, i] for i in range(2)]
    d = lax.optimization_barrier([_combine(row, d) for row in B])
    g = jnp.einsum("pk,kwio->pwio", G.astype(kernel.dtype), kernel)
    products = [direct(plane, taps[None], 1) for plane, taps in zip(d, g, strict=True)]
    y = jnp.stack([_combine(row, products) for row in A], axis=2)
    return y.reshape(b, 4 * tiles, w, -1)[:, :h]


def by_columns(
    x: Float[Array | np.ndarray, "b h w i"], kernel: Float[Array | np.ndarray, "k k i o"]
) -> Float[Array, "b h w o"]:
    """The same for few outputs: all columns of the kernel as outputs of a single one, and then their shifted sum."""
    k, _, i, o = kernel.shape
    parts = direct(x, kernel.swapaxes(1, 2).reshape(k, 1, i, k * o), 1)
    # Without the barrier XLA would not keep the convolution to its fast library.
    parts = jnp.pad(lax.optimization_barrier(parts), ((0, 0), (0, 0), (k // 2, k // 2), (0, 0)))
    w = x.shape[2]
    return sum((parts[:, :, j : j + w, j * o : (j + 1) * o] for j in range(1, k)), parts[:, :, :w, :o])


def by_phases(
    dy: Float[Array | np.ndarray, "b h_out w_out o"],
    kernel: Float[Array | np.ndarray, "3 3 i o"],
    size: tuple[int, int],
) -> Float[Array, "b h w i"]:
    """The gradient of the input `[b, *size, i]` of a 3x3 kernel of stride 2: even and odd rows and columns apart."""
    kernel = kernel.swapaxes(2, 3)

    def phase(p, q):
        padding = ((0, p), (0, q))
        return lax.conv_general_dilated(dy, kernel[MET[p], MET[q]], (1, 1), padding, dimension_numbers=NUMBERS)

    rows = [jnp.stack([phase(p, 0), phase(p, 1)], axis=3) for p in (0, 1)]
    dx = jnp.stack(rows, axis=2)
    b, i, _, j, _, c = dx.shape
    return dx.reshape(b, 2 * i, 2 * j, c)[:, : size[0], : size[1]]


def _combine(weights, terms):
    """The sum of terms with whole weights, without what is multiplied by zero or one."""
    pairs = [(weight, term) for weight, term in zip(weights.tolist(), terms, strict=True) if weight]
    pairs.sort(key=lambda pair: -pair[0])
    (weight, term), *rest = pairs  # the first is positive, for no row is without
    result = _times(weight, term)
    for weight, term in rest:
        result = result + _times(weight, term) if weight > 0 else result - _times(-weight, term)
    return result


def _times(weight, term):
    return term if weight == 1 else weight * term


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def convolution(x, kernel, stride):
    if stride > 1:
        return direct(x, kernel, stride)
    if kernel.shape[3] < FEW:
        return by_columns(x, kernel)
    if _suits_winograd(x, kernel):
        return winograd(x, kernel)
    return direct(x, kernel, 1)


def _convolution_forward(x, kernel, stride):
    return convolution(x, kernel, stride), (x, kernel)


def _convolution_backward(stride, saved, dy):
    x, kernel = saved
    # Each serves twice, in orders of memory that what computes it should not have to follow.
    x, dy = lax.optimization_barrier((x, dy))
    i, o = kernel.shape[2:]
    if stride > 1:
        return by_phases(dy, kernel, x.shape[1:3]), _correlation(x, dy, kernel.shape, stride)
    dx = convolution(dy, _turned(kernel), 1)
    if _suits_winograd(x, kernel) and x.size <= CACHED:
        return dx, jax.vjp(lambda kernel: winograd(x, kernel), kernel)[1](dy)[0]
    # The correlation of input and gradient is also that of gradient and input, turned.
    if o < FEW or FEW <= i < o:
        return dx, _turned(_correlation(dy, x, (*kernel.shape[:2], o, i), 1))
    return dx, _correlation(x, dy, kernel.shape, 1)


convolution.defvjp(_convolution_forward, _convolution_backward)


def _suits_winograd(x, kernel):
    return len(kernel) == 3 and min(kernel.shape[2:]) >= FEW and x.dtype == jnp.float32


def _turned(kernel):
    return kernel[::-1, ::-1].swapaxes(2, 3)


def _correlation(x, dy, shape, stride):
    """The gradient of a kernel."""
    if shape[0] == 3 and shape[2] < FEW and stride == 1:
        return _product(x, dy, shape)
    return jax.vjp(lambda kernel: direct(x, kernel, stride), jnp.zeros(shape, x.dtype))[1](dy)[0]


def _product(x, dy, shape):
    """The gradient of a kernel of few inputs: what its taps meet at every pixel, times the gradient there."""
    k, _, i, o = shape
    h, w = x.shape[1:3]
    x = jnp.pad(x, ((0, 0), (k // 2, k // 2), (k // 2, k // 2), (0, 0)))
    met = [x[:, y : y + h, z : z + w] for y in range(k) for z in range(k)]
    met = lax.optimization_barrier(jnp.concatenate(met, axis=-1))
    return (met.reshape(-1, k * k * i).T @ dy.reshape(-1, o)).reshape(shape)


@functools.partial(jax.custom_vjp, nondiff_argnums=(1,))
def spread(values, shape):
    return broadcast(values, shape)


@jax.custom_vjp
def total(x):
    flat = x.reshape(-1, x.shape[-1])
    return (jnp.ones((1, flat.shape[0]), x.dtype) @ flat)[0]


spread.defvjp(
    lambda values, shape: (broadcast(values, shape), None),
    lambda shape, _, dy: (total(dy),),
)
total.defvjp(lambda x: (total(x), x.shape), lambda shape, dy: (spread(dy, shape),))
