"""Tests ../../../jsr/weights/foreign/generators.py: files of other projects, with random numbers, against PyTorch."""

import struct

import h5py
import jax
import numpy as np
import pytest
from safetensors.numpy import save_file

from jsr import import_
from jsr.errors import WeightsError
from jsr.models.compact import Compact
from jsr.models.consistency import Consistent
from jsr.models.srresnet import SRResNet
from jsr.weights import zoo
from jsr.weights.foreign import from_keras, from_mxnet, from_torch

torch = pytest.importorskip("torch", reason="computes what is expected here")

from tests.weights import generator_layouts as layouts


def _hwio(value):
    return value.detach().numpy().transpose(2, 3, 1, 0)


def _shuffled(value):
    """Orders the channels of a sub-pixel layer, the last axis, as TensorFlow's depth_to_space takes them."""
    return value.reshape(*value.shape[:-1], -1, 4).swapaxes(-1, -2).reshape(value.shape)


def _keras(twin, path):
    """Writes the file of krasserm/super-resolution, in the order of Keras' layers."""
    convolutions, norms, prelus = (iter(list(enumerate(kind))) for kind in (twin.convolutions, twin.norms, twin.prelus))
    layers = [("input_1", {}), ("lambda", {})]

    def add(kind):
        if kind == "conv":
            i, layer = next(convolutions)
            kernel, bias = _hwio(layer.weight), layer.bias.detach().numpy()
            if kernel.shape[3] == 4 * layouts.WIDTH:
                kernel, bias = _shuffled(kernel), _shuffled(bias)
            layers.append((f"conv2d_{i}" if i else "conv2d", {"kernel": kernel, "bias": bias}))
        elif kind == "norm":
            i, layer = next(norms)
            values = {"gamma": layer.weight, "beta": layer.bias}
            values |= {"moving_mean": layer.running_mean, "moving_variance": layer.running_var}
            name = f"batch_normalization_v1_{i}" if i else "batch_normalization_v1"
            layers.append((name, {key: value.detach().numpy() for key, value in values.items()}))
        else:
            i, layer = next(prelus)
            layers.append((f"p_re_lu_{i}" if i else "p_re_lu", {"alpha": layer.weight.detach().numpy()[None, None]}))

    block = ["conv", "norm", "prelu", "conv", "norm"]
    for kind in ["conv", "prelu", *block * twin.blocks, "conv", "norm", *["conv", "prelu"] * twin.upsamples, "conv"]:
        add(kind)
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [name.encode() for name, _ in layers]
        for name, values in layers:
            group = file.create_group(name)
            group.attrs["weight_names"] = [f"{name}/{key}:0".encode() for key in values]
            for key, value in values.items():
                group[f"{name}/{key}:0"] = value


def _mxnet(twin, path):
    """Writes an MXNet list of arrays, with names in alphabetical order, so that 10 comes before 2."""
    arrays = {}
    for i, layer in enumerate(twin.convolutions):
        arrays |= {f"arg:convolution{i}_weight": layer.weight, f"arg:convolution{i}_bias": layer.bias}
    for i, layer in enumerate(twin.norms):
        arrays |= {f"arg:batchnorm{i}_gamma": layer.weight, f"arg:batchnorm{i}_beta": layer.bias}
        arrays |= {
            f"aux:batchnorm{i}_moving_mean": layer.running_mean,
            f"aux:batchnorm{i}_moving_var": layer.running_var,
        }
    arrays |= {f"arg:leakyrelu{i}_weight": layer.weight for i, layer in enumerate(twin.prelus)}
    content = struct.pack("<QQQ", 0x112, 0, len(arrays))
    for name in sorted(arrays):
        value = arrays[name].detach().numpy()
        content += struct.pack("<IiI", 0xF993FAC9, 0, value.ndim) + struct.pack(f"<{value.ndim}q", *value.shape)
        content += struct.pack("<iii", 1, 0, 0) + value.tobytes()
    content += struct.pack("<Q", len(arrays))
    for name in sorted(arrays):
        content += struct.pack("<Q", len(name)) + name.encode()
    path.write_bytes(content)


def _torch(twin, path):
    torch.save(twin.state_dict(), path)


def _parallel(twin, path):
    """A checkpoint of a training on several GPUs."""
    state = {f"module.{name}": value for name, value in twin.state_dict().items()}
    torch.save({"epoch": 3, "state_dict": state, "optimizer": {"state": {0: torch.zeros(2)}, "lr": 0.1}}, path)


def _legacy(twin, path):
    checkpoint = {
        "optimizer": {"momentum": torch.zeros(5)},
        "params": twin.state_dict(),
        "params_ema": twin.state_dict(),
    }
    checkpoint["params"] = {name: torch.zeros_like(value) for name, value in checkpoint["params"].items()}
    torch.save(checkpoint, path, _use_new_zipfile_serialization=False)


def _real_esrgan(twin, path):
    torch.save({"params": twin.state_dict()}, path)


def _safetensors(twin, path):
    save_file({f"_orig_mod.{name}": value.numpy() for name, value in twin.state_dict().items()}, path)


