"""A model as a StableHLO program, which JAX runs with nothing of jsr or Flax, on a CPU, a GPU or a TPU.

    import jax
    from jax import export

    content = open("espcn_x4.stablehlo", "rb").read()
    sr = jax.jit(export.deserialize(bytearray(content)).call)(lr)

The input is `[n, h, w, 3]` with any n, h and w, the output `[n, s h, s w, 3]`: float32 in [0, 1] and in [-1, 1], or
both uint8. Each new size is compiled anew. The numbers of the network are constants of the program.
"""

import jax
import jax.numpy as jnp
from jax import export
from jaxtyping import Array, Shaped

from jsr.errors import WeightsError
from jsr.models import Model
from jsr.models.compact import Compact
from jsr.models.edsr import EDSR
from jsr.models.espcn import ESPCN
from jsr.models.srresnet import SRResNet
from jsr.ops import dispatch, pixels

PLATFORMS = ("cpu", "cuda", "rocm", "tpu")
NETWORKS = (SRResNet, ESPCN, Compact, EDSR)  # the others resize by matrices, whose sizes must be known


def convert(model: Model, *, is_uint8: bool = False) -> bytes:
    """Converts a model to a program of `jax.export` that computes the same.

    Args:
      is_uint8: whether pictures are uint8 instead of float32.

    Raises:
      WeightsError: the network cannot be converted.
      ModuleNotFoundError: flatbuffers, in which JAX writes programs, is not installed.
    """
    import flatbuffers  # noqa: F401, because JAX's own error has no name of the module

    if not isinstance(model.module, NETWORKS):
        raise WeightsError(
            f"model: expected an SRResNet, an ESPCN, a Compact or an EDSR, got {type(model.module).__name__}"
        )
    model = model.folded()

    def upscale(lr: Shaped[Array, "n h w 3"]) -> Shaped[Array, "n sh sw 3"]:
        y = model.module.apply(model.variables, pixels.to_unit(lr) if is_uint8 else lr)
        return pixels.from_symmetric(y) if is_uint8 else y

    sizes = export.symbolic_shape("n, h, w")
    lr = jax.ShapeDtypeStruct((*sizes, 3), jnp.uint8 if is_uint8 else jnp.float32)
    with dispatch.plain():
        exported = export.export(jax.jit(upscale), platforms=PLATFORMS)(lr)
    return bytes(exported.serialize())
