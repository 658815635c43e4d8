"""JPEG as a function of JAX: a picture as it looks after it was saved and opened again (ITU-T T.81).

It follows libjpeg's default path (4:2:0, the accurate integer DCT) through the same whole levels: after the colour
conversion, the halving of the chroma, the inverse DCT, the doubling of the chroma and the conversion back. Without
these roundings it would differ from libjpeg four times as much. Entropy coding loses nothing, so it is left out.

Pictures are float32 `[h, w, 3]`, RGB, whole levels in [0, 255].
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

BLOCK = 8  # pixels of a block's side
MULTIPLE = 2 * BLOCK  # of a picture's sides, because the chroma has half the resolution

# Tables K.1 and K.2 of T.81, annex K: the steps of luma and chroma at quality 50.
_LUMA = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ],
    np.float32,
)
_CHROMA = np.full((8, 8), 99, np.float32)
_CHROMA[:4, :4] = [[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]]

# JFIF 1.02, page 3: rows give Y, Cb, Cr of R, G, B; and R, G, B of Y, Cb, Cr.
_TO_YCC = np.array([[0.299, 0.587, 0.114], [-0.168735892, -0.331264108, 0.5], [0.5, -0.418687589, -0.081312411]])
_TO_RGB = np.array([[1, 0, 1.402], [1, -0.344136286, -0.714136286], [1, 1.772, 0]])

# The orthonormal DCT-II (T.81, A.3.3): row u holds the cosine of frequency u.
_k = np.arange(BLOCK)
_DCT = np.cos((2 * _k + 1) * _k[:, None] * np.pi / 16) * np.where(_k[:, None] == 0, np.sqrt(1 / 8), 1 / 2)


def jpeg(x: Float[Array, "h w 3"], quality: Float[Array, ""]) -> Float[Array, "h w 3"]:
    """Returns a picture as JPEG at a quality leaves it.

    Args:
      x: whole levels in [0, 255]; sides multiples of 16. Smaller pictures are padded by repeating the edge, as libjpeg
        does.
      quality: libjpeg's, in [1, 100].

    Raises:
      ValueError: a side is no multiple of 16.
    """
    if x.shape[0] % MULTIPLE or x.shape[1] % MULTIPLE:
        raise ValueError(f"jpeg: expected sides that are multiples of {MULTIPLE}, got {x.shape[0]}x{x.shape[1]}")
    luma_steps, chroma_steps = quantization(quality)
    middle = jnp.array([[[0.0, 128, 128]]])
    ycc = _whole(x @ jnp.asarray(_TO_YCC.T, jnp.float32) + middle)
    y, cb, cr = jnp.moveaxis(ycc, -1, 0)
    y = _coded(y, luma_steps)
    cb, cr = (_double(_coded(_halve(chroma), chroma_steps)) for chroma in (cb, cr))
    return _whole((jnp.stack([y, cb, cr], axis=-1) - middle) @ jnp.asarray(_TO_RGB.T, jnp.float32))


def quantization(quality: Float[Array, ""]) -> tuple[Float[Array, "8 8"], Float[Array, "8 8"]]:
    """Returns the steps of luma and chroma coefficients at a quality (libjpeg, `jpeg_quality_scaling`)."""
    percent = jnp.where(quality < 50, jnp.floor(5000 / quality), 200 - 2 * quality)
    luma, chroma = (jnp.clip(jnp.floor((table * percent + 50) / 100), 1, 255) for table in (_LUMA, _CHROMA))
    return luma, chroma


def _whole(levels: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    return jnp.clip(jnp.round(levels), 0, 255)


def _coded(plane: Float[Array, "h w"], steps: Float[Array, "8 8"]) -> Float[Array, "h w"]:
    """Quantises the DCT coefficients of each block, and returns the plane that is left."""
    dct = jnp.asarray(_DCT, jnp.float32)
    h, w = plane.shape
    steps = steps[None, None]
    blocks = (plane - 128).reshape(h // BLOCK, BLOCK, w // BLOCK, BLOCK)
    ratios = jnp.einsum("ui,minj,vj->mnuv", dct, blocks, dct) / steps
    # libjpeg rounds half away from zero. At low quality ties are common, and its fixed-point DCT ends a hair outside
    # them, hence 0.501.
    coefficients = jnp.sign(ratios) * jnp.floor(jnp.abs(ratios) + 0.501) * steps
    return _whole(jnp.einsum("ui,mnuv,vj->minj", dct, coefficients, dct).reshape(h, w) + 128)


def _halve(plane: Float[Array, "h w"]) -> Float[Array, "h//2 w//2"]:
    """Returns the mean of every four pixels (libjpeg, `h2v2_downsample`): ties go down and up in alternate columns."""
    h, w = plane.shape
    sums = plane.reshape(h // 2, 2, w // 2, 2).sum(axis=(1, 3))
    return jnp.floor((sums + 1 + jnp.arange(w // 2)[None] % 2) / 4)


def _double(plane: Float[Array, "h w"]) -> Float[Array, "2*h 2*w"]:
    """Doubles the chroma as libjpeg's "fancy upsampling" does (`h2v2_fancy_upsample`).

    Each new pixel is 3/4 of the nearer and 1/4 of the farther old one, along rows and columns; edges are repeated.
    """
    h, w = plane.shape
    padded = jnp.pad(plane, 1, mode="edge")
    above, centre, below = padded[:-2], padded[1:-1], padded[2:]
    rows = jnp.stack([3 * centre + above, 3 * centre + below], axis=1).reshape(2 * h, w + 2)
    left, centre, right = rows[:, :-2], rows[:, 1:-1], rows[:, 2:]
    pairs = [jnp.floor((3 * centre + left + 8) / 16), jnp.floor((3 * centre + right + 7) / 16)]
    return jnp.stack(pairs, axis=2).reshape(2 * h, 2 * w)
