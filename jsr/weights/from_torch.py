"""VGG19 as torchvision has it."""

from collections.abc import Mapping

import numpy as np

from jsr.weights.conversion import CONVOLUTIONS, Converted, check, flatten, metadata

# The weight of the content loss belongs to the size of the features. With torchvision's, what
# reaches the paper's scores is 1; 0.006 = 1 / 12.75^2 (Ledig et al. 2017, section 3.2) goes with
# those of networks that see pictures in [0, 255].
TORCH_WEIGHT = 1.0
TORCH_MEAN, TORCH_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def vgg19_from_torch(state: Mapping[str, np.ndarray]) -> Converted:
    """Converts the state dict of torchvision's vgg19; `classifier.*` is left out.

    Args:
      state: `features.0.weight` `[out, in, 3, 3]`, `features.0.bias`, ... `features.34.bias`.

    Raises:
      WeightsError: names or shapes are not those of VGG19; it lists all that differ.
    """
    state = {k: v for k, v in state.items() if not k.startswith("classifier.")}
    names, index = {}, 0
    for name in CONVOLUTIONS:
        if name != "conv1_1" and name.endswith("_1"):
            index += 1  # the pooling before each further block
        names[name] = (f"features.{index}.weight", f"features.{index}.bias")
        index += 2  # itself and its ReLU
    shapes = {name: (*shape[:1:-1], *shape[:2]) for name, shape in CONVOLUTIONS.items()}
    check("torchvision", state, names, shapes)
    flat = flatten(state, names, lambda kernel: kernel.transpose(2, 3, 1, 0))
    return flat, metadata(TORCH_MEAN, TORCH_STD, TORCH_WEIGHT, "torchvision")
