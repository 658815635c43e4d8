"""Tests ../../jsr/weights/zoo.py."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jsr.errors import WeightsError
from jsr.files import checksums
from jsr.models.classical.exemplars import Exemplars
from jsr.models.classical.interpolation import Interpolation
from jsr.models.consistency import Consistent
from jsr.models.edsr import EDSR
from jsr.models.espcn import ESPCN
from jsr.models.srcnn import SRCNN
from jsr.models.srresnet import SRResNet
from jsr.weights import file as weights_file
from jsr.weights import zoo

EXEMPLARS = [
    ("aplus", Exemplars(rule="anchored", atoms=512, rank=40)),
    ("sparse", Exemplars(rule="sparse", atoms=1024, rank=40, chosen=3, project=True)),
    ("ne", Exemplars(rule="neighbours", atoms=2048, rank=40, chosen=5, project=True)),
]


def _equal(a, b):
    return jax.tree.all(jax.tree.map(np.array_equal, a, b))


def test_load_takes_a_file_and_the_folder_of_a_run(tmp_path):
    module = SRResNet(features=4, blocks=1)
    variables = module.init(jax.random.key(0), jnp.zeros((1, 8, 8, 3)))
    for path in (tmp_path / "w.safetensors", tmp_path / "generator.safetensors"):
        weights_file.save(path, "srresnet", {"features": 4, "blocks": 1}, variables, {"step": 3})
    for path in (tmp_path / "w.safetensors", str(tmp_path)):
        model = zoo.load(path)
        assert model.module == module and model.metadata == {"step": 3}
        assert _equal(model.variables, variables)


@pytest.mark.parametrize(
    ("name", "module"),
    [
        *((name, SRResNet()) for name in zoo.CORNERS.values()),
        *((name, EDSR()) for name in ("light", "light-photo")),
        *(("espcn", ESPCN()), ("srcnn", SRCNN()), *EXEMPLARS),
    ],
)
def test_load_of_a_bundled_name(name, module):
    model = zoo.load(name)
    assert name in zoo.BUNDLED and model.module == module
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(model.variables))
    assert (weights_file.PRETRAINED / f"{name}_x4.md").is_file(), "every weights file has its card"


@pytest.mark.parametrize("name", zoo.INTERPOLATIONS)
def test_load_of_an_interpolation(name):
    assert zoo.load(name) == (Interpolation(method=name), {}, {})


@pytest.mark.parametrize("name", zoo.RECONSTRUCTIONS)
def test_load_of_a_reconstruction(name):
    assert zoo.load(name) == (zoo.RECONSTRUCTIONS[name](), {}, {})


@pytest.mark.parametrize("name", [*zoo.RECONSTRUCTIONS, *zoo.INTERPOLATIONS])
def test_load_at_a_scale(name):
    assert zoo.load(name, scale=3).scale == 3 and zoo.load(name).scale == 4


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("srgan", "srgan: no weights of scale 3 are released, only srgan_x4"),
        ("blend:0.5", "SRResNet: expected its own scale, 4, got 3"),
    ],
)
def test_load_at_a_scale_that_is_not_released(name, message):
    with pytest.raises(WeightsError, match=message):
        zoo.load(name, scale=3)
    assert zoo.load(name, scale=4).scale == 4


@pytest.fixture
def corners(tmp_path, monkeypatch):
    """Small random networks in the place of the released ones, by the names of their files."""
    monkeypatch.setattr(weights_file, "PRETRAINED", tmp_path)
    fields: dict[str, Any] = {"features": 4, "blocks": 1}
    variables = {}
    for seed, name in enumerate(zoo.CORNERS.values()):
        path = tmp_path / f"{name}_x4.safetensors"
        network: Any = SRResNet(**fields).init(jax.random.key(seed), jnp.zeros((1, 8, 8, 3)))
        network["params"]["tail"]["bias"] = np.array([-0.0, 1e-30, seed], np.float32)
        variables[name] = network
        weights_file.save(path, "srresnet", fields, network, {})
    checksums.write(tmp_path)
    return variables


@pytest.mark.parametrize(
    ("name", "texture", "restore"),
    [("blend:0.25", 0.25, 0), ("blend:0.25,0", 0.25, 0), ("blend:0,0.7", 0, 0.7), ("blend:0.3,0.6", 0.3, 0.6)],
)
def test_a_blend_is_the_bilinear_mixture(corners, name, texture, restore):
    """Against numpy's interp in float64, along one axis and then along the other."""
    model = zoo.load(name)
    assert model.metadata == {"texture": texture, "restore": restore}

    def expected(*leaves):
        clean, clean_sharp, photo, photo_sharp = (np.ravel(leaf) for leaf in leaves)
        along = [
            [np.interp(texture, [0, 1], ends) for ends in zip(*pair, strict=True)]
            for pair in ((clean, clean_sharp), (photo, photo_sharp))
        ]
        mixture = [np.interp(restore, [0, 1], ends) for ends in zip(*along, strict=True)]
        return np.reshape(mixture, leaves[0].shape)

    names = ("srresnet", "srgan", "srresnet-photo", "srgan-photo")
    mixture = jax.tree.map(expected, *(corners[name] for name in names))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7), model.variables, mixture)
    assert {leaf.dtype for leaf in jax.tree.leaves(model.variables)} == {np.dtype(np.float32)}


