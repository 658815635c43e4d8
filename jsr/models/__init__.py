"""All that enlarges, from low-resolution pictures in [0, 1] to pictures in [-1, 1]: networks and other methods."""

from jsr.models.classical.exemplars import Exemplars
from jsr.models.classical.interpolation import Interpolation
from jsr.models.compact import Compact
from jsr.models.edsr import EDSR
from jsr.models.espcn import ESPCN
from jsr.models.model import Model
from jsr.models.srcnn import SRCNN
from jsr.models.srresnet import SRResNet
from jsr.models.upscaler import Network, Upscaler

# By the names that weights files carry.
MODELS: dict[str, type[Network]] = {
    "srresnet": SRResNet,
    "srcnn": SRCNN,
    "espcn": ESPCN,
    "compact": Compact,
    "edsr": EDSR,
    "exemplars": Exemplars,
    "interpolation": Interpolation,
}

__all__ = [
    "EDSR",
    "ESPCN",
    "MODELS",
    "SRCNN",
    "Compact",
    "Exemplars",
    "Interpolation",
    "Model",
    "Network",
    "SRResNet",
    "Upscaler",
]
