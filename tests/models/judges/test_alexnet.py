"""Tests ../../../jsr/models/judges/alexnet.py; ../../metrics/test_lpips.py compares its features with torch's."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jsr.models.judges import alexnet
from jsr.models.judges.alexnet import AlexNet

LIKE = jnp.zeros((1, 64, 64, 3))


def test_alexnet_has_the_parameters_of_torchvision():
    """61,100,840 less the three dense layers."""
    params = jax.eval_shape(AlexNet().init, jax.random.key(0), LIKE)["params"]
    dense = 256 * 6 * 6 * 4096 + 4096 + 4096 * 4096 + 4096 + 4096 * 1000 + 1000
    assert sum(leaf.size for leaf in jax.tree.leaves(params)) == 61_100_840 - dense
    assert {name: conv["kernel"].shape for name, conv in params.items()} == alexnet.kernel_shapes()


@pytest.mark.parametrize("size", [(31, 31), (31, 200), (224, 224)])
def test_alexnet_keeps_a_pixel_of_the_smallest_picture(size):
    features = jax.eval_shape(lambda x: AlexNet().init_with_output(jax.random.key(0), x)[0], jnp.zeros((1, *size, 3)))
    assert [x.shape[3] for x in features] == [64, 192, 384, 256, 256]
    assert features[0].shape[1] == (size[0] + 4 - 11) // 4 + 1
    assert features[-1].shape[1:3] == features[2].shape[1:3] and min(features[-1].shape) == 1


def test_alexnet_refuses_a_picture_of_which_nothing_remains():
    with pytest.raises(ValueError, match="expected pictures of 31 pixels a side or more, got 30x64"):
        AlexNet().init(jax.random.key(0), np.zeros((1, 30, 64, 3), np.float32))
