"""Tests ../../../jsr/weights/foreign/from_torch.py; ../../models/judges/test_vgg.py compares features with torch's."""

import json

import numpy as np

from jsr.models.judges import vgg
from jsr.weights.foreign import from_torch
from tests.weights.vgg19_layouts import torch_state


def test_vgg19_from_torch_has_the_metadata_of_torchvision():
    _, metadata = from_torch.vgg19_from_torch(torch_state())
    assert json.loads(metadata["content_weight"]) == 1
    assert tuple(json.loads(metadata["mean"])) == vgg.MEAN and tuple(json.loads(metadata["std"])) == vgg.STD
    assert "torchvision" in metadata["source"]


def test_vgg19_from_torch_transposes_kernels(rng):
    """From `[out, in, h, w]` to `[h, w, in, out]`, the convolution after the second pooling among them."""
    state = torch_state()
    kernel = state["features.10.weight"] = rng.normal(size=(256, 128, 3, 3)).astype(np.float32)
    bias = state["features.10.bias"] = rng.normal(size=256).astype(np.float32)
    converted, _ = from_torch.vgg19_from_torch(state)
    np.testing.assert_array_equal(converted["params/conv3_1/bias"], bias)
    ours = converted["params/conv3_1/kernel"]
    assert ours.shape == (3, 3, 128, 256) and ours[0, 1, 2, 3] == kernel[3, 2, 0, 1]
