"""Photographs four times larger and sharp: SRResNet and SRGAN (Ledig et al. 2017) in pure JAX.

    import jsr
    large = jsr.upscale(image)  # uint8 [h, w, 3] -> [4h, 4w, 3]

Importing this is light: JAX is loaded by the first call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar, overload

from jsr.version import __version__

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    import numpy as np
    from PIL import Image

    from jsr.models.model import Model

    class AsArray(Protocol):
        """An array of NumPy, or one of another library that NumPy can read."""

        def __array__(self) -> np.ndarray: ...

    PathOrArray = TypeVar("PathOrArray", bound=str | os.PathLike[str] | AsArray)

__all__ = ["__version__", "burst", "load", "upscale"]


def load(
    name_or_path: str | os.PathLike[str], *, precision: Literal["fp32", "bf16"] = "fp32", scale: int | None = None
) -> Model:
    """Loads a model for inference, with its BatchNorm folded into its convolutions.

    Args:
      name_or_path: `srresnet`, `srgan`, `srresnet-photo`, `srgan-photo`, `light`, `light-photo`, `espcn`, `srcnn`,
        `aplus`, `sparse`, `ne`, `map`, `pocs`, `ibp`, `bicubic`, `lanczos`, `bilinear`, `nearest`, a weights file, the
        folder of a run, or `hf://owner/name` on the Hub. `blend:T,R`, such as `blend:0.7,0.2`, mixes the first four:
        texture T from 0, faithful, to 1, sharper with invented detail; restore R from 0, for pictures that were only
        made smaller, to 1, for photographs with JPEG, noise or blur. `blend:T` means `blend:T,0`.
      precision: of the computation; bf16 is faster on machines that support it.
      scale: 2, 3 or 4, for models that have several; by default 4, or that of the file.

    Raises:
      WeightsError: an unknown name, a file without weights of jsr, or a scale that the model does not have.
    """
    from jsr.weights import zoo

    return zoo.ready(name_or_path, precision=precision, scale=scale)


@overload
def upscale(
    image: str | os.PathLike[str] | AsArray,
    model: str | os.PathLike[str] | Model | None = None,
    tile: int | None = None,
) -> np.ndarray: ...
@overload
def upscale(
    image: Image.Image, model: str | os.PathLike[str] | Model | None = None, tile: int | None = None
) -> Image.Image: ...
@overload
def upscale(
    image: list[Image.Image], model: str | os.PathLike[str] | Model | None = None, tile: int | None = None
) -> list[Image.Image]: ...
@overload
def upscale(
    image: list[PathOrArray], model: str | os.PathLike[str] | Model | None = None, tile: int | None = None
) -> list[np.ndarray]: ...
def upscale(image: Any, model: str | os.PathLike[str] | Model | None = None, tile: int | None = None) -> Any:
    """Enlarges a picture, or several, by the model's scale, s, which is 4 for the bundled ones.

        large = jsr.upscale("photo.jpg")                            # uint8 [4h, 4w, 3]
        jsr.upscale(PIL.Image.open("logo.png")).save("large.png")   # with its transparency and its colour profile
        large = jsr.upscale(batch, jsr.load("srresnet"))            # float32 [b, h, w, 3] to [b, 4h, 4w, 3]

    | image | result |
    |---|---|
    | a path | an array, uint8 or uint16 as the file is, upright; `jsr infer` writes files, with all their metadata |
    | a Pillow image | a Pillow image of mode L, LA, RGB, RGBA or I;16, with the colour profile |
    | an array `[h, w]`, grey | an array of the same type, `[s h, s w]` |
    | an array `[h, w, c]` | the same with `[s h, s w, c]` |
    | an array `[b, h, w, c]` | the same with `[b, s h, s w, c]` |
    | a list of these | a list of the results |

    Channels c are 1, grey; 2, grey and alpha; 3, RGB; 4, RGB and alpha. Values are uint8, uint16, or floats in [0, 1],
    which are rounded to 16 bits. Arrays are those of NumPy, or of JAX or PyTorch, which NumPy can read; the result is
    one of NumPy.

    Grey stays exactly grey. Alpha, 0 for transparent, is enlarged bicubically, by any model, and hidden colours under
    it do not show at the edges. Pillow's palettes are looked up, and CMYK, YCbCr, HSV and LAB become sRGB, CMYK by its
    colour profile. EXIF does not turn a Pillow image: `PIL.ImageOps.exif_transpose` does.

    Args:
      image: as above.
      model: a model that `load` returned, or an argument of `load`, which is then loaded anew at each call; by default
        the blend that `jsr infer` takes. `load("blend:0.7,0.2")` sets texture and restore.
      tile: low-resolution pixels of a tile's side, by default as many as the memory allows; it changes the memory that
        is needed, but not the result.

    Raises:
      PictureError: no such picture; another kind of image, type, shape or range. Of a list, it names the number.
      ConfigError: a tile smaller than a pixel.
      WeightsError: an unknown model.
    """
    from jsr.models.model import Model
    from jsr.upscaling import arrays
    from jsr.weights import zoo

    if not isinstance(model, Model):
        model = load(model or zoo.DEFAULT)
    return arrays.upscale(model, image, tile=tile)


def burst(frames: Sequence[np.ndarray], model: Literal["ibp", "map"] | Model = "map") -> np.ndarray:
    """Makes one large picture of several small ones, which show one scene and differ by a shift of the camera.

    Args:
      frames: uint8 or uint16, RGB `[h, w, 3]` or grey `[h, w]`, all of one shape and type. The result shows what the
        first one shows.
      model: a name, or a model that `load` returned, which may be told the blur and the noise by its
        `with_observation`; otherwise the frames are taken as sharp, and the noise is measured.

    Returns:
      an array of the same type, `[4h, 4w, 3]` or `[4h, 4w]`.

    Raises:
      PictureError: frames of several shapes or types, or one that does not show the scene of the first.
      WeightsError: another model.
    """
    from jsr.models.model import Model
    from jsr.upscaling import burst as bursts

    return bursts.upscale(model if isinstance(model, Model) else load(model), frames)