CASES = {
    "leftthomas": (layouts.LeftThomas, {}, _torch, "a.pth", {"body_prelu": True}),
    "leftthomas x8": (
        layouts.LeftThomas,
        {"upsamples": 3},
        _torch,
        "a.pth",
        {"body_prelu": True, "factors": (2, 2, 2)},
    ),
    "kodeking": (layouts.LeftThomas, {"norm": True}, _torch, "a.pt", {}),
    "checkpoint": (layouts.LeftThomas, {"blocks": 1}, _parallel, "a.pth", {"body_prelu": True, "blocks": 1}),
    "moving average": (layouts.LeftThomas, {}, _legacy, "a.pth", {"body_prelu": True}),
    "lornatang": (layouts.Lornatang, {}, _safetensors, "b.safetensors", {"tanh": False, "blocks": 3}),
    "sgrvinod": (layouts.Sgrvinod, {}, _torch, "a.pth", {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}),
    "animevideov3": (layouts.SRVGGNetCompact, {}, _real_esrgan, "a.pth", {"convolutions": 3}),
    "compact x3": (layouts.SRVGGNetCompact, {"scale": 3}, _torch, "a.pth", {"convolutions": 3, "factors": (3,)}),
    "krasserm": (layouts.Numbered, {}, _keras, "a.h5", {"channel_slopes": True}),
    "zoo": (
        layouts.Numbered,
        {"epsilon": 1e-5, "tanh": False, "blocks": 5},
        _mxnet,
        "a.params",
        {"channel_slopes": True, "tanh": False, "blocks": 5},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_an_imported_generator_equals_torch(case, tmp_path, rng, monkeypatch, capsys):
    """Up to the border, and also folded, which is the form that upscales."""
    twin_class, options, write, name, fields = CASES[case]
    twin = layouts.drawn(twin_class(**options))
    monkeypatch.chdir(tmp_path)
    write(twin, tmp_path / name)
    output = tmp_path / "out.safetensors"
    assert import_.main([name, "-o", str(output)]) == 0
    assert capsys.readouterr().out.endswith(f"  {output}\n")

    model = zoo.load(output)
    if twin_class is layouts.SRVGGNetCompact:
        module = Compact(**{"features": layouts.WIDTH, **fields})
    else:
        module = SRResNet(**{"features": layouts.WIDTH, "blocks": 2, **fields})
    assert model.module == module and set(model.metadata) == {"imported_from"}
    x = rng.random((1, 9, 11, 3), np.float32)
    with torch.no_grad():
        expected = 2 * twin(torch.tensor(x).permute(0, 3, 1, 2)).permute(0, 2, 3, 1).numpy() - 1
    assert np.std(expected) > 0.05 and np.mean(np.abs(expected) > 0.995) < 0.2
    ready = zoo.ready(output)
    assert not isinstance(ready.module, Consistent), "an import gives what it gives in its own project"
    for module, variables, _ in (model, ready):
        y = jax.jit(module.apply)(variables, x)
        np.testing.assert_allclose(y, expected, atol=1e-4)


def test_sub_pixel_layers_of_keras_and_torch_differ_in_order():
    """The premise of `_keras` above, told by PyTorch: of channels (c, i, j), depth_to_space takes (i, j, c)."""
    channels = torch.arange(8.0)[None, :, None, None]
    pixels = torch.nn.functional.pixel_shuffle(channels, 2)[0]
    assert pixels.permute(1, 2, 0).flatten().tolist() == _shuffled(np.arange(8)).tolist()


def _state(**options):
    return {name: value.numpy() for name, value in layouts.LeftThomas(**options).state_dict().items()}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"block2.bn1.weight": None}, "no params/block1/bn1/scale"),
        ({"block2.conv1.weight": np.zeros((8, 8, 5, 5), np.float32)}, r"conv1/kernel of shape \(5, 5, 8, 8\), not \(3"),
        ({"block1.0.weight": None}, "no kernels of its first"),
        ({"block1.0.weight": np.zeros((0, 0, 0, 0), np.float32)}, "no kernels of its first"),
        ({"block5.0.conv.bias": np.zeros((), np.float32)}, r"upsample1/conv/bias of shape \(\), not \(32,\)"),
        ({"block2.in1.weight": np.zeros(8, np.float32)}, "an unknown block2.in1.weight"),
        ({"block3.bn2.running_var": None}, "block2/bn2/var of shape"),
        ({"block3.bn2.running_mean": np.zeros(5, np.float32)}, r"block2/bn2/mean of shape \(5,\), not \(8,\)"),
        (
            {"block5.0.conv.weight": np.zeros((33, 8, 3, 3), np.float32)},
            r"upsample1/conv/kernel of shape \(3, 3, 8, 33\)",
        ),
    ],
)
def test_a_network_that_differs_is_refused_with_what_differs(change, message):
    """Such as InstanceNorm without statistics, which no field can express."""
    state = _state(norm=True) | change
    state = {name: value for name, value in state.items() if value is not None}
    with pytest.raises(WeightsError, match=message) as error:
        from_torch.generator_from_torch(state)
    assert "\n" not in str(error.value)


def test_layers_of_another_number_are_refused():
    layer = {"kernel": np.zeros((3, 3, 8, 8)), "bias": np.zeros(8)}
    with pytest.raises(WeightsError, match="of an SRResNet, got 2 convolutions, 0 BatchNorms, 0 PReLUs$"):
        from_keras.generator_from_keras([layer, layer])
    with pytest.raises(WeightsError, match="numbered layers of an SRResNet, got arg:conv_weight$"):
        from_mxnet.generator_from_mxnet({"arg:conv_weight": np.zeros(3)})


def test_every_truncated_file_of_mxnet_is_refused(tmp_path):
    path = tmp_path / "a.params"
    _mxnet(layouts.Numbered(blocks=1, upsamples=1), path)
    content = path.read_bytes()
    for length in range(0, len(content), 997):
        path.write_bytes(content[:length])
        with pytest.raises(WeightsError, match="expected a list of named arrays of MXNet"):
            from_mxnet.read(path)


def test_a_file_of_keras_that_lists_no_layers_is_refused(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["layers/conv2d/vars/0"] = np.zeros(3)  # as Keras 3 writes them
    with pytest.raises(WeightsError, match="which lists its layers, got another"):
        from_keras.read_layers(tmp_path / "a.h5")
