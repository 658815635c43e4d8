"""From a high-resolution crop to the low-resolution picture that a network learns to enlarge.

A degradation is `(keys, images) -> lr`: uint8 crops `[b, s, s, 3]` with a margin of `margin` pixels on each side, and a
key for each, to float pictures `[b, c, c, 3]` in [0, 1], with s = scale c + 2 margin. It runs inside the train step. A
picture depends on its own key and crop only, so the division of a batch over devices changes nothing.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Key, UInt8

from jsr.degradation import blur, jpeg, noise, resampling
from jsr.ops import pixels, resize

# Shares of the pictures; those that a run may vary are fields of `Photo`.
BLURRED, RINGING, NOISY, COMPRESSED = 0.5, 0.05, 0.5, 0.9
SHOT, GREY = 0.3, 0.4  # of the noisy ones
MIN_SIGMA = 0.2  # pixels: a Gaussian that changes nothing

Images = UInt8[Array | np.ndarray, "b s s 3"]
Pictures = Float[Array, "b c c 3"]
Scalar = Float[Array, ""]
Square = Float[Array, "n n 3"]
Smaller = Float[Array, "c c 3"]


@dataclasses.dataclass(frozen=True)
class Bicubic:
    """The reduction of the benchmark sets, MATLAB's `imresize`; nothing is random."""

    scale: int

    @property
    def margin(self) -> int:
        """High-resolution pixels on each side: the reach of the antialiased cubic, two low-resolution ones."""
        return 2 * self.scale

    def __call__(self, keys: Key[Array, " b"], images: Images) -> Pictures:
        """Returns the low-resolution pictures of a batch; the keys are not used."""
        return resize.downscale(pixels.to_unit(images), self.scale, margin=self.margin // self.scale)


@dataclasses.dataclass(frozen=True)
class Photo:
    """The past of a photograph as people have it: blur, resizing, noise and JPEG, in one round or two.

    After Real-ESRGAN (Wang et al. 2021, arXiv 2107.10833, section 3), but every number is drawn for each picture alone,
    a share of the pictures stays clean, and the first of two rounds ends at one to two times the final size instead of
    0.15 to 1.5 times the original, which would take most of the time. Kinds of kernels and noise are theirs (options of
    RealESRGAN_x4plus); the default ranges are narrower and round kernels more frequent, because a network pays for each
    kind of damage with fidelity to the others (experiments/LOG.md, "Ranges").
    """

    scale: int
    blur: float = 2.4  # largest standard deviation, in high-resolution pixels
    noise: float = 10.0  # largest standard deviation, in levels of 255
    quality: float = 40.0  # lowest of JPEG; the highest is 95
    second_round: float = 0.05  # share of pictures that were resized and compressed twice
    clean: float = 0.1  # share of pictures that are only reduced, as by `Bicubic`

    @property
    def margin(self) -> int:
        """High-resolution pixels on each side: the reach of blur and cubic. The tails of ringing beyond it are lost."""
        return 6 * self.scale

    def __call__(self, keys: Key[Array, " b"], images: Images) -> Pictures:
        """Returns the low-resolution pictures of a batch, in whole levels of 255."""
        return jax.vmap(self._degrade)(keys, pixels.to_unit(images))

    def _degrade(self, key: Key[Array, ""], x: Square) -> Smaller:
        keys = jax.random.split(key, 6)
        side, small = x.shape[0], x.shape[0] // self.scale
        is_clean, is_blurred, is_twice = jax.random.uniform(keys[0], (3,)) < jnp.array(
            [self.clean, BLURRED, self.second_round]
        )
        y = blur.blur(x, jnp.where(is_blurred, _kernel(keys[1], self.blur), blur.identity()))
        once = resampling.resample(y, side, small, method=_method(keys[2]), canvas=small)
        twice = self._by_an_intermediate_size(keys[3], y)
        y = jnp.where(is_twice, twice, once)
        y = blur.blur(y, _filter(keys[4], is_twice))
        y = self._noise_and_jpeg(keys[5], y)
        y = jnp.where(is_clean, resize.downscale(x, self.scale), y)
        border = self.margin // self.scale
        return y[border : small - border, border : small - border]

    def _by_an_intermediate_size(self, key: Key[Array, ""], x: Square) -> Smaller:
        """Resizes a picture to an intermediate size, damages it there, and resizes it to its final size."""
        keys = jax.random.split(key, 4)
        small = x.shape[0] // self.scale
        # A quarter is drawn below 1 and so keeps its size, as pictures that are only saved again.
        factor = jnp.maximum(_uniform(keys[0], 2 / 3, 2), 1)
        length, canvas = jnp.round(small * factor), 2 * small
        y = resampling.resample(x, x.shape[0], length, method=_method(keys[1]), canvas=canvas)
        y = self._noise_and_jpeg(keys[2], y)
        return resampling.resample(y, length, small, method=_method(keys[3]), canvas=small)

    def _noise_and_jpeg(self, key: Key[Array, ""], x: Square) -> Square:
        """Adds noise to a share of the pictures and compresses a share; returns whole levels of 255."""
        keys = jax.random.split(key, 6)
        is_noisy, is_shot, is_grey, is_compressed = jax.random.uniform(keys[0], (4,)) < jnp.array(
            [NOISY, SHOT, GREY, COMPRESSED]
        )
        sigma = _uniform(keys[1], 1, self.noise) / 255
        # At full light shot noise of scale 1 has a deviation of 1/16; so the brightest parts get up to `noise`.
        scale = _uniform(keys[2], 0.05, self.noise / 255 * 16)
        noisy = jnp.where(
            is_shot,
            noise.shot(keys[3], x, scale, is_grey=is_grey),
            noise.gaussian(keys[3], x, sigma, is_grey=is_grey),
        )
        x = jnp.clip(jnp.round(255 * jnp.where(is_noisy, noisy, x)), 0, 255)
        compressed = _compressed(keys[4], x, _uniform(keys[5], self.quality, 95))
        return jnp.where(is_compressed, compressed, x) / 255


Degradation = Bicubic | Photo


def _uniform(key: Key[Array, ""], low: float | int, high: float | int) -> Scalar:
    return jax.random.uniform(key, minval=low, maxval=high)


def _method(key: Key[Array, ""]) -> Array:
    return jax.random.choice(key, resampling.METHODS, p=jnp.array([0.05, 0.1, 0.85]))


def _kernel(key: Key[Array, ""], sigma: float) -> blur.Kernel:
    """Draws a kernel of Real-ESRGAN's six kinds or a sinc, of a window of 7 to 21 pixels."""
    keys = jax.random.split(key, 8)
    is_sinc = jax.random.bernoulli(keys[0], 0.05)
    kind = jax.random.choice(keys[1], 6, p=jnp.array([0.8, 0.08, 0.04, 0.02, 0.04, 0.02]))
    is_isotropic, is_plain, is_plateau = kind % 2 == 0, kind < 2, kind >= 4
    sigma_x = _uniform(keys[2], MIN_SIGMA, sigma)
    sigma_y = jnp.where(is_isotropic, sigma_x, _uniform(keys[3], MIN_SIGMA, sigma))
    angle = _uniform(keys[4], -jnp.pi, jnp.pi)
    # Half of the exponents are below 1 and half above (gaussian), or half are 1 (plateau).
    is_low = jax.random.bernoulli(keys[5])
    exponent = jnp.where(is_low, _uniform(keys[6], 0.5, 1), _uniform(keys[6], 1, 4))
    flat = jnp.where(is_low, 1.0, _uniform(keys[6], 1, 2))
    kernel = jnp.where(
        is_plateau,
        blur.plateau(sigma_x, sigma_y, angle, flat),
        blur.gaussian(sigma_x, sigma_y, angle, jnp.where(is_plain, 1.0, exponent)),
    )
    radius_key, cutoff_key = jax.random.split(keys[7])
    kernel = jnp.where(is_sinc, blur.sinc(_uniform(cutoff_key, jnp.pi / 3, jnp.pi)), kernel)
    return blur.cropped(kernel, jax.random.randint(radius_key, (), 3, blur.RADIUS + 1))


def _filter(key: Key[Array, ""], is_twice: Array) -> blur.Kernel:
    """Draws the filter at the final size: sharpening's ringing, or the slight blur of a second resizing, or none."""
    keys = jax.random.split(key, 3)
    ringing = blur.sinc(_uniform(keys[1], jnp.pi / 3, jnp.pi))
    sigma = _uniform(keys[2], MIN_SIGMA, 0.8)
    soft = blur.gaussian(sigma, sigma, jnp.zeros(()), jnp.ones(()))
    kernel = jnp.where(is_twice, soft, blur.identity())
    return jnp.where(jax.random.bernoulli(keys[0], RINGING), ringing, kernel)


def _compressed(key: Key[Array, ""], x: Square, quality: Scalar) -> Square:
    """Compresses a square by JPEG, with its blocks anywhere: a network must not learn where they are from the edge.

    Args:
      x: whole levels in [0, 255].
    """
    n, period = x.shape[0], jpeg.MULTIPLE
    canvas = -(-(n + period - 1) // period) * period
    y, x0 = jax.random.randint(key, (2,), 0, period)
    padded = jnp.pad(x, ((period, canvas - n), (period, canvas - n), (0, 0)), mode="edge")
    shifted = lax.dynamic_slice(padded, (period - y, period - x0, 0), (canvas, canvas, 3))
    return lax.dynamic_slice(jpeg.jpeg(shifted, quality), (y, x0, 0), (n, n, 3))
