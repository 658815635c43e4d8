"""Super-resolution from several pictures of one scene, each shifted by another fraction of a pixel.

Aliasing hides detail in the sum of neighbouring frequencies, and every shift adds another equation for their parts
(Tsai & Huang 1984, "Multiframe image restoration and registration"). The methods are those of `reconstruction`, with
x_i = A_i y + n_i for each frame i instead of one equation. Pixels that a frame sees outside the first one are left out.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from jsr.models.classical.reconstruction import PRIORS, BackProjection, MaximumAPosteriori
from jsr.ops import observation, resize

Frames = Float[Array, "n h w c"]
Large = Float[Array, "sh sw c"]


class Axis(NamedTuple):
    """The observation of all frames along one axis, as matrices; rows that lie outside a frame are 0."""

    observe: Float[Array | np.ndarray, "n length s_length"]  # A of each frame
    enlarge: Float[Array | np.ndarray, "n s_length length"]  # B of each frame: bicubic, shifted back

    @property
    def bound(self) -> Float[np.ndarray, " n"]:
        """An upper bound on the squared norm of each A: the product of its largest row sum and column sum."""
        sizes = np.abs(np.asarray(self.observe))
        return sizes.sum(axis=1).max(axis=1) * sizes.sum(axis=2).max(axis=1)


def axis(length: int, shifts: Float[np.ndarray, " n"], scale: int, *, blur: float) -> Axis:
    """Returns the matrices of the frames along an axis.

    Args:
      length: of the frames, in pixels.
      shifts: of the frames against the first, in their pixels.
      blur: standard deviation of the Gaussian, in high-resolution pixels.
    """
    observe = np.stack([observation.matrix(length, scale, blur=blur, shift=float(shift)) for shift in shifts])
    enlarge = np.stack([resize.matrix(length, scale * length, shift=-float(shift)) for shift in shifts])
    small = np.arange(length) + shifts[:, None]
    large = (np.arange(scale * length) + 0.5) / scale - 0.5 - shifts[:, None]
    for matrices, places in ((observe, small), (enlarge, large)):
        matrices[(places < -0.5) | (places > length - 0.5)] = 0
    return Axis(observe, enlarge)


@functools.partial(jax.jit, static_argnums=0)
def back_project(method: BackProjection, x: Frames, rows: Axis, columns: Axis) -> tuple[Large, Float[Array, ""]]:
    """Projects the mean of what each frame lacks back to it, again and again (Irani & Peleg 1991).

    Returns:
      y in [0, 1] or slightly beyond, and the standard deviation of x_i - A_i y, of which most is noise.
    """
    seen = _inside(rows.enlarge, columns.enlarge).sum(axis=0)  # frames that see a pixel; the first one sees all
    inside = _inside(rows.observe, columns.observe)

    def back(residual: Frames) -> Large:
        def add(total: Large, frame: tuple[Any, Any, Any]) -> tuple[Large, None]:
            return total + resize.product(frame[1], frame[0], frame[2]), None

        nothing = jnp.zeros((*seen.shape[:2], x.shape[-1]))
        return lax.scan(add, nothing, (residual, rows.enlarge, columns.enlarge))[0] / seen

    def residual(y: Large) -> Frames:
        return inside * (x - lax.map(lambda frame: resize.product(frame[0], y, frame[1]), (rows[0], columns[0])))

    def step(y: Large, _: None) -> tuple[Large, None]:
        return y + back(method.evidence(residual(y))), None

    y = lax.scan(step, back(inside * x), None, length=method.iterations)[0]
    return y, jnp.sqrt((residual(y) ** 2).sum() / (inside.sum() * x.shape[-1]))


@functools.partial(jax.jit, static_argnums=0)
def maximise_a_posteriori(
    method: MaximumAPosteriori,
    x: Frames,
    rows: Axis,
    columns: Axis,
    start: Large,
    *,
    noise: Float[Array, ""] | float,
    bound: Float[Array, ""] | float,
) -> Large:
    """Minimises w R(y) + sum |A_i y - x_i|^2 / (2 n^2) by the accelerated gradient method.

    Several A_i have no common eigenvectors, so there is no closed form of the second term's minimum as for one frame,
    and the step goes down both terms.

    Args:
      start: y_0.
      noise: n, in the units of x.
      bound: on the squared norm of all A_i together.
    """
    penalty, curvature = PRIORS[method.prior]
    threshold = method.threshold / 255
    step_size = 1 / (method.weight * curvature / threshold + bound / noise**2)
    inside = _inside(rows.observe, columns.observe)

    def gradient(y: Large) -> Large:
        def add(total: Large, frame: tuple[Any, Any, Any]) -> tuple[Large, None]:
            seen, down, right = frame
            return total + resize.product(down.T, resize.product(down, y, right) - seen, right.T), None

        data = lax.scan(add, jnp.zeros_like(y), (inside * x, rows.observe, columns.observe))[0]
        return method.weight * jax.grad(penalty)(y[None], threshold)[0] + data / noise**2

    def step(carry: tuple[Large, Large], k: Float[Array, ""]) -> tuple[tuple[Large, Large], None]:
        y, z = carry
        following = z - step_size * gradient(z)
        return (following, following + k / (k + 3) * (following - y)), None

    return lax.scan(step, (start, start), jnp.arange(method.iterations, dtype=jnp.float32))[0][0]


def _inside(
    rows: Float[Array | np.ndarray, "n h _"], columns: Float[Array | np.ndarray, "n w _"]
) -> Float[Array, "n h w 1"]:
    """Returns 1 where neither matrix has a row of zeros, else 0."""
    down, right = (jnp.any(jnp.asarray(matrices) != 0, axis=2) for matrices in (rows, columns))
    return (down[:, :, None, None] & right[:, None, :, None]).astype(jnp.float32)
