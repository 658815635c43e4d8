"""All that enlarges: interpolations, reconstructions, networks; from pictures in [0, 1] to larger ones in [-1, 1]."""

from jsr.models.espcn import ESPCN
from jsr.models.interpolation import Interpolation
from jsr.models.model import Model
from jsr.models.srcnn import SRCNN
from jsr.models.srresnet import SRResNet
from jsr.models.upscaler import Network, Upscaler

# By the names that weights files carry.
MODELS: dict[str, type[Network]] = {
    "srresnet": SRResNet,
    "srcnn": SRCNN,
    "espcn": ESPCN,
    "interpolation": Interpolation,
}

__all__ = ["ESPCN", "MODELS", "SRCNN", "Interpolation", "Model", "Network", "SRResNet", "Upscaler"]
