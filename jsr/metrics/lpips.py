"""LPIPS, the learned perceptual image patch similarity: how differently two pictures look. Lower is more alike.

    Zhang, Isola, Efros, Shechtman, Wang: The unreasonable effectiveness of deep features as a perceptual metric.
    CVPR 2018, arXiv 1801.03924.

This is version 0.1 with AlexNet, the one that tables of super-resolution give. It is measured on the whole RGB picture,
by custom; no border is shaved.
"""

import functools
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from jsr.models.judges import alexnet
from jsr.models.judges.alexnet import AlexNet
from jsr.models.judges.vgg import VGG
from jsr.ops import pixels

Pictures = Float[Array | np.ndarray, "b h w 3"]

# Added to the squared length of a pixel's features, which can be 0. The authors add it to the length, which makes no
# difference to the value, but would make the gradient at 0 infinite.
EPSILON = 1e-10


class Reference(NamedTuple):
    """The trained parts of the metric, or of a loss that is like it, on features of VGG16."""

    network: AlexNet | VGG
    variables: Any  # of the network
    heads: tuple[Float[Array | np.ndarray, " _"], ...]  # for each of its five layers, the paper's w squared


def distance(a: np.ndarray, b: np.ndarray, reference: Reference) -> float:
    """Computes the distance between two pictures.

    Args:
      a, b: uint8 `[h, w, 3]` of equal sizes.

    Returns:
      0 or more; 0 for equal pictures, about 0.1 to 0.5 for enlarged ones against their originals. NaN where a side has
      fewer than `alexnet.SMALLEST` pixels, of which AlexNet leaves none.

    Raises:
      ValueError: not two uint8 pictures of one size.
    """
    for image in (a, b):
        pixels.check(image)
    if a.shape != b.shape:
        raise ValueError(f"expected pictures of one size, got {a.shape} and {b.shape}")
    if min(a.shape[:2]) < alexnet.SMALLEST:
        return math.nan
    return float(distances(reference, *(pixels.to_symmetric(image)[None] for image in (a, b)))[0])


def distances(reference: Reference, a: Pictures, b: Pictures) -> Float[Array, " b"]:
    """Computes the distances between two batches of pictures, equation 1 of the paper.

    Args:
      a, b: in [-1, 1]; at least `alexnet.SMALLEST` pixels a side.

    Raises:
      ValueError: the pictures are too small.
    """
    return _distances(reference.network, reference.variables, reference.heads, a, b)


@functools.partial(jax.jit, static_argnums=0)
def _distances(network: AlexNet | VGG, variables: Any, heads: Any, a: Pictures, b: Pictures) -> Float[Array, " b"]:
    total = jnp.zeros(a.shape[0], jnp.float32)
    features: Any = [network.apply(variables, pictures) for pictures in (a, b)]
    for head, x, y in zip(heads, *features, strict=True):
        squares = jnp.square(_unit(x) - _unit(y))
        # A sum, because a GPU would round a matrix product to TensorFloat-32.
        total += jnp.mean(jnp.sum(squares * head.reshape(1, 1, 1, -1), axis=-1), axis=(1, 2))
    return total


def _unit(x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
    """Divides the features of each pixel by their length, in float32."""
    x = x.astype(jnp.float32)
    return x * lax.rsqrt(jnp.sum(jnp.square(x), axis=-1, keepdims=True) + EPSILON)
