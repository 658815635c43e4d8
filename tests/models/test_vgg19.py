"""Tests ../../jsr/models/vgg19.py."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jsr.models import vgg19
from jsr.models.vgg19 import VGG19
from jsr.weights import from_torch


def _make_twin(torch):
    """Returns torchvision's `vgg19().features`: its layers in its order, with random weights and biases."""
    torch.manual_seed(0)
    layers, before = [], 3
    for width in (64, 64, 0, 128, 128, 0, *[256] * 4, 0, *[512] * 4, 0, *[512] * 4, 0):
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
    return _make_twin(torch)


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
def test_vgg19_equals_torch(torch, twin, variables, rng, layer, end, shape):
    """Odd sizes too, of which a pooling leaves out the last row."""
    pictures = rng.random(shape, np.float32)  # in [0, 1], as torchvision takes them
    normal = (pictures - np.array(vgg19.MEAN, np.float32)) / np.array(vgg19.STD, np.float32)
    with torch.no_grad():
        expected = twin[:end](torch.from_numpy(normal).permute(0, 3, 1, 2))
    expected = expected.permute(0, 2, 3, 1).numpy()
    features = jnp.asarray(VGG19(layer).apply(variables, 2 * pictures - 1))
    assert features.shape == expected.shape and features.dtype == jnp.float32
    assert np.abs(features - expected).max() < 1e-4 * np.abs(expected).max()
    assert features.min() == 0  # after the ReLU: before it, some would be negative


def _shapes(layer):
    return jax.eval_shape(VGG19(layer).init, jax.random.key(0), jnp.zeros((1, 16, 16, 3)))["params"]


def test_vgg19_has_the_parameters_of_the_paper():
    """143,667,240 less the three dense layers; up to relu2_2 four convolutions remain."""
    dense = 512 * 7 * 7 * 4096 + 4096 + 4096 * 4096 + 4096 + 4096 * 1000 + 1000
    sizes = [leaf.size for leaf in jax.tree.leaves(_shapes("relu5_4"))]
    assert sum(sizes) == 143_667_240 - dense == 20_024_384
    assert list(_shapes("relu2_2")) == ["conv1_1", "conv1_2", "conv2_1", "conv2_2"]


def test_vgg19_normalises_by_its_mean_and_std(rng):
    """Pictures normalised by hand give the same features without a normalisation."""
    x = rng.random((1, 8, 8, 3), np.float32)
    variables = vgg19.random_vgg19(jax.random.key(0), "relu1_1")[1]
    plain = jnp.asarray(VGG19("relu1_1", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)).apply(variables, 2 * x - 1))
    scaled = (x - np.array([0.1, 0.2, 0.3], np.float32)) * np.array([2, 4, 8], np.float32)
    own = jnp.asarray(VGG19("relu1_1", (0.1, 0.2, 0.3), (0.5, 0.25, 0.125)).apply(variables, 2 * x - 1))
    expected = jnp.asarray(VGG19("relu1_1", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)).apply(variables, 2 * scaled - 1))
    np.testing.assert_allclose(own, expected, atol=1e-5)
    assert np.abs(own - plain).max() > 0.1


@pytest.mark.parametrize("layer", ["relu2_2", pytest.param("relu5_4", marks=pytest.mark.slow)])
def test_random_vgg19_has_he_normal_weights(layer):
    module, variables = vgg19.random_vgg19(jax.random.key(0), layer)
    assert module == VGG19(layer) and hash(module) == hash(VGG19(layer))
    for name, conv in variables["params"].items():
        fan_in = np.prod(conv["kernel"].shape[:3])
        # The first has 1,728 values: the deviation of their variance is about 3%.
        assert abs(np.var(conv["kernel"]) * fan_in / 2 - 1) < 0.1, name
        assert not np.any(conv["bias"])
    other = vgg19.random_vgg19(jax.random.key(1), layer)[1]
    kernels = [v["params"]["conv1_1"]["kernel"] for v in (variables, other)]
    assert np.any(kernels[0] != kernels[1])


@pytest.mark.slow
def test_random_vgg19_keeps_the_size_of_its_features(rng):
    """He et al. 2015 chose the variance for it: over sixteen layers, activations neither fade nor explode."""
    x = jnp.asarray(rng.uniform(-1, 1, (1, 64, 64, 3)), jnp.float32)
    module, variables = vgg19.random_vgg19(jax.random.key(0), "relu5_4")
    assert 0.1 < float(jnp.std(jnp.asarray(module.apply(variables, x)))) < 10


def test_vgg19_passes_the_gradient_of_a_content_loss_to_the_picture(rng):
    """Compared with a finite difference along the gradient."""
    a, b = (jnp.asarray(rng.uniform(-1, 1, (1, 16, 16, 3)), jnp.float32) for _ in range(2))
    module, variables = vgg19.random_vgg19(jax.random.key(0), "relu2_2")
    target = jnp.asarray(module.apply(variables, b))

    @jax.jit
    def loss(x):
        return jnp.mean((jnp.asarray(module.apply(variables, x)) - target) ** 2)

    gradient = jax.grad(loss)(a)
    direction = gradient / jnp.linalg.norm(gradient)
    difference = (loss(a + 0.02 * direction) - loss(a - 0.02 * direction)) / 0.04
    np.testing.assert_allclose(jnp.linalg.norm(gradient), difference, rtol=0.02)


def test_vgg19_errors_name_the_choices():
    with pytest.raises(ValueError, match="expected a layer of relu1_1, .*relu5_4, got 'conv5_4'"):
        VGG19("conv5_4").init(jax.random.key(0), jnp.zeros((1, 16, 16, 3)))
    with pytest.raises(ValueError, match="expected pictures of 16 pixels .* relu5_4, got 15x40"):
        VGG19("relu5_4").init(jax.random.key(0), jnp.zeros((1, 15, 40, 3)))
