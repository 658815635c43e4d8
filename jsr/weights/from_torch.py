"""VGG19 from torchvision."""

from collections.abc import Mapping

import numpy as np

from jsr.models import vgg
from jsr.weights import conversion
from jsr.weights.conversion import Converted

# The weight of the content loss belongs to the size of the features. The paper's 0.006 is for a network that sees
# pictures in [0, 255] (`from_keras.CONTENT_WEIGHT`); with torchvision's, 1 reaches the paper's scores.
CONTENT_WEIGHT = 1.0


def vgg19_from_torch(state: Mapping[str, np.ndarray]) -> Converted:
    """Converts the state dict of torchvision's vgg19; `classifier.*` is left out.

    Args:
      state: `features.0.weight` `[out, in, 3, 3]`, `features.0.bias` `[out]`, ... `features.34.bias`.

    Raises:
      WeightsError: names or shapes are not those of VGG19; the message lists all differences.
    """
    state = {name: value for name, value in state.items() if not name.startswith("classifier.")}
    names, index = {}, 0
    for name in vgg.kernel_shapes(19):
        if name != "conv1_1" and name.endswith("_1"):
            index += 1  # the pooling before each further block
        names[name] = (f"features.{index}.weight", f"features.{index}.bias")
        index += 2  # the convolution and its ReLU
    shapes = vgg.kernel_shapes(19)
    converted = conversion.convert(state, "VGG19 of torchvision", shapes=shapes, names=names, axes=(2, 3, 1, 0))
    metadata = conversion.metadata(
        mean=vgg.MEAN, std=vgg.STD, content_weight=CONTENT_WEIGHT, source=f"{conversion.VGG19}, as torchvision has it"
    )
    return converted, metadata