@pytest.mark.parametrize(
    ("name", "corner"),
    [
        ("blend:0", "srresnet"),
        ("blend:1", "srgan"),
        ("blend:0,1", "srresnet-photo"),
        ("blend:1,1", "srgan-photo"),
    ],
)
def test_a_blend_at_a_corner_is_that_corner_bit_for_bit(corners, name, corner):
    """Also the sign of zero; and it reads no other file."""
    for other in set(corners) - {corner}:
        (weights_file.PRETRAINED / f"{other}_x4.safetensors").unlink()
    variables = zoo.load(name).variables
    assert jax.tree.all(jax.tree.map(lambda a, b: a.tobytes() == np.asarray(b).tobytes(), variables, corners[corner]))


def test_a_blend_of_files_in_half_precision_is_mixed_in_float32(tmp_path, monkeypatch):
    """Half-way between 1 and the next float16 lies no float16."""
    monkeypatch.setattr(weights_file, "PRETRAINED", tmp_path)
    fields: dict[str, Any] = {"features": 4, "blocks": 1}
    network: Any = SRResNet(**fields).init(jax.random.key(0), jnp.zeros((1, 8, 8, 3)))
    for name, value in (("srresnet", 1), ("srgan", 1 + 2**-10)):
        path = tmp_path / f"{name}_x4.safetensors"
        network["params"]["tail"]["bias"] = np.full(3, value, np.float32)
        weights_file.save(path, "srresnet", fields, network, {}, dtype="float16")
    checksums.write(tmp_path)
    bias = zoo.load("blend:0.5").variables["params"]["tail"]["bias"]
    assert bias.dtype == np.float32
    np.testing.assert_array_equal(bias, 1 + 2**-11)


def test_a_blend_along_one_side_reads_its_two_ends(corners):
    for other in ("srresnet-photo", "srgan-photo"):
        (weights_file.PRETRAINED / f"{other}_x4.safetensors").unlink()
    assert zoo.load("blend:0.5").module == SRResNet(features=4, blocks=1)
    with pytest.raises(WeightsError, match="srresnet-photo_x4.safetensors"):
        zoo.load("blend:0.5,0.1")


def test_blend_name_is_read_back_as_its_shares():
    assert zoo.blend_name(0.25, 0.5) == "blend:0.25,0.5" and zoo.shares("blend:0.25,0.5") == (0.25, 0.5)
    for (texture, restore), corner in zoo.CORNERS.items():
        assert zoo.blend_name(float(texture), float(restore)) == corner
        assert zoo.shares(f"blend:{texture},{restore}") == (texture, restore)
    assert zoo.blend_name(*zoo.shares(zoo.DEFAULT)) == zoo.DEFAULT, "--compare finds the default by its name"


@pytest.mark.parametrize(
    "name",
    ["blend:", "blend:x", "blend:1.1", "blend:-0.1", "blend:nan", "blend:0.5,2", "blend:0.5,", "blend:0.1,0.2,0.3"],
)
def test_a_blend_of_wrong_shares_is_refused_in_one_line(name):
    with pytest.raises(WeightsError) as error:
        zoo.load(name)
    assert str(error.value) == f"model: expected blend:T or blend:T,R with numbers from 0 to 1, got {name}"


def test_load_of_an_unknown_name_lists_the_known(tmp_path):
    with pytest.raises(
        WeightsError, match="srresnet, srgan, srresnet-photo, srgan-photo, light, light-photo, espcn, srcnn, aplus"
    ):
        zoo.load("esrgan")
    with pytest.raises(WeightsError, match="generator.safetensors"):
        zoo.load(tmp_path)


def test_ready_is_folded_and_computes_in_the_precision():
    model = zoo.load("srresnet")
    exact, half = zoo.ready("srresnet", precision="fp32"), zoo.ready("srresnet", precision="bf16")
    for ready, dtype in ((exact, jnp.float32), (half, jnp.bfloat16)):
        assert ready.module == Consistent(SRResNet(norm=False, dtype=dtype))
        assert _equal(ready.variables, model.folded().variables)
    assert zoo.ready("bicubic", precision="bf16").module == Interpolation()
