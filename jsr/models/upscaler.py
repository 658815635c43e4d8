"""The protocol of every method that upscales, and the part of it that all networks of this package share."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from jsr.devices.compilation import DTYPES, Precision
from jsr.errors import WeightsError
from jsr.ops.observation import Observation
from jsr.ops.padding import Size


@runtime_checkable
class Upscaler(Protocol):
    """A method that upscales pictures: a network, an interpolation, an ensemble of passes, an optimisation.

    It is a hashable constant: `jax.jit` takes it as a static argument. Its numbers, if it has any, are the variables,
    a nested dictionary that is passed beside it.
    """

    @property
    def scale(self) -> int:
        """Pixels of the result for each pixel of the input, along each axis."""
        ...

    @property
    def halo(self) -> int:
        """Low-resolution pixels on each side that the result depends on.

        The s x s result pixels of an input pixel are a function of the input pixels within this distance along both
        axes, and of no others; tiles overlap by as much, so a smaller number would show seams. n iterations of a
        kernel of radius r have a halo of n r.
        """
        ...

    @property
    def margin(self) -> int:
        """The fewest low-resolution pixels, beside none, that a picture may be padded with in `apply`."""
        ...

    @property
    def passes(self) -> int:
        """How often a picture is in memory at once, compared with one pass of a network: 1, or 8 for an ensemble."""
        ...

    @property
    def dtype(self) -> DTypeLike:
        """The type of the computation, float32 or bfloat16; variables and results are float32 in either case."""
        ...

    def apply(self, variables: Any, x: Float[Array | np.ndarray, "b h w 3"], /, *, size: Size | None = None) -> Any:
        """Upscales RGB pictures `[b, h, w, 3]` in [0, 1] to float32 `[b, s h, s w, 3]`, nominally in [-1, 1].

        One compiled program can serve pictures of many sizes, which are padded to those of x: with their mirror image,
        below and on the right, by no pixels or at least `margin`. `size` is then the height and width of the pictures
        proper; of the result, only the part that belongs to them counts, and it is that of the picture alone, up to
        rounding. Methods whose own edges are mirrored need no more than the padding; networks, whose layers have zeros
        beyond the edges, set to zero all that lies beyond `size`.

        It is pure and can be traced by `jax.jit`. Values may exceed the range slightly; callers clip them. (`Any`,
        because Flax's modules also return updated variables where they are asked to.)
        """
        ...

    def folded(self, variables: Mapping[str, Any]) -> "tuple[Upscaler, dict[str, Any]]":
        """Returns the fastest form of the same function: an upscaler and its variables.

        Networks with BatchNorm return one without, whose convolutions contain it, and NumPy arrays. Everything else
        returns itself and the variables as they are.
        """
        ...

    def with_precision(self, precision: Precision) -> "Upscaler":
        """Returns the upscaler that takes the same variables and computes in a precision.

        It may return itself where a lower precision would gain nothing; `dtype` tells.
        """
        ...

    def with_scale(self, scale: int) -> "Upscaler":
        """Returns the upscaler that takes the same variables and has a scale.

        Raises:
          WeightsError: there is none, because the variables belong to one scale.
        """
        ...

    def with_observation(self, observation: Observation) -> "Upscaler":
        """Returns the upscaler for pictures of a known blur and noise.

        Raises:
          WeightsError: there is none, because the method does not depend on them, or learned them in its training.
        """
        ...


@dataclasses.dataclass(frozen=True)
class Wrapper:
    """The base of upscalers that make something else of another one's results, and take its variables.

    Subclasses define `apply`, and override the members that differ from the other one's.
    """

    module: Upscaler

    @property
    def scale(self) -> int:
        return self.module.scale

    @property
    def halo(self) -> int:
        return self.module.halo

    @property
    def margin(self) -> int:
        return self.module.margin

    @property
    def passes(self) -> int:
        return self.module.passes

    @property
    def dtype(self) -> DTypeLike:
        return self.module.dtype

    def apply(self, variables: Any, x: Float[Array | np.ndarray, "b h w 3"], /, *, size: Size | None = None) -> Any:
        raise NotImplementedError

    def folded(self, variables: Mapping[str, Any]) -> tuple[Upscaler, dict[str, Any]]:
        module, variables = self.module.folded(variables)
        return self._around(module), variables

    def with_precision(self, precision: Precision) -> Upscaler:
        return self._around(self.module.with_precision(precision))

    def with_scale(self, scale: int) -> Upscaler:
        return self._around(self.module.with_scale(scale))

    def with_observation(self, observation: Observation) -> Upscaler:
        return self._around(self.module.with_observation(observation))

    def _around(self, module: Upscaler) -> Upscaler:
        return dataclasses.replace(self, module=module)


class Network(nn.Module):
    """The base of the networks: an `Upscaler` whose variables belong to one scale, with no BatchNorm to fold.

    Subclasses define `halo`, and override the members for which this does not hold.
    """

    factors: tuple[int, ...] = (2, 2)  # of the sub-pixel layers, in order; their product is the scale
    dtype: DTypeLike = jnp.float32  # of the computation; parameters and statistics stay float32
    passes = 1  # a constant and no field: it has no annotation

    @property
    def scale(self) -> int:
        return math.prod(self.factors)

    @property
    def halo(self) -> int:
        raise NotImplementedError

    @property
    def margin(self) -> int:
        """As far as a result depends on the input, where edges are mirrored."""
        return self.halo

    @nn.nowrap
    def folded(self, variables: Mapping[str, Any]) -> "tuple[Network, dict[str, Any]]":
        return self, dict(variables)

    @nn.nowrap
    def with_precision(self, precision: Precision) -> "Network":
        return self.clone(dtype=DTYPES[precision])

    @nn.nowrap
    def with_scale(self, scale: int) -> "Network":
        if scale != self.scale:
            raise WeightsError(f"{type(self).__name__}: expected its own scale, {self.scale}, got {scale}")
        return self

    @nn.nowrap
    def with_observation(self, observation: Observation) -> "Network":
        raise WeightsError(
            f"{type(self).__name__}: expected a method that takes blur and noise as known (ibp, pocs, map)"
        )
