"""VGG19 for the content loss: from a ported file, from the user's cache, or with random weights.

A ported file is safetensors. Its tensors have the names that `convert` gives them, such as
`params/conv1_1/kernel`; its metadata's one entry, `vgg19`, holds as JSON what `convert` says, and
the hash of each tensor.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from flax import traverse_util
from jaxtyping import Array
from safetensors import SafetensorError, safe_open

from jsr.errors import WeightsError
from jsr.files import download, tensors
from jsr.files.cache import default_cache
from jsr.models import vgg19
from jsr.models.vgg19 import VGG19
from jsr.weights import from_keras

# Keras Applications' VGG19 without its dense layers, 80 MB, and the hash that Keras checks.
KERAS_URL = (
    "https://storage.googleapis.com/tensorflow/keras-applications/vgg19/"
    "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5"
)
KERAS_MD5 = "253f8cb515780f3b799900260a226db6"
FILE = "vgg19.safetensors"  # in the user's cache


def load_vgg19(
    source: Path | Literal["random"] | None, *, layer: str, key: Array
) -> tuple[VGG19, dict[str, Any], float]:
    """Returns a VGG19 up to a layer, its variables, and the weight of a content loss on it.

    Args:
      source: a ported file; None, the one in the user's cache, which is fetched where there is
        none; or "random".
      layer: `relu5_4`, say, of which only the layers before and itself are read.
      key: draws the random weights.

    Raises:
      WeightsError: the file is missing or foreign, or cannot be fetched.
    """
    if source == "random":
        module, variables = vgg19.random_vgg19(key, layer)
        return module, variables, _noise_weight(module, variables)
    return _read(cached() if source is None else Path(source).expanduser(), layer)


def default_path() -> Path:
    """Returns where the ported file is kept."""
    return default_cache() / FILE


def cached() -> Path:
    """Returns the ported file in the user's cache; where there is none, it fetches and ports it."""
    path = default_path()
    if path.exists():
        return path
    h5 = path.with_name(KERAS_URL.rsplit("/", 1)[-1])
    try:
        download.fetch(KERAS_URL, h5, md5=KERAS_MD5, label="VGG19")
        save_vgg19(path, *from_keras.vgg19_from_keras(from_keras.read_keras(h5)))
        h5.unlink()
    except (OSError, ValueError) as e:
        reason = e.strerror if isinstance(e, OSError) and e.strerror else e
        raise WeightsError(
            f"there is no {path}, and {KERAS_URL} cannot be had: {reason}; give"
            " --vgg19 FILE (made by python -m jsr.convert), --content mse or --vgg19 random"
        ) from e
    return path


def save_vgg19(path: Path, flat: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> None:
    """Writes what `convert` returns as a ported file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    hashes = {name: _digest(value) for name, value in flat.items()}
    metadata = {**metadata, "sha256": json.dumps(hashes, sort_keys=True)}
    # One entry: safetensors writes several in a random order, and the file's hash would be random.
    tensors.write(path, flat, {"vgg19": json.dumps(metadata, sort_keys=True)})


def _digest(tensor):
    return hashlib.sha256(np.ascontiguousarray(tensor).data).hexdigest()


def _noise_weight(module, variables):
    """Returns 1 / the variance of the features of white noise, uniform in [-1, 1].

    The paper wants a content loss "of a scale that is comparable to the MSE loss" (section 3.2).
    So weighted, the loss between photographs and themselves reduced and enlarged bicubically was
    1.0 to 1.5 times their MSE with relu5_4, 1.7 to 2.0 times with relu2_2 (three keys, 8 crops).
    """
    noise = jax.random.uniform(jax.random.key(0), (1, 96, 96, 3), minval=-1.0)
    return 1 / float(jnp.var(module.apply(variables, noise)))


def _read(path, layer):
    like = jax.eval_shape(VGG19(layer).init, jax.random.key(0), jnp.zeros((1, 16, 16, 3)))
    leaves: dict[str, Any] = traverse_util.flatten_dict(dict(like), sep="/")
    shapes = {name: leaf.shape for name, leaf in leaves.items()}
    if not path.is_file():
        raise WeightsError(f"{path}: expected a VGG19 file made by python -m jsr.convert, got no file")
    try:
        with safe_open(path, framework="numpy") as file:
            entry = (file.metadata() or {}).get("vgg19")
            if entry is None:
                raise ValueError("its metadata has no vgg19")
            metadata = json.loads(entry)
            flat = {name: file.get_tensor(name) for name in shapes}
        mean, std, weight = (json.loads(metadata[k]) for k in ("mean", "std", "content_weight"))
        hashes = json.loads(metadata.get("sha256", "{}"))  # older files have none
        for name, shape in shapes.items():
            if flat[name].shape != shape:
                raise ValueError(f"{name} of shape {flat[name].shape}, not {shape}")
            if hashes and hashes[name] != _digest(flat[name]):
                raise ValueError(f"{name} has changed since; delete the file and make it again")
    except OSError as e:
        raise WeightsError(f"{path}: cannot be read: {e.strerror or e}") from e
    except (SafetensorError, KeyError, TypeError, ValueError) as e:
        raise WeightsError(f"{path}: expected a VGG19 file made by python -m jsr.convert, got another: {e}") from e
    variables = {name: jnp.asarray(value, jnp.float32) for name, value in flat.items()}
    module = VGG19(layer, tuple(mean), tuple(std))
    return module, traverse_util.unflatten_dict(variables, sep="/"), float(weight)
