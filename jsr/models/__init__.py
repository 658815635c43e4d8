"""The networks. A generator takes low-resolution pictures in [0, 1] and returns larger ones in [-1, 1]."""

from jsr.models.espcn import ESPCN
from jsr.models.interpolation import Interpolation
from jsr.models.model import Model
from jsr.models.srcnn import SRCNN
from jsr.models.srresnet import SRResNet

# The names that weights files carry.
MODELS = {"srresnet": SRResNet, "srcnn": SRCNN, "espcn": ESPCN, "interpolation": Interpolation}

__all__ = ["ESPCN", "MODELS", "SRCNN", "Interpolation", "Model", "SRResNet"]
