"""Super-resolution from the observation model alone: back-projection, convex sets, and maximum a posteriori.

No parameters are learned. Each method looks for a picture y that the model x = A y + n of `ops/observation.py` makes
the given x from. All run a fixed number of iterations, because a rule that stops by the whole picture would make tiles
differ from it.
"""

import math
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import lax
from jaxtyping import Array, Float

from jsr.devices.compilation import Precision
from jsr.models.upscaler import Network
from jsr.ops import padding, resize
from jsr.ops.observation import Observation, consistent, observe
from jsr.ops.padding import Size

ROUNDING = 12**-0.5  # grey levels: the standard deviation of what rounding to whole levels adds


class Reconstruction(Network):
    """Low-resolution pictures `[b, h, w, 3]` in [0, 1] to `[b, s h, s w, 3]` in [-1, 1]; it has no parameters."""

    observation: Observation = Observation()

    @nn.nowrap
    def with_precision(self, precision: Precision) -> "Reconstruction":
        """Returns itself: it always computes in float32, because bfloat16 cannot hold what A must explain."""
        return self

    @nn.nowrap
    def with_scale(self, scale: int) -> "Reconstruction":
        """Returns the same method with any scale."""
        return self.clone(factors=(scale,))

    @nn.nowrap
    def with_observation(self, observation: Observation) -> "Reconstruction":
        """Returns the same method for another blur and noise."""
        return self.clone(observation=observation)

    @nn.compact
    def __call__(
        self, x: Float[Array | np.ndarray, "b h w 3"], *, size: Size | None = None, train: bool = False
    ) -> Float[Array, "b sh sw 3"]:
        return jnp.clip(2 * self.reconstruct(jnp.asarray(x), size=size) - 1, -1, 1)

    @nn.nowrap
    def reconstruct(self, x: Float[Array, "b h w 3"], *, size: Size | None = None) -> Float[Array, "b sh sw 3"]:
        """Returns y, in [0, 1] or slightly beyond."""
        raise NotImplementedError

    @nn.nowrap
    def bicubic(self, x: Float[Array, "b h w 3"]) -> Float[Array, "b sh sw 3"]:
        """Enlarges: the start of each method, and the adjoint of A, times s^2, where there is no blur."""
        return resize.resize(x, self.scale * x.shape[1], self.scale * x.shape[2])


class BackProjection(Reconstruction):
    """Iterative back-projection (Irani & Peleg 1991, "Improving resolution by image registration").

        y_0 = B x,    y_{k+1} = y_k + B (x - A y_k)

    B, the back-projection kernel, enlarges bicubically. Of differences within the noise, nothing is projected back.
    """

    iterations: int = 10

    @property
    def halo(self) -> int:
        """Low-resolution pixels beyond which the influence on a pixel is below rounding: it falls with the distance."""
        return 12

    @nn.nowrap
    def reconstruct(self, x: Float[Array, "b h w 3"], *, size: Size | None = None) -> Float[Array, "b sh sw 3"]:
        def step(y: Float[Array, "b sh sw 3"], _: None) -> tuple[Float[Array, "b sh sw 3"], None]:
            residual = x - observe(y, self.scale, blur=self.observation.blur)
            return y + self.bicubic(self.evidence(residual)), None

        return lax.scan(step, self.bicubic(x), None, length=self.iterations)[0]

    @nn.nowrap
    def evidence(self, residual: Float[Array, "*b h w c"]) -> Float[Array, "*b h w c"]:
        """Returns the part of x - A y that the noise does not explain: what exceeds its standard deviation."""
        bound = self.observation.noise / 255
        return residual - jnp.clip(residual, -bound, bound)


class ConvexSets(Reconstruction):
    """Projection onto convex sets (Stark & Oskoui 1989, "High-resolution image recovery from image-plane arrays").

        y_0 = B x,    y_{k+1} = P_C(y_k + r (P_D y_k - y_k))

    D are the pictures that explain x: A y = x, or, with blur or noise, those near them. C are the pictures whose pixels
    lie between the least and the greatest low-resolution pixel around them, which forbids ringing. The relaxation r in
    (0, 2) is that of Youla & Webb 1982, "Image restoration by the method of convex projections".
    """

    iterations: int = 10
    relaxation: float = 1.5
    reach: int = 2  # low-resolution pixels on each side whose range bounds a pixel
    detail: float = 10.0  # levels of 255: standard deviation of y - B x, against which noise is weighed

    @property
    def halo(self) -> int:
        """Low-resolution pixels beyond which the influence on a pixel is below rounding: it falls with the distance."""
        return 12 + math.ceil(16 * self.observation.blur / self.scale)

    @nn.nowrap
    def reconstruct(self, x: Float[Array, "b h w 3"], *, size: Size | None = None) -> Float[Array, "b sh sw 3"]:
        window = (1, 2 * self.reach + 1, 2 * self.reach + 1, 1)
        low = lax.reduce_window(x, jnp.inf, lax.min, window, (1,) * 4, "SAME")
        high = lax.reduce_window(x, -jnp.inf, lax.max, window, (1,) * 4, "SAME")
        low, high = (jnp.repeat(jnp.repeat(bound, self.scale, 1), self.scale, 2) for bound in (low, high))
        ridge = (_deviation(self.observation) / self.detail) ** 2

        def step(y: Float[Array, "b sh sw 3"], _: None) -> tuple[Float[Array, "b sh sw 3"], None]:
            explains = consistent(y, x, self.scale, blur=self.observation.blur, ridge=ridge)
            return jnp.clip(y + self.relaxation * (explains - y), low, high), None

        return lax.scan(step, self.bicubic(x), None, length=self.iterations)[0]


