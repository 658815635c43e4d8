"""Tests ../../../jsr/models/judges/vgg.py."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jsr.models.judges import vgg
from jsr.models.judges.vgg import VGG
from jsr.models.layers import Conv
from jsr.weights.foreign import from_torch


def _make_twin(torch, repeats):
    """Returns the `features` of torchvision's vgg16 or vgg19: its layers, with random weights and biases.

    Args:
      repeats: convolutions of each of the last three blocks.
    """
    torch.manual_seed(0)
    layers, before = [], 3
    for width in (64, 64, 0, 128, 128, 0, *[256] * repeats, 0, *[512] * repeats, 0, *[512] * repeats, 0):
        if width == 0:
            layers.append(torch.nn.MaxPool2d(2, 2))
            continue
        conv = torch.nn.Conv2d(before, width, 3, padding=1)
        torch.nn.init.kaiming_normal_(conv.weight)
        torch.nn.init.normal_(conv.bias, std=0.1)
        layers += [conv, torch.nn.ReLU()]
        before = width
    return torch.nn.Sequential(*layers)


@pytest.fixture(scope="module")
def twin(torch):
    return _make_twin(torch, 4)


@pytest.fixture(scope="module")
def variables(twin):
    state = {f"features.{k}": v.numpy() for k, v in twin.state_dict().items()}
    flat, _ = from_torch.vgg19_from_torch(state)
    params = {}
    for name, value in flat.items():
        _, layer, kind = name.split("/")
        params.setdefault(layer, {})[kind] = value
    return {"params": params}


@pytest.mark.parametrize("layer, end", [("relu2_2", 9), ("relu5_4", 36)])
@pytest.mark.parametrize("shape", [(2, 32, 32, 3), (1, 39, 53, 3)])
def test_vgg_equals_torch(torch, twin, variables, rng, layer, end, shape):
    """Odd sizes too, of which a pooling leaves out the last row."""
    pictures = rng.random(shape, np.float32)  # in [0, 1], as torchvision takes them
    normal = (pictures - np.array(vgg.MEAN, np.float32)) / np.array(vgg.STD, np.float32)
    with torch.no_grad():
        expected = twin[:end](torch.from_numpy(normal).permute(0, 3, 1, 2))
    expected = expected.permute(0, 2, 3, 1).numpy()
    features = jnp.asarray(VGG(19, (layer,)).apply(variables, 2 * pictures - 1)[0])
    assert features.shape == expected.shape and features.dtype == jnp.float32
    assert np.abs(features - expected).max() < 1e-4 * np.abs(expected).max()
    assert features.min() == 0  # after the ReLU: before it, some would be negative


def test_vgg16_gives_several_layers_in_the_order_asked_for(torch, rng):
    """Before and after the ReLU, and the last layer first."""
    twin = _make_twin(torch, 3)
    convolutions = [layer for layer in twin if isinstance(layer, torch.nn.Conv2d)]
    params = {}
    for name, conv in zip(vgg.kernel_shapes(16), convolutions, strict=True):
        kernel, bias = (value.detach().numpy() for value in (conv.weight, conv.bias))
        params[name] = {"kernel": kernel.transpose(2, 3, 1, 0), "bias": bias}
    ends = {"relu5_3": 30, "conv3_3": 15, "relu1_1": 2, "conv5_3": 29}
    pictures = rng.random((1, 35, 32, 3), np.float32)
    normal = (pictures - np.array(vgg.MEAN, np.float32)) / np.array(vgg.STD, np.float32)
    module = VGG(16, tuple(ends))
    for features, end in zip(module.apply({"params": params}, 2 * pictures - 1), ends.values(), strict=True):
        with torch.no_grad():
            expected = twin[:end](torch.from_numpy(normal).permute(0, 3, 1, 2)).permute(0, 2, 3, 1).numpy()
        assert np.abs(np.asarray(features) - expected).max() < 1e-4 * np.abs(expected).max()


def test_l2_pooling_is_the_root_of_the_mean_square(rng):
    """Up to the second block: what the first gives, pooled by NumPy, and convolved by a network of its own."""
    variables = vgg.random_vgg(jax.random.key(0), 16, ("relu2_1",))[1]
    x = rng.uniform(-1, 1, (1, 10, 12, 3)).astype(np.float32)
    before, after = VGG(16, ("relu1_2", "relu2_1"), pooling="l2").apply(variables, x)
    squares = np.asarray(before).reshape(1, 5, 2, 6, 2, 64) ** 2
    pooled = jnp.asarray(np.sqrt(squares.mean(axis=(2, 4))))
    expected = Conv(128, 3).apply({"params": variables["params"]["conv2_1"]}, pooled)
    np.testing.assert_allclose(np.asarray(after), np.maximum(np.asarray(expected), 0), atol=2e-3)


def test_l2_pooling_has_a_gradient_where_nothing_is_active():
    module = VGG(16, ("relu2_1",), pooling="l2")
    variables = jax.tree.map(jnp.zeros_like, vgg.random_vgg(jax.random.key(0), 16, ("relu2_1",))[1])
    gradient = jax.grad(lambda x: module.apply(variables, x)[0].sum())(jnp.zeros((1, 8, 8, 3)))
    assert np.isfinite(gradient).all()


def test_features_in_bfloat16_are_near_those_in_float32(rng):
    variables = vgg.random_vgg(jax.random.key(0), 16, ("relu3_3",))[1]
    x = rng.uniform(-1, 1, (1, 16, 16, 3)).astype(np.float32)
    exact, rounded = (
        jnp.asarray(VGG(16, ("relu3_3",), dtype=dtype).apply(variables, x)[0]) for dtype in (jnp.float32, jnp.bfloat16)
    )
    assert rounded.dtype == jnp.bfloat16
    error = np.asarray(rounded, np.float32) - np.asarray(exact)
    assert 0 < np.square(error).mean() < 1e-3 * np.square(np.asarray(exact)).mean()


def _shapes(layer, depth=19):
    return jax.eval_shape(VGG(depth, (layer,)).init, jax.random.key(0), jnp.zeros((1, 16, 16, 3)))["params"]


def test_vgg_has_the_parameters_of_the_paper():
    """143,667,240 and 138,357,544 less the three dense layers; up to relu2_2 four convolutions remain."""
    dense = 512 * 7 * 7 * 4096 + 4096 + 4096 * 4096 + 4096 + 4096 * 1000 + 1000
    sizes = [leaf.size for leaf in jax.tree.leaves(_shapes("relu5_4"))]
    assert sum(sizes) == 143_667_240 - dense == 20_024_384
    sizes = [leaf.size for leaf in jax.tree.leaves(_shapes("relu5_3", 16))]
    assert sum(sizes) == 138_357_544 - dense
    assert list(_shapes("conv2_2")) == list(_shapes("relu2_2")) == ["conv1_1", "conv1_2", "conv2_1", "conv2_2"]


def test_vgg_normalises_by_its_mean_and_std(rng):
    """Pictures normalised by hand give the same features without a normalisation."""
    x = rng.random((1, 8, 8, 3), np.float32)
    variables = vgg.random_vgg(jax.random.key(0), 19, ("relu1_1",))[1]
    plain = jnp.asarray(VGG(19, ("relu1_1",), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)).apply(variables, 2 * x - 1)[0])
    scaled = (x - np.array([0.1, 0.2, 0.3], np.float32)) * np.array([2, 4, 8], np.float32)
    own = jnp.asarray(VGG(19, ("relu1_1",), (0.1, 0.2, 0.3), (0.5, 0.25, 0.125)).apply(variables, 2 * x - 1)[0])
    expected = jnp.asarray(VGG(19, ("relu1_1",), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)).apply(variables, 2 * scaled - 1)[0])
    np.testing.assert_allclose(own, expected, atol=1e-5)
    assert np.abs(own - plain).max() > 0.1


@pytest.mark.parametrize("layer", ["relu2_2", pytest.param("relu5_4", marks=pytest.mark.slow)])
def test_random_vgg_has_he_normal_weights(layer):
    module, variables = vgg.random_vgg(jax.random.key(0), 19, (layer,))
    assert module == VGG(19, (layer,)) and hash(module) == hash(VGG(19, (layer,)))
    for name, conv in variables["params"].items():
        fan_in = np.prod(conv["kernel"].shape[:3])
        # The first has 1,728 values: the deviation of their variance is about 3%.
        assert abs(np.var(conv["kernel"]) * fan_in / 2 - 1) < 0.1, name
        assert not np.any(conv["bias"])
    other = vgg.random_vgg(jax.random.key(1), 19, (layer,))[1]
    kernels = [v["params"]["conv1_1"]["kernel"] for v in (variables, other)]
    assert np.any(kernels[0] != kernels[1])


@pytest.mark.slow
def test_random_vgg_keeps_the_size_of_its_features(rng):
    """He et al. 2015 chose the variance for it: over sixteen layers, activations neither fade nor explode."""
    x = jnp.asarray(rng.uniform(-1, 1, (1, 64, 64, 3)), jnp.float32)
    module, variables = vgg.random_vgg(jax.random.key(0), 19, ("relu5_4",))
    assert 0.1 < float(jnp.std(jnp.asarray(module.apply(variables, x)[0]))) < 10


def test_vgg_passes_the_gradient_of_a_content_loss_to_the_picture(rng):
    """Compared with a finite difference along the gradient."""
    a, b = (jnp.asarray(rng.uniform(-1, 1, (1, 16, 16, 3)), jnp.float32) for _ in range(2))
    module, variables = vgg.random_vgg(jax.random.key(0), 19, ("relu2_2",))
    target = jnp.asarray(module.apply(variables, b)[0])

    @jax.jit
    def loss(x):
        return jnp.mean((jnp.asarray(module.apply(variables, x)[0]) - target) ** 2)

    gradient = jax.grad(loss)(a)
    direction = gradient / jnp.linalg.norm(gradient)
    difference = (loss(a + 0.02 * direction) - loss(a - 0.02 * direction)) / 0.04
    np.testing.assert_allclose(jnp.linalg.norm(gradient), difference, rtol=0.02)


def test_vgg_errors_name_the_choices():
    with pytest.raises(ValueError, match="VGG16: expected layers of conv1_1, relu1_1, .*relu5_3, got relu5_4, conv6_1"):
        VGG(16, ("relu5_4", "relu1_1", "conv6_1")).init(jax.random.key(0), jnp.zeros((1, 16, 16, 3)))
    with pytest.raises(ValueError, match="expected pictures of 16 pixels .* relu5_4, got 15x40"):
        VGG(19, ("relu5_4",)).init(jax.random.key(0), jnp.zeros((1, 15, 40, 3)))
