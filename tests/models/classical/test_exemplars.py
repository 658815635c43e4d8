"""Tests ../../../jsr/models/classical/exemplars.py, and the released weights of it."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jsr.data.sets import pairs
from jsr.metrics import fidelity
from jsr.models.classical.exemplars import BATCH, RULES, Exemplars
from jsr.ops import resize
from jsr.upscaling import tiles
from jsr.weights import file as weights_file
from tests.models.networks import FACTORS, init

NAMES = ("ne", "sparse", "aplus")
RELEASED = pytest.mark.parametrize("name", NAMES)
MODULES = [
    pytest.param("anchored", 1, False, id="anchored"),
    pytest.param("neighbours", 4, False, id="neighbours"),
    pytest.param("sparse", 3, False, id="sparse"),
    pytest.param("sparse", 2, True, id="projected"),
]


def _unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _load(name, scale=4):
    return weights_file.read(weights_file.PRETRAINED / f"{name}_x{scale}.safetensors")


def _anchored(feature, atoms, answers, chosen):
    return answers[np.argmax(np.abs(atoms @ feature))].T @ feature


def _sparse(feature, atoms, answers, chosen):
    """Orthogonal matching pursuit by least squares, and the same code of the large atoms."""
    rest, indices, code = feature, [], np.zeros(0)
    for _ in range(chosen):
        indices.append(int(np.argmax(np.abs(atoms @ rest))))
        code = np.linalg.lstsq(atoms[indices].T, feature, rcond=None)[0]
        rest = feature - code @ atoms[indices]
    return code @ answers[indices]


def _neighbours(feature, atoms, answers, chosen):
    """Weights that sum to 1, by the Lagrangian of the constrained least squares of Roweis & Saul 2000."""
    length = np.linalg.norm(feature)
    both = np.concatenate([atoms, -atoms])  # each atom with its negative
    nearest = np.argsort(-both @ feature)[:chosen]
    differences = both[nearest] - feature / length
    gram = differences @ differences.T
    gram += 1e-3 * np.trace(gram) * np.eye(chosen)
    system = np.block([[gram, np.ones((chosen, 1))], [np.ones((1, chosen)), np.zeros((1, 1))]])
    weights = np.linalg.solve(system, np.append(np.zeros(chosen), 1))[:-1]
    return length * weights @ np.concatenate([answers, -answers])[nearest]


def _twin(x, arrays, module, rule):
    """The method as the papers tell it: patch by patch, each added to the picture and divided by how many overlap."""
    s, (height, width) = module.scale, x.shape[:2]
    grey = np.pad(x @ [0.299, 0.587, 0.114], 5, mode="symmetric")
    # The convolution of basis patches, turned back into patches [3 s, 3 s, rank].
    basis = 9 * arrays["basis"][::-1, ::-1].reshape(3, 3, module.rank, s, s)
    basis = basis.transpose(0, 3, 1, 4, 2).reshape(3 * s, 3 * s, module.rank)
    total = np.zeros(((height + 4) * s, (width + 4) * s))
    for i in range(height + 2):
        for j in range(width + 2):
            feature = np.einsum("ij,ijd->d", grey[i : i + 9, j : j + 9], arrays["kernel"][:, :, 0])
            coefficients = rule(feature, arrays["atoms"], arrays["answers"], module.chosen)
            total[i * s : (i + 3) * s, j * s : (j + 3) * s] += basis @ coefficients / 9
    y = np.asarray(resize.resize(x.astype(np.float32), s * height, s * width), np.float64)
    y += total[2 * s : -2 * s, 2 * s : -2 * s, None]
    if module.project:
        rows, columns = (resize.matrix(s * n, n).astype(np.float64) for n in (height, width))
        residual = x - np.einsum("ik,jl,klc->ijc", rows, columns, y)
        y += np.einsum("ik,jl,klc->ijc", np.linalg.pinv(rows), np.linalg.pinv(columns), residual)
    return np.clip(2 * y - 1, -1, 1)


@FACTORS
@pytest.mark.parametrize(("rule", "chosen", "project"), MODULES)
def test_exemplars_equal_their_twin(rng, rule, chosen, project, factors):
    module = Exemplars(factors=factors, rule=rule, atoms=20, features=7, rank=5, chosen=chosen, project=project)
    x = rng.uniform(0.3, 0.7, size=(2, 6, 7, 3)).astype(np.float32)
    variables = init(module, x)
    arrays = {name: np.asarray(leaf, np.float64) for name, leaf in variables["params"].items()}
    arrays["atoms"] = _unit(arrays["atoms"])
    arrays["basis"] *= 1.0 if rule == "anchored" else 0.1  # or the answers of random atoms would be clipped
    for name in ("atoms", "basis"):
        variables["params"][name] = jnp.asarray(arrays[name], jnp.float32)
    twin = {"anchored": _anchored, "neighbours": _neighbours, "sparse": _sparse}[rule]
    expected = np.stack([_twin(each.astype(np.float64), arrays, module, twin) for each in x])
    assert np.abs(expected).max() < 1, "no value is clipped"
    bicubic = 2 * resize.resize(x, *(module.scale * n for n in x.shape[1:3])) - 1
    assert np.abs(expected - bicubic).mean() > 0.01, "exemplars matter"
    y = jax.jit(module.apply)(variables, x)
    np.testing.assert_allclose(np.asarray(y), expected, atol=1e-4)


def test_positions_beyond_a_batch_are_answered_too(rng):
    """The positions of both batches have different pictures; without a look at how lax.map cuts them."""
    module = Exemplars(rule="sparse", atoms=9, features=3, rank=2, chosen=1)
    side = int(BATCH**0.5) + 6
    x = rng.uniform(size=(1, side, side, 3)).astype(np.float32)
    variables = init(module, x)
    corner = x[:, -20:, -20:]
    whole, part = (np.asarray(module.apply(variables, part)) for part in (x, corner))
    np.testing.assert_allclose(whole[:, -40:, -40:], part[:, -40:, -40:], atol=1e-5)


@pytest.mark.parametrize("sign", [1, -1])
def test_sparse_with_orthonormal_atoms_and_as_many_rounds_reproduces_the_feature(rng, sign):
    atoms = jnp.asarray(np.linalg.qr(rng.normal(size=(12, 12)))[0], jnp.float32)
    feature = jnp.asarray(sign * rng.normal(size=12), jnp.float32)
    answer = RULES["sparse"](feature, atoms, atoms, chosen=12)
    np.testing.assert_allclose(answer, feature, atol=1e-5)


def test_sparse_survives_an_atom_that_comes_twice():
    """The rest is zero after the first round, and every atom is as good as any."""
    atoms = jnp.eye(4)
    np.testing.assert_allclose(RULES["sparse"](2 * atoms[0], atoms, atoms, chosen=4), 2 * atoms[0], atol=1e-6)


@pytest.mark.parametrize("length", [1e-3, -1.0, 5.0])
def test_neighbours_of_an_atom_return_its_own_answer(rng, length):
    """Of any length and either sign: its ridge is all that keeps the others in."""
    atoms = jnp.asarray(_unit(rng.normal(size=(50, 8))), jnp.float32)
    answers = jnp.asarray(rng.normal(size=(50, 6)), jnp.float32)
    answer = RULES["neighbours"](length * atoms[7], atoms, answers, chosen=5)
    np.testing.assert_allclose(answer, length * answers[7], atol=0.06 * abs(length))


@pytest.mark.parametrize("rule", list(RULES))
def test_rules_are_homogeneous(rng, rule):
    """Twice the contrast has twice the detail, and a negative picture the negative detail."""
    atoms = jnp.asarray(_unit(rng.normal(size=(30, 8))), jnp.float32)
    answers = jnp.asarray(rng.normal(size=(30, 8, 5) if rule == "anchored" else (30, 5)), jnp.float32)
    apply = functools.partial(RULES[rule], atoms=atoms, answers=answers, chosen=1 if rule == "anchored" else 3)
    feature = jnp.asarray(rng.normal(size=8), jnp.float32)
    for factor in (-1.0, 2.0, 0.01):
        np.testing.assert_allclose(apply(factor * feature), factor * apply(feature), rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(apply(0 * feature), 0, atol=1e-6)


def test_anchored_with_one_anchor_is_linear(rng):
    module = Exemplars(atoms=1, features=6, rank=5)
    a, b = rng.uniform(0.4, 0.6, size=(2, 1, 9, 8, 3)).astype(np.float32)
    variables = init(module, a)
    y, y_a, y_b = (np.asarray(module.apply(variables, x)) for x in (0.25 * a + 0.75 * b, a, b))
    assert max(np.abs(y_a).max(), np.abs(y_b).max()) < 1
    np.testing.assert_allclose(y, 0.25 * y_a + 0.75 * y_b, atol=1e-5)


@RELEASED
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_released_files_are_small_and_say_nothing_of_paths(name, scale):
    model = _load(name, scale)
    assert (weights_file.PRETRAINED / f"{name}_x{scale}.safetensors").stat().st_size < 1.5e6
    assert model.scale == scale and "/" not in str(model.metadata)
    atoms = model.variables["params"]["atoms"]
    np.testing.assert_allclose(np.linalg.norm(atoms, axis=1), 1, atol=1e-3)


@RELEASED
@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_constant_pictures_stay_constant(name, level):
    model = _load(name)
    y = model.module.apply(model.variables, np.full((1, 9, 7, 3), level, np.float32))
    np.testing.assert_allclose(np.asarray(y), 2 * level - 1, atol=5e-4)


@RELEASED
def test_grey_stays_grey(rng, name):
    model = _load(name)
    grey = rng.uniform(size=(1, 12, 14, 1)).astype(np.float32)
    y = np.asarray(model.module.apply(model.variables, np.repeat(grey, 3, axis=-1)))
    np.testing.assert_allclose(y, y[..., :1].repeat(3, axis=-1), atol=1e-6)


@pytest.mark.slow
@RELEASED
def test_tiles_equal_the_whole_at_the_halo(jsr_data, name):
    """Exactly without the projection; with it, by one grey level in fewer than one value in ten thousand."""
    model = _load(name)
    for pair in pairs.find(jsr_data / "eval" / "Set5" / "x4", scale=4)[::2]:
        lr, _ = pairs.read(pair, scale=4)
        whole = tiles.upscale(model, lr).astype(int)
        difference = np.abs(tiles.upscale(model, lr, tile=40) - whole)
        if name != "aplus":
            assert difference.max() <= 1 and (difference > 0).mean() < 1e-4
        else:
            assert difference.max() == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("folder", "name", "least"),
    [
        ("Set5", "ne", 29.85),
        ("Set5", "sparse", 29.75),
        ("Set5", "aplus", 30.20),
        ("Set14", "ne", 27.05),
        ("Set14", "sparse", 27.00),
        ("Set14", "aplus", 27.30),
    ],
)
def test_released_exemplars_are_as_good_as_published(jsr_data, folder, name, least):
    """Of A+, Timofte et al. 2014 have 30.28 and 27.32 dB."""
    model = _load(name)
    read = [pairs.read(pair, scale=4) for pair in pairs.find(jsr_data / "eval" / folder / "x4", scale=4)]
    assert np.mean([fidelity.psnr(hr, tiles.upscale(model, lr)) for lr, hr in read]) > least
