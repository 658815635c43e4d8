"""The networks. A generator takes low-resolution pictures in [0, 1] and returns larger ones in [-1, 1]."""

from typing import Any, NamedTuple

from jsr.models.ensemble import Ensemble
from jsr.models.espcn import ESPCN
from jsr.models.interpolation import Interpolation
from jsr.models.srcnn import SRCNN
from jsr.models.srresnet import SRResNet

# The names that weights files carry.
MODELS = {"srresnet": SRResNet, "srcnn": SRCNN, "espcn": ESPCN, "interpolation": Interpolation}


class Model(NamedTuple):
    """A generator and what it has learned."""

    module: Any  # one of MODELS, or several of its passes (`ensemble.py`); with `scale` and `halo`
    variables: dict[str, Any]  # {"params", "batch_stats"}; empty for interpolations
    metadata: dict[str, Any]  # where it comes from

    def ensemble(self) -> "Model":
        """Returns the model that takes the mean over flips and turns."""
        return self._replace(module=Ensemble(self.module))
