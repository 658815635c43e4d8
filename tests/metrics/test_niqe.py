"""Tests ../jsr/niqe.py and pristine.py."""

import math

import numpy as np
import pytest
import scipy.io
from PIL import Image, ImageFilter
from scipy import ndimage, stats

from jsr.errors import WeightsError
from jsr.metrics import niqe, niqe_model
from jsr.metrics.niqe import Pristine
from jsr.ops import pixels
from scripts import fit_niqe


def _texture(rng, height=200, width=300):
    """Detail at many scales, as photographs have it: a spectrum that falls with frequency."""
    y, x = (np.fft.fftfreq(n)[:, None] for n in (height, width))
    spectrum = rng.normal(size=(height, width)) / np.maximum(np.hypot(y, x.T), 0.01) ** 1.2
    plane = np.real(np.fft.ifft2(spectrum * np.exp(2j * np.pi * rng.random((height, width)))))
    plane = 128 + 40 * plane / plane.std()
    return np.clip(np.round(plane), 0, 255).astype(np.uint8)[..., None].repeat(3, axis=2)


def test_mscn_equals_a_filter_of_scipy(rng):
    """A 7x7 Gaussian of sigma 7/6, border repeated, as NIQE's authors filter."""
    luma = rng.uniform(16, 235, (40, 51))

    def blur(z):
        return ndimage.gaussian_filter(z, 7 / 6, mode="nearest", radius=3)

    deviation = np.sqrt(np.abs(blur(luma * luma) - blur(luma) ** 2))
    expected = (luma - blur(luma)) / (deviation + 1)
    values, spread = niqe.mscn(luma)
    np.testing.assert_allclose(values, expected, atol=1e-9)
    np.testing.assert_allclose(spread, deviation, atol=1e-6)


@pytest.mark.parametrize("shape", [0.5, 1, 2, 4])
@pytest.mark.parametrize("left, right", [(1, 1), (0.6, 1.7)])
def test_aggd_finds_what_was_drawn(shape, left, right):
    """Halves of generalised Gaussians of scipy, in the proportion that makes one density of them."""
    half = np.abs(stats.gennorm.rvs(shape, size=400_000, random_state=1))
    count = int(len(half) * left / (left + right))
    values = np.concatenate([-left * half[:count], right * half[count:]])
    assert niqe.aggd(values) == pytest.approx((shape, left, right), rel=0.05)


def test_aggd_of_nothing_is_finite():
    assert np.isfinite(niqe.aggd(np.zeros(9))).all()
    assert np.isfinite(niqe.aggd(np.ones(9))).all()


def test_features_are_those_of_a_block_alone(rng):
    """Away from the border, a block is described the same in any picture."""
    image = _texture(rng, 3 * 96, 3 * 96)
    blocks, sharpness = niqe.features(image, shave=0)
    assert blocks.shape == (9, 36) and sharpness.shape == (9,)
    luma = pixels.luma(image)
    middle = niqe.mscn(luma)[0][96:192, 96:192]
    assert blocks[4][:2] == pytest.approx([niqe.aggd(middle)[0], np.mean(niqe.aggd(middle)[1:])])
    across = niqe.aggd(middle * np.roll(middle, 1, axis=1))
    assert blocks[4][[2, 4, 5]] == pytest.approx(across)
    # The mean of an asymmetric generalised Gaussian, by its density (equation 7).
    a, left, right = across
    x = np.linspace(-40 * left, 40 * right, 400_001)
    density = np.exp(-((np.abs(x) / np.where(x < 0, left, right)) ** a))
    assert blocks[4][3] == pytest.approx((x * density).sum() / density.sum(), abs=2e-3)


def test_distance_is_that_of_two_gaussians(rng):
    """Equation 10, by a solver instead of an inverse."""
    image = _texture(rng, 700, 800)
    blocks, _ = niqe.features(image, shave=4)
    model = Pristine(rng.normal(size=36), np.diag(rng.uniform(1, 2, 36)))
    offset = blocks.mean(axis=0) - model.mean
    pooled = (np.cov(blocks.T) + model.covariance) / 2
    expected = math.sqrt(offset @ np.linalg.solve(pooled, offset))
    assert niqe.niqe(image, model) == pytest.approx(expected, rel=1e-9)


