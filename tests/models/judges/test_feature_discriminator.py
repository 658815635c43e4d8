"""Tests ../../../jsr/models/judges/feature_discriminator.py."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jsr.models.judges.feature_discriminator import FeatureDiscriminator

KEY = jax.random.key(0)


def features(x):
    """Two layers: the pictures in six channels, and their means over 2x2 pixels."""
    six = jnp.concatenate([x, x**2], axis=-1)
    b, h, w, c = six.shape
    return six, six.reshape(b, h // 2, 2, w // 2, 2, c).mean(axis=(2, 4))


MODULE = FeatureDiscriminator(features, width=8)
VARIABLES = MODULE.init(KEY, jnp.zeros((1, 8, 8, 3)))


def logits(x):
    return np.asarray(MODULE.apply(VARIABLES, x))


def test_there_is_a_logit_for_each_place_of_each_layer(rng):
    assert logits(rng.uniform(-1, 1, (2, 8, 12, 3)).astype(np.float32)).shape == (2, 8 * 12 + 4 * 6)


def test_only_the_heads_are_parameters():
    assert set(VARIABLES) == {"params"}
    assert sorted(VARIABLES["params"]) == [f"head{i}_{j}" for i in (1, 2) for j in (1, 2, 3)]


def test_heads_equal_torch(torch, rng):
    """Convolutions of 1, 3 and 3 pixels on features of the root mean square 1."""
    x = rng.uniform(-1, 1, (2, 8, 8, 3)).astype(np.float32)
    expected = []
    for i, layer in enumerate(features(jnp.asarray(x)), 1):
        y = np.asarray(layer)
        y = torch.from_numpy(y / np.sqrt((y**2).mean(axis=-1, keepdims=True))).permute(0, 3, 1, 2)
        for j in (1, 2, 3):
            head = VARIABLES["params"][f"head{i}_{j}"]
            kernel = torch.from_numpy(np.array(head["kernel"]).transpose(3, 2, 0, 1).copy())
            y = torch.nn.functional.conv2d(y, kernel, torch.from_numpy(np.array(head["bias"])), padding="same")
            y = torch.nn.functional.leaky_relu(y, 0.2) if j < 3 else y
        expected.append(y.permute(0, 2, 3, 1).reshape(2, -1).numpy())
    np.testing.assert_allclose(logits(x), np.concatenate(expected, axis=1), atol=1e-5)


def test_a_logit_sees_its_surroundings_only(rng):
    """Two heads of 3x3 see two places on each side: a change at one place reaches 5x5 logits of the first layer."""
    x = rng.uniform(-1, 1, (1, 16, 16, 3)).astype(np.float32)
    other = x.copy()
    other[0, 8, 8] += 0.5
    changed = (logits(x) != logits(other))[0, : 16 * 16].reshape(16, 16)
    rows, columns = np.nonzero(changed)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (6, 10, 6, 10)


def test_black_pictures_have_finite_logits_and_gradients():
    gradient = jax.grad(lambda x: jnp.sum(jnp.asarray(MODULE.apply(VARIABLES, x))))(jnp.zeros((1, 8, 8, 3)))
    assert np.isfinite(gradient).all() and np.isfinite(logits(jnp.zeros((1, 8, 8, 3)))).all()


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_logits_are_float32(dtype, rng):
    x = rng.uniform(-1, 1, (1, 8, 8, 3)).astype(np.float32)
    result = MODULE.clone(dtype=dtype).apply(VARIABLES, x)
    assert isinstance(result, jax.Array) and result.dtype == jnp.float32
    np.testing.assert_allclose(result, logits(x), atol=0.05)
