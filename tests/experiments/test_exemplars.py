"""Tests ../../experiments/exemplars.py."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy import ndimage

from experiments import exemplars
from experiments.exemplars import Method
from jsr.data import patches
from jsr.metrics import fidelity
from jsr.models import Interpolation, Model
from jsr.models.classical.exemplars import RULES, Exemplars
from jsr.ops import resize, subpixel
from jsr.upscaling import tiles
from jsr.weights import file as weights_file

SCALES = pytest.mark.parametrize("scale", [2, 3, 4])
SMALL = {
    "ne": Method("neighbours", atoms=128, chosen=5, project=True),
    "sparse": Method("sparse", atoms=128, chosen=3, project=True),
    "aplus": Method("anchored", atoms=32, chosen=1, project=False),
}


def _drawing(rng, side=192):
    """Triangles of random colours, four times oversampled: edges, of which a dictionary can learn."""
    picture = Image.new("RGB", (4 * side, 4 * side), "grey")
    for _ in range(40):
        corners = [tuple(corner) for corner in rng.integers(0, 4 * side, (3, 2)).tolist()]
        ImageDraw.Draw(picture).polygon(corners, tuple(rng.integers(0, 256, 3).tolist()))
    return picture.reduce(4)


@pytest.fixture
def drawings(tmp_path, rng, monkeypatch):
    """Twelve pictures in the folder that experiments train on, and one more."""
    (tmp_path / "train").mkdir()
    for i in range(12):
        _drawing(rng).save(tmp_path / "train" / f"{i}.png")
    monkeypatch.setenv("JSR_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return np.asarray(_drawing(rng))


@pytest.mark.parametrize("scale", [2, 4])
def test_feature_matrix_is_what_zeyde_defines(rng, scale):
    """Enlarge, filter by [-1 0 ... 0 1] and [1 0 ... -2 ... 0 1] / 2 each way, and cut out the patch, at even scales.

    Timofte's code has these filters too; at odd scales its first one lies half a pixel off the centre.
    """
    picture = rng.uniform(size=(24, 26)).astype(np.float32)
    enlarged = np.asarray(resize.resize(picture[..., None], 24 * scale, 26 * scale))[..., 0].astype(np.float64)
    gradient, curvature = np.zeros(scale + 1), np.zeros(2 * scale + 1)
    gradient[[0, -1]] = -1, 1
    curvature[[0, scale, -1]] = 0.5, -1, 0.5
    filtered = [ndimage.correlate1d(enlarged, kernel, axis) for kernel in (gradient, curvature) for axis in (1, 0)]
    y, x = 11, 12  # of the pixel in the middle of the window
    patch = np.s_[(y - 1) * scale : (y + 2) * scale, (x - 1) * scale : (x + 2) * scale]
    expected = np.concatenate([response[patch].ravel() for response in filtered]) / scale
    window = picture[y - 4 : y + 5, x - 4 : x + 5].ravel()
    np.testing.assert_allclose(exemplars.feature_matrix(scale) @ window, expected, atol=1e-6)


@SCALES
def test_feature_matrix_ignores_the_mean_and_is_symmetric(scale):
    matrix = exemplars.feature_matrix(scale)
    assert matrix.shape == (4 * (3 * scale) ** 2, 81)
    np.testing.assert_allclose(matrix.sum(axis=1), 0, atol=1e-6)
    energy = (matrix**2).sum(axis=0).reshape(9, 9)
    for turned in (energy[::-1], energy[:, ::-1], energy.T):
        np.testing.assert_allclose(turned, energy, atol=1e-6)


@SCALES
def test_overlap_kernel_takes_the_mean_of_patches(rng, scale):
    height, width, rank = 5, 6, 4
    basis = rng.normal(size=((3 * scale) ** 2, rank))
    coefficients = rng.normal(size=(height + 2, width + 2, rank))
    canvas = np.zeros(((height + 4) * scale, (width + 4) * scale))
    for y in range(height + 2):
        for x in range(width + 2):
            patch = (basis @ coefficients[y, x]).reshape(3 * scale, 3 * scale)
            canvas[scale * y : scale * (y + 3), scale * x : scale * (x + 3)] += patch / 9
    kernel = exemplars.overlap_kernel(basis, scale=scale)
    blocks = np.lib.stride_tricks.sliding_window_view(coefficients, (3, 3), axis=(0, 1))
    detail = subpixel.depth_to_space(np.einsum("hwrmn,mnrc->hwc", blocks, kernel)[None], scale)
    np.testing.assert_allclose(
        np.asarray(detail)[0, ..., 0], canvas[2 * scale : -2 * scale, 2 * scale : -2 * scale], atol=1e-5
    )


@SCALES
def test_samples_are_windows_and_what_bicubic_lacks(drawings, rng, scale, monkeypatch):
    """Features come from the kernel, are not flat, and details are what the enlargement is short of."""
    monkeypatch.setattr(exemplars, "PICTURES", 2)
    pictures = patches.load(exemplars.photographs(), size=exemplars.MINIMUM)
    assert len(pictures.validation) == 1, "held out"
    kernel, features, details = exemplars.sample(rng, pictures, scale=scale)
    assert features.shape == (len(details), len(kernel)) and details.shape[1] == (3 * scale) ** 2
    lengths = np.linalg.norm(features, axis=1)
    assert lengths.min() > 0.8 * exemplars.LEAST
    covariance = features.T @ features / len(features)
    off_diagonal = covariance - np.diag(np.diag(covariance))
    assert np.abs(off_diagonal).max() < 1e-3 * covariance.max(), "principal components are not correlated"
    assert np.abs(details.mean(axis=0)).max() < 0.01 and 0.01 < details.std() < 0.2


def test_basis_loses_least(rng):
    """A basis of full rank loses nothing, and a smaller one no more than any random one."""
    method = Method("sparse", atoms=8, chosen=2, project=False)
    atoms = np.linalg.qr(rng.normal(size=(8, 8)))[0].astype(np.float32)
    answers = (rng.normal(size=(8, 12)) * np.geomspace(1, 0.01, 8)[:, None]).astype(np.float32)
    features = rng.normal(size=(200, 8)).astype(np.float32)
    rule = functools.partial(RULES["sparse"], atoms=jnp.asarray(atoms), answers=jnp.asarray(answers), chosen=2)
    details = np.asarray(jax.vmap(rule)(features))

    def loss(basis):
        return np.square(details - details @ basis @ basis.T).sum()

    best = exemplars.basis(features, atoms, answers, method, rank=3)
    np.testing.assert_allclose(best.T @ best, np.eye(3), atol=1e-6)
    assert loss(exemplars.basis(features, atoms, answers, method, rank=12)) < 1e-6
    for _ in range(20):
        assert loss(best) < loss(np.linalg.qr(rng.normal(size=(12, 3)))[0])


@pytest.mark.slow
def test_experiment_learns_edges(drawings, tmp_path, monkeypatch):
    """All three are better than bicubic on a drawing that they have not seen, and the same each time."""
    monkeypatch.setattr(exemplars, "METHODS", SMALL)
    monkeypatch.setattr(exemplars, "CODED", 20_000)
    low = np.round(np.asarray(resize.downscale(drawings / np.float32(255), 2)) * 255).astype(np.uint8)
    bicubic = fidelity.psnr(drawings, tiles.upscale(Model(Interpolation(factors=(2,)), {}, {}), low))
    for folder in ("first", "second"):
        monkeypatch.setattr("sys.argv", ["exemplars", "--scale", "2", "--workdir", str(tmp_path / folder)])
        exemplars.main()
    for name, method in SMALL.items():
        path = tmp_path / "first" / f"{name}_x2.safetensors"
        assert path.read_bytes() == (tmp_path / "second" / path.name).read_bytes()
        model = weights_file.read(path)
        assert isinstance(model.module, Exemplars)
        assert (model.module.rule, model.scale, model.metadata["seed"]) == (method.rule, 2, exemplars.SEED)
        assert fidelity.psnr(drawings, tiles.upscale(model, low)) > bicubic + 1, name
