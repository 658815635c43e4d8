"""An upscaler with its variables: what is loaded, passed around and upscaled with."""

from typing import Any, NamedTuple

from jsr.devices.compilation import Precision
from jsr.models.ensemble import Ensemble
from jsr.models.upscaler import Upscaler
from jsr.ops.observation import Observation


class Model(NamedTuple):
    """An upscaler, its variables, and where they come from."""

    module: Upscaler
    variables: dict[str, Any]  # {"params", "batch_stats"}; empty for interpolations
    metadata: dict[str, Any]  # of JSON's types; empty where nothing is known

    @property
    def scale(self) -> int:
        """Pixels of the result for each pixel of the input, along each axis."""
        return self.module.scale

    @property
    def halo(self) -> int:
        """Low-resolution pixels on each side that the result depends on."""
        return self.module.halo

    def folded(self) -> "Model":
        """Returns the fastest form of the model: the same function with BatchNorm folded into its convolutions."""
        module, variables = self.module.folded(self.variables)
        return self._replace(module=module, variables=variables)

    def with_precision(self, precision: Precision) -> "Model":
        """Returns the model that computes in a precision, with the same variables."""
        return self._replace(module=self.module.with_precision(precision))

    def ensemble(self) -> "Model":
        """Returns the model that takes the mean over flips and quarter turns."""
        return self._replace(module=Ensemble(self.module))

    def with_scale(self, scale: int) -> "Model":
        """Returns the model of another scale with the same variables.

        Raises:
          WeightsError: there is none; networks have one scale, interpolations any.
        """
        return self._replace(module=self.module.with_scale(scale))

    def with_observation(self, observation: Observation) -> "Model":
        """Returns the model for pictures of a known blur and noise.

        Raises:
          WeightsError: there is none; only the methods of `reconstruction` take them as known.
        """
        return self._replace(module=self.module.with_observation(observation))