def test_order_of_photographs(jsr_data):
    """An original is more natural than itself reduced and enlarged, blurred, or with noise: on every set's mean."""
    model = niqe_model.load()
    scores = []
    noise = np.random.default_rng(0).normal(0, 20, (2000, 2000, 3))
    for path in sorted((jsr_data / "eval" / "Set14" / "x4" / "hr").iterdir()):
        image = Image.open(path).convert("RGB")
        small = image.resize((image.width // 4, image.height // 4), Image.Resampling.BICUBIC)
        noisy = np.asarray(image) + noise[: image.height, : image.width]
        worse = (
            small.resize(image.size, Image.Resampling.BICUBIC),
            image.filter(ImageFilter.GaussianBlur(2)),
            np.clip(noisy, 0, 255).astype(np.uint8),
        )
        scores.append([niqe.niqe(np.asarray(z), model) for z in (image, *worse)])
    original, *worse = np.mean(scores, axis=0)
    assert all(original + 1 < other for other in worse), (original, worse)


def test_fit_takes_the_sharp_blocks_only(rng):
    sharp = _texture(rng, 96 * 4, 96 * 4)
    blurred = np.asarray(Image.fromarray(sharp).filter(ImageFilter.GaussianBlur(3)))
    mixed = np.concatenate([sharp, blurred])
    alone, both = niqe.fit([sharp]), niqe.fit([mixed])
    np.testing.assert_allclose(both.mean, alone.mean, atol=0.05)


def test_small_pictures_have_none(rng):
    model = niqe_model.load()
    assert math.isnan(niqe.niqe(_texture(rng, 95, 300), model, shave=0))
    assert math.isnan(niqe.niqe(_texture(rng, 100, 100), model, shave=0))
    assert math.isfinite(niqe.niqe(_texture(rng, 96, 192), model, shave=0))
    with pytest.raises(ValueError, match="uint8"):
        niqe.niqe(np.zeros((200, 200, 3)), model)


def test_bundled_model_is_checked(tmp_path, monkeypatch):
    assert str(niqe_model.BUNDLED).endswith("niqe.safetensors")
    copy = tmp_path / "niqe.safetensors"
    copy.write_bytes(niqe_model.BUNDLED.read_bytes()[:-1] + b"x")
    monkeypatch.setattr(niqe_model, "BUNDLED", copy)
    with pytest.raises(WeightsError, match="expected the released file"):
        niqe_model.load()


def test_all_forms_of_a_model_are_read(tmp_path):
    model = niqe_model.load()
    niqe_model.save(tmp_path / "own.safetensors", model, {})
    official = {"mu_prisparam": model.mean[None], "cov_prisparam": model.covariance}
    scipy.io.savemat(tmp_path / "modelparameters.mat", official)
    copied = {"mu_pris_param": model.mean[None], "cov_pris_param": model.covariance}
    np.savez(tmp_path / "copy.npz", gaussian_window=np.ones((7, 7)), **copied)
    for name in ("own.safetensors", "modelparameters.mat", "copy.npz"):
        for got, expected in zip(niqe_model.load(tmp_path / name), model, strict=True):
            np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("name", ["a.safetensors", "a.mat", "a.npz", "a.txt"])
def test_other_files_are_refused_in_one_line(tmp_path, name):
    path = tmp_path / name
    with pytest.raises(WeightsError, match="No such file|expected"):
        niqe_model.load(path)
    path.write_bytes(b"nothing of the kind, but long enough to be looked at " * 9)
    with pytest.raises(WeightsError, match="expected .*got another file") as caught:
        niqe_model.load(path)
    assert "\n" not in str(caught.value)


def test_wrong_shapes_and_pickles_are_refused(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, mu_pris_param=np.zeros(18), cov_pris_param=np.zeros((18, 18)))
    with pytest.raises(WeightsError, match="expected 36 means"):
        niqe_model.load(path)
    np.savez(path, mu_pris_param=np.array([{}], object), cov_pris_param=np.zeros((36, 36)))
    with pytest.raises(WeightsError, match="expected"):
        niqe_model.load(path)


def test_script_fits_what_evaluate_reads(tmp_path, rng, capsys):
    for name in "ab":
        Image.fromarray(_texture(rng)).save(tmp_path / f"{name}.png")
    photos = [str(tmp_path / "a.png"), str(tmp_path / "b.png")]
    assert fit_niqe.main([*photos, "-o", str(tmp_path / "m.safetensors")]) == 0
    expected = niqe.fit(np.asarray(Image.open(path)) for path in photos)
    for got, value in zip(niqe_model.load(tmp_path / "m.safetensors"), expected, strict=True):
        np.testing.assert_array_equal(got, value)
    assert fit_niqe.main([str(tmp_path / "no.png")]) == 1
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.slow
def test_bundled_model_is_what_the_script_makes(jsr_data):
    photos = sorted((jsr_data / "train").glob("photo-*.jpg"))
    model = niqe.fit(np.asarray(Image.open(path).convert("RGB")) for path in photos)
    for got, value in zip(niqe_model.load(), model, strict=True):
        np.testing.assert_allclose(got, value, rtol=1e-3, atol=1e-5)
