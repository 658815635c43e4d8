"""Tests ../../jsr/ops/subpixel.py."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jsr.ops import subpixel


@pytest.mark.parametrize("r", [2, 3, 4])
def test_depth_to_space_is_pixel_shuffle_but_for_the_order_of_channels(rng, r):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    x = rng.normal(size=(2, 5, 7, r * r * 3)).astype(np.float32)
    theirs = x.reshape(2, 5, 7, r * r, 3).swapaxes(-1, -2).reshape(x.shape)
    shuffled = torch.nn.PixelShuffle(r)(torch.tensor(theirs).permute(0, 3, 1, 2)).permute(0, 2, 3, 1).numpy()
    np.testing.assert_array_equal(subpixel.depth_to_space(x, r), shuffled)


@pytest.mark.parametrize("r", [2, 3, 4])
def test_depth_to_space_puts_channel_ijc_at_row_i_and_column_j(rng, r):
    x = rng.normal(size=(2, 5, 7, r * r * 3)).astype(np.float32)
    y = subpixel.depth_to_space(x, r)
    assert y.shape == (2, 5 * r, 7 * r, 3)
    for i in range(r):
        for j in range(r):
            channels = (i * r + j) * 3 + np.arange(3)
            np.testing.assert_array_equal(y[:, i::r, j::r], x[..., channels])


def test_icnr_gives_all_pixels_of_a_block_the_same_kernel():
    """Without ICNR, the four would be drawn apart."""
    kernel = subpixel.icnr(2)(jax.random.key(0), (3, 3, 4, 8), jnp.float32)
    blocks = np.asarray(kernel).reshape(3, 3, 4, 4, 2)
    assert blocks.std() > 0.01
    np.testing.assert_array_equal(blocks, np.broadcast_to(blocks[..., :1, :], blocks.shape))


def test_icnr_takes_another_initialiser():
    kernel = subpixel.icnr(2, init=lambda key, shape, dtype: jnp.full(shape, 7, dtype))
    np.testing.assert_array_equal(kernel(jax.random.key(0), (3, 3, 4, 8), jnp.float32), 7)
