"""Blur by a random kernel: of lenses, motion and focus (Gaussians of three kinds), and of digital filters (sinc).

The kernels are those of Real-ESRGAN (Wang et al. 2021, arXiv 2107.10833, sections 3.2 and 3.4; its file
basicsr/data/degradations.py), `[21, 21]`, each with the sum 1. All numbers may be traced, so one program serves all.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

RADIUS = 10  # pixels that a kernel reaches
_SIDE = 2 * RADIUS + 1

Kernel = Float[Array, "21 21"]
Scalar = Float[Array, ""]


def blur(x: Float[Array, "h w 3"], kernel: Kernel) -> Float[Array, "h w 3"]:
    """Filters a picture of any range; edges are mirrored.

    By the Fourier transform: as a convolution with a kernel for each sample, XLA takes three to forty times as long on
    a CPU.

    Raises:
      ValueError: the picture is no larger than the radius.
    """
    if min(x.shape[:2]) <= RADIUS:
        raise ValueError(f"blur: expected sides of more than {RADIUS} pixels, got {x.shape[0]}x{x.shape[1]}")
    padded = jnp.pad(x, ((RADIUS, RADIUS), (RADIUS, RADIUS), (0, 0)), mode="reflect")
    h, w = padded.shape[:2]
    # The product of transforms is a circular convolution, whose ends the padding takes up.
    spectrum = jnp.fft.rfft2(padded, axes=(0, 1)) * jnp.fft.rfft2(kernel, s=(h, w))[..., None]
    return jnp.fft.irfft2(spectrum, s=(h, w), axes=(0, 1))[2 * RADIUS :, 2 * RADIUS :]


def gaussian(sigma_x: Scalar, sigma_y: Scalar, angle: Scalar, exponent: Scalar) -> Kernel:
    """Returns a generalised Gaussian kernel, exp(-q^exponent / 2), with q the squared Mahalanobis distance.

    Args:
      sigma_x, sigma_y: in pixels, along the two axes of the kernel.
      angle: of the axes, in radians.
      exponent: 1 for the Gaussian; more is flatter in the middle, less has a sharper peak and longer tails.
    """
    return _normalised(jnp.exp(-0.5 * _distance(sigma_x, sigma_y, angle) ** exponent))


def plateau(sigma_x: Scalar, sigma_y: Scalar, angle: Scalar, exponent: Scalar) -> Kernel:
    """Returns a plateau-shaped kernel, 1 / (1 + q^exponent), with arguments as those of `gaussian`."""
    return _normalised(1 / (1 + _distance(sigma_x, sigma_y, angle) ** exponent))


def sinc(cutoff: Scalar) -> Kernel:
    """Returns the ideal circular low pass, which leaves ringing like that of sharpening and of codecs.

    Args:
      cutoff: frequency in radians a pixel, in (0, pi] (equation 4: `J1` is the Bessel function of the first kind).
    """
    x, y = _grid()
    r = jnp.sqrt(x**2 + y**2)
    away = jnp.maximum(r, 1e-6)  # the middle has a value of its own, the limit
    return _normalised(
        jnp.where(r == 0, cutoff**2 / (4 * jnp.pi), cutoff * bessel_j1(cutoff * away) / (2 * jnp.pi * away))
    )


def cropped(kernel: Kernel, radius: Int[Array, ""]) -> Kernel:
    """Cuts a kernel off beyond a radius along each axis, as a smaller window would."""
    x, y = _grid()
    return _normalised(jnp.where(jnp.maximum(jnp.abs(x), jnp.abs(y)) <= radius, kernel, 0))


def identity() -> Kernel:
    """Returns the kernel that changes nothing."""
    return jnp.zeros((_SIDE, _SIDE)).at[RADIUS, RADIUS].set(1)


def bessel_j1(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Returns the Bessel function J1 of x >= 0 to 1e-6 (Abramowitz and Stegun 1964, 9.4.4 and 9.4.6)."""
    t = (x / 3) ** 2
    near = x * jnp.polyval(
        jnp.array([0.00001109, -0.00031761, 0.00443319, -0.03954289, 0.21093573, -0.56249985, 0.5]), t
    )
    far = jnp.maximum(x, 3)
    u = 3 / far
    modulus = jnp.polyval(
        jnp.array([-0.00020033, 0.00113653, -0.00249511, 0.00017105, 0.01659667, 0.00000156, 0.79788456]), u
    )
    phase = jnp.polyval(
        jnp.array([-0.00029166, 0.00079824, 0.00074348, -0.00637879, 0.0000565, 0.12499612, -2.35619449]), u
    )
    return jnp.where(x <= 3, near, modulus * jnp.cos(far + phase) / jnp.sqrt(far))


def _grid() -> tuple[Float[Array, "1 21"], Float[Array, "21 1"]]:
    k = jnp.arange(-RADIUS, RADIUS + 1, dtype=jnp.float32)
    return k[None], k[:, None]


def _distance(sigma_x: Scalar, sigma_y: Scalar, angle: Scalar) -> Kernel:
    """Returns the squared Mahalanobis distance from the middle."""
    x, y = _grid()
    u, v = x * jnp.cos(angle) + y * jnp.sin(angle), y * jnp.cos(angle) - x * jnp.sin(angle)
    # The floor keeps the power of zero differentiable and a tiny sigma finite.
    return jnp.maximum((u / sigma_x) ** 2 + (v / sigma_y) ** 2, 1e-12)


def _normalised(kernel: Kernel) -> Kernel:
    return kernel / kernel.sum()
