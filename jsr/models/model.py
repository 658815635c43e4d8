"""A generator and what it has learned."""

from typing import Any, NamedTuple

from jsr.models.ensemble import Ensemble


class Model(NamedTuple):
    """A generator and what it has learned."""

    module: Any  # one of MODELS, or several of its passes (`ensemble.py`); with `scale` and `halo`
    variables: dict[str, Any]  # {"params", "batch_stats"}; empty for interpolations
    metadata: dict[str, Any]  # where it comes from

    def ensemble(self) -> "Model":
        """Returns the model that takes the mean over flips and turns."""
        return self._replace(module=Ensemble(self.module))