class MaximumAPosteriori(Reconstruction):
    """The most probable picture by a prior on its edges (Schultz & Stevenson 1994, "A Bayesian approach to image
    expansion for improved definition").

        minimise  w R(y) + |A y - x|^2 / (2 n^2),    or R(y) subject to A y = x, without blur and noise

    R is the smoothed total variation, sum sqrt(|grad y|^2 + T^2) (Rudin, Osher & Fatemi 1992), or Schultz's and
    Stevenson's Huber function of second differences. Both behave as a square below T and as an absolute value above.
    The iteration is the accelerated proximal gradient method (Beck & Teboulle 2009, FISTA, equations 4.1 to 4.3, with
    the momentum k/(k+3)): a step down R, then the exact minimum of the other term near it.
    """

    iterations: int = 50
    prior: Literal["total variation", "huber"] = "total variation"
    threshold: float = 8.0  # T, in levels of 255
    weight: float = 2.0  # w, for pictures in [0, 1]

    @property
    def halo(self) -> int:
        """Low-resolution pixels beyond which the influence on a pixel is below rounding: it falls with the distance."""
        return 16 + math.ceil(16 * self.observation.blur / self.scale)

    @nn.nowrap
    def reconstruct(self, x: Float[Array, "b h w 3"], *, size: Size | None = None) -> Float[Array, "b sh sw 3"]:
        penalty, bound = PRIORS[self.prior]
        threshold = self.threshold / 255
        step_size = threshold / bound  # the gradient of R is Lipschitz with bound / T
        ridge = self.weight / step_size * (_deviation(self.observation) / 255) ** 2

        def step(
            carry: tuple[Float[Array, "b sh sw 3"], Float[Array, "b sh sw 3"]], k: Float[Array, ""]
        ) -> tuple[tuple[Float[Array, "b sh sw 3"], Float[Array, "b sh sw 3"]], None]:
            y, z = carry
            z = z - step_size * jax.grad(penalty)(z, threshold)
            if size is not None:  # differences to the right and below do not see a picture and its mirror image alike
                z = padding.mirror(z, self.scale * size)
            following = consistent(z, x, self.scale, blur=self.observation.blur, ridge=ridge)
            return (following, following + k / (k + 3) * (following - y)), None

        y = consistent(self.bicubic(x), x, self.scale, blur=self.observation.blur, ridge=ridge)
        return lax.scan(step, (y, y), jnp.arange(self.iterations, dtype=jnp.float32))[0][0]


def total_variation(y: Float[Array, "b h w c"], threshold: float) -> Float[Array, ""]:
    """Returns sum sqrt(|grad y|^2 + T^2), with differences to the right and below, none at the last ones."""
    down = jnp.diff(y, axis=1, append=y[:, -1:])
    right = jnp.diff(y, axis=2, append=y[:, :, -1:])
    return jnp.sqrt(down**2 + right**2 + threshold**2).sum()


def huber(y: Float[Array, "b h w c"], threshold: float) -> Float[Array, ""]:
    """Returns the sum of Huber's function of second differences in four directions, with mirrored edges.

    The prior of Schultz & Stevenson 1994; diagonal differences at half the weight.
    """
    height, width = y.shape[1:3]
    padded = jnp.pad(y, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="symmetric")
    total = jnp.zeros(())
    for row, column, weight in ((0, 1, 1.0), (1, 0, 1.0), (1, 1, 0.5), (1, -1, 0.5)):
        before, after = (
            lax.dynamic_slice_in_dim(
                lax.dynamic_slice_in_dim(padded, 1 + sign * row, height, 1), 1 + sign * column, width, 2
            )
            for sign in (-1, 1)
        )
        size = jnp.abs(weight * (before - 2 * y + after))
        total += jnp.where(size <= threshold, size**2 / (2 * threshold), size - threshold / 2).sum()
    return total


# Each prior, and the bound on the squared norm of its differences.
PRIORS = {"total variation": (total_variation, 8.0), "huber": (huber, 40.0)}


def _deviation(observation: Observation) -> float:
    """Returns the standard deviation of x - A y, in levels of 255: of noise, and of rounding, which blur magnifies."""
    return max(observation.noise, ROUNDING) if any(observation) else 0.0
