"""The weights of VGG16 and VGG19 for the content loss: from a file, from the user's cache, or random."""

from pathlib import Path
from typing import Any, Literal

import jax
import jax.numpy as jnp
from flax import traverse_util
from jaxtyping import Array

from jsr.errors import WeightsError
from jsr.files import download
from jsr.files.cache import default_cache
from jsr.models.judges import vgg
from jsr.models.judges.vgg import VGG
from jsr.weights import feature_file
from jsr.weights.foreign import from_keras

# The VGG19 of Keras Applications without its dense layers, 80 MB, and the MD5 that Keras checks
# (keras/src/applications/vgg19.py: WEIGHTS_PATH_NO_TOP and its file_hash).
KERAS_URL = (
    "https://storage.googleapis.com/tensorflow/keras-applications/vgg19/"
    "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5"
)
KERAS_MD5 = "253f8cb515780f3b799900260a226db6"
COMMANDS = {16: "jsr fetch vgg16", 19: "jsr import FILE"}  # each makes a file


def load_vgg(
    depth: int, source: Path | Literal["random"] | None, *, layer: str, key: Array
) -> tuple[VGG, dict[str, Any], float]:
    """Returns a network up to a layer, its variables, and the weight of a content loss on that layer's features.

    Args:
      depth: 16 or 19.
      source: a file; None for the one in the user's cache; or "random". VGG19 is downloaded if the cache lacks it.
      layer: for example `relu5_4`; only the layers up to it are read.
      key: draws the random weights.

    Raises:
      WeightsError: the file is missing, damaged or of another kind, has no weight for the layer, or cannot be
        downloaded.
    """
    if source == "random":
        module, variables = vgg.random_vgg(key, depth, (layer,))
        return module, variables, _noise_weight(module, variables)
    if source is None:
        path = cached_vgg19() if depth == 19 else default_path(depth)
    else:
        path = Path(source).expanduser()
    like = jax.eval_shape(VGG(depth, (layer,)).init, jax.random.key(0), jnp.zeros((1, 16, 16, 3)))
    leaves: dict[str, Any] = traverse_util.flatten_dict(dict(like), sep="/")
    shapes = {name: leaf.shape for name, leaf in leaves.items()}
    variables, metadata = feature_file.read(path, f"vgg{depth}", shapes, command=COMMANDS[depth])
    weight = metadata.get("content_weight")
    if isinstance(weight, dict):  # one for each layer
        weight = weight.get(layer)
    if not isinstance(weight, int | float):
        expected = f"expected a VGG{depth} file made by {COMMANDS[depth]}"
        raise WeightsError(f"{path}: {expected}, got one without a content weight for {layer}")
    return VGG(depth, (layer,), metadata["mean"], metadata["std"]), variables, float(weight)


def default_path(depth: int) -> Path:
    """Returns the path of a network's file in the user's cache."""
    return default_cache() / f"vgg{depth}.safetensors"


def cached_vgg19() -> Path:
    """Returns the path of VGG19's file in the user's cache; if it is missing, downloads Keras' file and converts it.

    Raises:
      WeightsError: it cannot be downloaded or stored.
    """
    path = default_path(19)
    if path.exists():
        return path
    h5 = path.with_name(KERAS_URL.rsplit("/", 1)[-1])
    try:
        download.fetch(KERAS_URL, h5, md5=KERAS_MD5, label="VGG19")
        feature_file.save(path, "vgg19", *from_keras.vgg19_from_keras(from_keras.read_keras(h5)))
        h5.unlink()
    except (OSError, WeightsError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise WeightsError(
            f"there is no {path}, and {KERAS_URL} could not be fetched: {reason}; give"
            f" --vgg19 FILE (made by {COMMANDS[19]}), --content mse or --vgg19 random"
        ) from error
    return path


def _noise_weight(module: VGG, variables: dict[str, Any]) -> float:
    """Returns 1 / the variance of the features of white noise, uniform in [-1, 1].

    The paper wants a content loss "of a scale that is comparable to the MSE loss" (section 3.2). With this weight, the
    loss between photographs and their bicubic reductions, enlarged again, was 1.0 to 1.5 times their MSE at relu5_4 and
    1.7 to 2.0 times at relu2_2 (VGG19, three keys, 8 crops).
    """
    noise = jax.random.uniform(jax.random.key(0), (1, 96, 96, 3), minval=-1.0)
    return 1 / float(jnp.var(jnp.asarray(module.apply(variables, noise)[0])))
