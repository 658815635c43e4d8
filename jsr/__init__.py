"""Photographs four times larger and sharp: SRResNet and SRGAN (Ledig et al. 2017) in pure JAX.

    import jsr
    large = jsr.upscale(image)  # uint8 [h, w, 3] -> [4h, 4w, 3]

Importing this is light: JAX is loaded by the first call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from jsr.version import __version__

if TYPE_CHECKING:
    import os

    import numpy as np

    from jsr.models.model import Model

__all__ = ["__version__", "load", "upscale"]


def load(name_or_path: str | os.PathLike[str], *, precision: Literal["fp32", "bf16"] = "fp32") -> Model:
    """Loads a model, ready to upscale with: its BatchNorm is folded into its convolutions.

    Args:
      name_or_path: `srgan`, `srresnet`, `blend:T` with T from 0 for `srresnet` to 1 for `srgan`, `espcn`, `srcnn`,
        `bicubic`, `bilinear`, `nearest`, a weights file, or the folder of a run.
      precision: what it computes in; bf16 is faster where the machine has it.

    Raises:
      ValueError: an unknown name, or a file that holds no weights of ours.
    """
    from jsr.weights import zoo

    return zoo.ready(name_or_path, precision=precision)


def upscale(
    image: np.ndarray, model: str | os.PathLike[str] | Model | None = None, tile: int | None = None
) -> np.ndarray:
    """Enlarges a picture by the model's scale, which is 4 for the bundled ones.

    Args:
      image: uint8 or uint16, RGB `[h, w, 3]` or grey `[h, w]`.
      model: what `load` returns or takes; by default `blend:0.8`, most of the way from `srresnet` to `srgan`. A name is
        loaded anew at each call.
      tile: pixels of the input upscaled at a time; the result does not depend on it, the memory does.

    Returns:
      an array of the same type, `[4h, 4w, 3]` or `[4h, 4w]`.

    Raises:
      ValueError: not such an image, or an unknown model.
    """
    from jsr.models.model import Model
    from jsr.upscaling import tiles
    from jsr.weights import zoo

    if not isinstance(model, Model):
        model = load(model or zoo.DEFAULT)
    return tiles.upscale(model, image, tile=tile)
