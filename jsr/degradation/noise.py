"""The noise of cameras: of the electronics, and of the light itself.

Pictures are float `[h, w, 3]`, RGB, in [0, 1].
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

# ITU-R BT.601: the share of red, green and blue in luma.
_LUMA = (0.299, 0.587, 0.114)
LEVELS = 256  # at which Real-ESRGAN's shot noise of scale 1 counts photons


def gaussian(
    key: Key[Array, ""], x: Float[Array, "h w 3"], sigma: Float[Array, ""], *, is_grey: Bool[Array, ""]
) -> Float[Array, "h w 3"]:
    """Adds Gaussian noise of one deviation everywhere; values may leave the range.

    Args:
      sigma: standard deviation in units of x.
      is_grey: whether the three colours of a pixel receive the same noise.
    """
    return x + sigma * _draw(key, x, is_grey)


def shot(
    key: Key[Array, ""], x: Float[Array, "h w 3"], scale: Float[Array, ""], *, is_grey: Bool[Array, ""]
) -> Float[Array, "h w 3"]:
    """Adds shot noise, whose variance grows with the light; values may leave the range.

    `scale` times the noise of counting up to 256 photons, as in Real-ESRGAN (`random_add_poisson_noise`). The Poisson
    distribution is replaced by the normal one of its mean and variance: drawing it exactly takes a hundred times
    longer, and 8-bit levels would hide the difference.

    Args:
      is_grey: whether the three colours of a pixel receive the same noise, which the luma then determines.
    """
    luma = jnp.broadcast_to((x @ jnp.array(_LUMA))[..., None], x.shape)
    light = jnp.maximum(jnp.where(is_grey, luma, x), 0)
    return x + scale * jnp.sqrt(light / LEVELS) * _draw(key, x, is_grey)


def _draw(key: Key[Array, ""], x: Float[Array, "h w 3"], is_grey: Bool[Array, ""]) -> Float[Array, "h w 3"]:
    noise = jax.random.normal(key, x.shape)
    return jnp.where(is_grey, noise[..., :1], noise)
