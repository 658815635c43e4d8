"""Tests ../../../jsr/weights/foreign/conversion.py."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import traverse_util

from jsr.errors import WeightsError
from jsr.models.judges import vgg
from jsr.models.judges.vgg import VGG
from jsr.weights.foreign import conversion, from_keras, from_torch
from tests.weights.vgg19_layouts import empty, keras_weights, torch_state


def test_convert_gives_the_names_shapes_and_types_of_the_network_from_either_library():
    variables = jax.eval_shape(VGG(19, ("relu5_4",)).init, jax.random.key(0), jnp.zeros((1, 16, 16, 3)))
    leaves: dict[str, Any] = traverse_util.flatten_dict(dict(variables), sep="/")
    expected = {name: (leaf.shape, leaf.dtype) for name, leaf in leaves.items()}
    state = torch_state() | {"classifier.0.weight": empty(4096, 25088)}
    for converted, _ in (from_torch.vgg19_from_torch(state), from_keras.vgg19_from_keras(keras_weights())):
        assert {name: (value.shape, value.dtype) for name, value in converted.items()} == expected


def test_convert_transposes_kernels_by_their_axes(rng):
    """Of axes (outputs, height, width, inputs), an order that is not its own inverse."""
    shapes = vgg.kernel_shapes(19)
    names = {name: (f"{name}.k", f"{name}.b") for name in shapes}
    weights = {}
    for name, (height, width, inputs, outputs) in shapes.items():
        weights[f"{name}.k"], weights[f"{name}.b"] = empty(outputs, height, width, inputs), empty(outputs)
    kernel = weights["conv1_1.k"] = rng.normal(size=(64, 3, 3, 3)).astype(np.float32)
    converted = conversion.convert(weights, "a test", shapes=shapes, names=names, axes=(1, 2, 3, 0))
    np.testing.assert_array_equal(converted["params/conv1_1/kernel"], np.moveaxis(kernel, 0, -1))


def test_convert_reports_all_differences_at_once():
    state = torch_state()
    del state["features.0.bias"]
    state["features.2.weight"] = empty(64, 64, 5, 5)
    state["features.35.weight"] = empty(1)
    with pytest.raises(WeightsError) as caught:
        from_torch.vgg19_from_torch(state)
    assert str(caught.value) == (
        "expected the VGG19 of torchvision, got no features.0.bias; an unknown features.35.weight;"
        " features.2.weight of shape (64, 64, 5, 5), not (64, 64, 3, 3)"
    )
