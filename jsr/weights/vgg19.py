"""VGG19's weights for the content loss: from a file, from the user's cache, or random.

A file is safetensors, as `python -m jsr.convert` writes it. Its tensors are those of `conversion`, such as
`params/conv1_1/kernel`; the one entry of its metadata, `vgg19`, is JSON of the metadata of `conversion` and the SHA-256
of each tensor.
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

# The VGG19 of Keras Applications without its dense layers, 80 MB, and the MD5 that Keras checks
# (keras/src/applications/vgg19.py: WEIGHTS_PATH_NO_TOP and its file_hash).
KERAS_URL = (
    "https://storage.googleapis.com/tensorflow/keras-applications/vgg19/"
    "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5"
)
KERAS_MD5 = "253f8cb515780f3b799900260a226db6"
FILE = "vgg19.safetensors"  # in the user's cache
COMMAND = "python -m jsr.convert FILE"  # makes a file


def load_vgg19(
    source: Path | Literal["random"] | None, *, layer: str, key: Array
) -> tuple[VGG19, dict[str, Any], float]:
    """Returns a VGG19 up to a layer, its variables, and the weight of a content loss on its features.

    Args:
      source: a file; None for the one in the user's cache, which is downloaded if it is missing; or "random".
      layer: for example `relu5_4`; only the layers up to it are read.
      key: draws the random weights.

    Raises:
      WeightsError: the file is missing, damaged or of another kind, or cannot be downloaded.
    """
    if source == "random":
        module, variables = vgg19.random_vgg19(key, layer)
        return module, variables, _noise_weight(module, variables)
    return _read(cached() if source is None else Path(source).expanduser(), layer)


def default_path() -> Path:
    """Returns the path of the file in the user's cache."""
    return default_cache() / FILE


def cached() -> Path:
    """Returns the path of the file in the user's cache; if it is missing, downloads Keras' file and converts it.

    Raises:
      WeightsError: it cannot be downloaded or stored.
    """
    path = default_path()
    if path.exists():
        return path
    h5 = path.with_name(KERAS_URL.rsplit("/", 1)[-1])
    try:
        download.fetch(KERAS_URL, h5, md5=KERAS_MD5, label="VGG19")
        save_vgg19(path, *from_keras.vgg19_from_keras(from_keras.read_keras(h5)))
        h5.unlink()
    except (OSError, WeightsError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise WeightsError(
            f"there is no {path}, and {KERAS_URL} could not be fetched: {reason}; give"
            f" --vgg19 FILE (made by {COMMAND}), --content mse or --vgg19 random"
        ) from error
    return path


def save_vgg19(path: Path, flat: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> None:
    """Writes a converted network, the result of `from_keras` or `from_torch`, atomically.

    Raises:
      OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    digests = {name: _digest(value) for name, value in flat.items()}
    metadata = {**metadata, "sha256": json.dumps(digests, sort_keys=True)}
    # A single entry, because safetensors writes several in random order and equal weights should give identical files.
    tensors.write(path, flat, {"vgg19": json.dumps(metadata, sort_keys=True)})


def _digest(tensor: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(tensor).data).hexdigest()


def _noise_weight(module: VGG19, variables: dict[str, Any]) -> float:
    """Returns 1 / the variance of the features of white noise, uniform in [-1, 1].

    The paper wants a content loss "of a scale that is comparable to the MSE loss" (section 3.2). With this weight, the
    loss between photographs and their bicubic reductions, enlarged again, was 1.0 to 1.5 times their MSE at relu5_4 and
    1.7 to 2.0 times at relu2_2 (three keys, 8 crops).
    """
    noise = jax.random.uniform(jax.random.key(0), (1, 96, 96, 3), minval=-1.0)
    return 1 / float(jnp.var(jnp.asarray(module.apply(variables, noise))))


def _read(path: Path, layer: str) -> tuple[VGG19, dict[str, Any], float]:
    if not path.is_file():
        raise WeightsError(f"{path}: expected a VGG19 file made by {COMMAND}, got no file")
    variables = jax.eval_shape(VGG19(layer).init, jax.random.key(0), jnp.zeros((1, 16, 16, 3)))
    leaves: dict[str, Any] = traverse_util.flatten_dict(dict(variables), sep="/")
    shapes = {name: leaf.shape for name, leaf in leaves.items()}
    try:
        with safe_open(path, framework="numpy") as file:
            entry = (file.metadata() or {}).get("vgg19")
            if entry is None:
                raise ValueError("its metadata has no vgg19")
            metadata = json.loads(entry)
            names = shapes.keys() & set(file.keys())  # the layers after the last one wanted are not read
            flat = {name: file.get_tensor(name) for name in sorted(names)}
        mean, std, weight = (json.loads(metadata[name]) for name in ("mean", "std", "content_weight"))
        differences = tensors.differences(shapes, {name: value.shape for name, value in flat.items()})
        if differences:
            raise ValueError("; ".join(differences))
        digests = json.loads(metadata.get("sha256", "{}"))  # older files have none
        changed = [name for name, value in flat.items() if digests and digests.get(name) != _digest(value)]
        if changed:
            raise ValueError(f"{', '.join(changed)} has changed since; delete the file and make it again")
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"{path}: expected a VGG19 file made by {COMMAND}, got another: {error}") from error
    module = VGG19(layer, tuple(mean), tuple(std))
    arrays = {name: jnp.asarray(value, jnp.float32) for name, value in flat.items()}
    return module, traverse_util.unflatten_dict(arrays, sep="/"), float(weight)
