"""Tests ../../jsr/metrics/fidelity.py."""

import importlib.util
import math

import numpy as np
import pytest
from PIL import Image

from jsr.metrics import fidelity


def _pair(rng, *, height=53, width=47, noise=12):
    """Two pictures with structure and a difference; noise alone would hide a wrong window."""
    y, x = np.mgrid[:height, :width]
    waves = 128 + 80 * np.sin(x / 3)[..., None] * np.cos(y / 5)[..., None] * [1, 0.5, -0.7]
    both = [waves + rng.normal(0, noise, waves.shape) for _ in range(2)]
    return [np.clip(np.round(z), 0, 255).astype(np.uint8) for z in both]


def _skimage_luma(image, shave):
    color = pytest.importorskip("skimage.color")
    return color.rgb2ycbcr(image)[shave : image.shape[0] - shave, shave : image.shape[1] - shave, 0]


@pytest.mark.parametrize("shave", [0, 2, 4])
@pytest.mark.parametrize("noise", [1, 12, 60])
def test_agrees_with_scikit_image(rng, shave, noise):
    reference = pytest.importorskip("skimage.metrics")
    a, b = _pair(rng, noise=noise)
    x, y = _skimage_luma(a, shave), _skimage_luma(b, shave)
    psnr = reference.peak_signal_noise_ratio(x, y, data_range=255)
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    ssim = reference.structural_similarity(x, y, data_range=255, **options)
    assert fidelity.psnr(a, b, shave=shave) == pytest.approx(psnr, abs=1e-6)
    assert fidelity.ssim(a, b, shave=shave) == pytest.approx(ssim, abs=1e-8)


@pytest.mark.parametrize("shave", [0, 3])
def test_rgb_agrees_with_scikit_image(rng, shave):
    """PSNR of the error over all colours, and SSIM as the mean of three; neither equals that of luma."""
    reference = pytest.importorskip("skimage.metrics")
    a, b = _pair(rng)
    x, y = (z[shave : z.shape[0] - shave, shave : z.shape[1] - shave] for z in (a, b))
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "channel_axis": -1}
    psnr = reference.peak_signal_noise_ratio(x, y, data_range=255)
    ssim = reference.structural_similarity(x, y, data_range=255, **options)
    assert fidelity.psnr(a, b, shave=shave, channel="rgb") == pytest.approx(psnr, abs=1e-6)
    assert fidelity.ssim(a, b, shave=shave, channel="rgb") == pytest.approx(ssim, abs=1e-8)
    assert fidelity.psnr(a, b, shave=shave) != pytest.approx(psnr, abs=0.1)


def test_agrees_with_the_independent_scorer(jsr_data):
    """The scorer beside the research pictures shares no code with us."""
    path = jsr_data.parent / "tools" / "score.py"
    if not path.is_file():
        pytest.skip(f"no scorer at {path}")
    spec = importlib.util.spec_from_file_location("score", path)
    assert spec and spec.loader
    score = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(score)
    pictures = sorted((jsr_data / "eval" / "Set5" / "x4" / "hr").iterdir())
    assert pictures
    for hr_path in pictures:
        hr = Image.open(hr_path).convert("RGB")
        lr = Image.open(hr_path.parents[1] / "lr" / hr_path.name).convert("RGB")
        sr = np.asarray(lr.resize(hr.size, Image.Resampling.BICUBIC))
        x = score.luma(hr_path)[4:-4, 4:-4]
        # The scorer opens files; only its luma needs one, so the formula it states serves for the
        # array.
        y = (16 + (sr.astype(np.float64) @ [65.481, 128.553, 24.966]) / 255)[4:-4, 4:-4]
        assert fidelity.psnr(np.asarray(hr), sr) == pytest.approx(score.psnr(x, y), abs=1e-3)
        assert fidelity.ssim(np.asarray(hr), sr) == pytest.approx(score.ssim(x, y), abs=1e-4)


def test_equal_pictures_are_perfect(rng):
    a, _ = _pair(rng)
    assert fidelity.psnr(a, a) == math.inf
    assert fidelity.ssim(a, a) == pytest.approx(1, abs=1e-12)


def test_symmetric(rng):
    a, b = _pair(rng)
    assert fidelity.psnr(a, b) == fidelity.psnr(b, a)
    assert fidelity.ssim(a, b) == pytest.approx(fidelity.ssim(b, a), abs=1e-12)


def test_a_grey_step_of_one_has_a_known_psnr():
    """A grey level is 219/255 of a luma level in studio range: the MSE is (219/255)^2."""
    a = np.full((16, 16, 3), 100, np.uint8)
    expected = 20 * math.log10(255 / (219 / 255))
    assert fidelity.psnr(a, a + 1) == pytest.approx(expected, abs=1e-6)


def test_the_shaved_border_does_not_count(rng):
    """What is cut away cannot change the result: the border is overwritten, both metrics stay."""
    a, b = _pair(rng)
    spoilt = b.copy()
    spoilt[:4], spoilt[-4:], spoilt[:, :4], spoilt[:, -4:] = 0, 255, 0, 255
    assert fidelity.psnr(a, spoilt) == fidelity.psnr(a, b)
    assert fidelity.ssim(a, spoilt) == fidelity.ssim(a, b)
    assert fidelity.psnr(a, spoilt, shave=3) != fidelity.psnr(a, b, shave=3)


@pytest.mark.parametrize("metric", [fidelity.psnr, fidelity.ssim, fidelity.ssim_daala])
def test_refuses_what_cannot_be_compared(metric):
    a = np.zeros((32, 32, 3), np.uint8)
    with pytest.raises(ValueError, match=r"one size, got \(32, 32, 3\) and \(32, 31, 3\)"):
        metric(a, a[:, :31])
    with pytest.raises(ValueError, match="expected a uint8 picture"):
        metric(a / 255, a / 255)
    with pytest.raises(ValueError, match="expected a uint8 picture"):
        metric(a[..., 0], a[..., 0])
    with pytest.raises(ValueError, match="shave: expected 0 or more"):
        metric(a, a, shave=-1)
    with pytest.raises(ValueError, match="pixels on each side"):
        metric(a[:8], a[:8])


@pytest.mark.parametrize("size", [(300, 40), (40, 300)])
def test_daala_counts_what_of_a_window_lies_within(rng, size):
    """The definition of tools/dump_ssim.c, position by position: kernel by the height, borders by their weight."""
    a, b = _pair(rng, height=size[0], width=size[1])
    x, y = (np.round(_skimage_luma(z, 4)) for z in (a, b))
    height, width = x.shape
    sigma = height * 1.5 / 256
    reach = int(sigma * math.sqrt(-2 * math.log(math.sqrt(math.pi / 2) * sigma / 256)))
    offsets = np.arange(-reach, reach + 1)
    density = np.exp(-(offsets**2) / (2 * sigma**2)) / (math.sqrt(2 * math.pi) * sigma)
    kernel = np.floor(256 * density + 0.5)
    kernel[reach] = 256 - (kernel.sum() - kernel[reach])
    total = counted = 0
    for i in range(height):
        for j in range(width):
            ys = np.clip([i - reach, i + reach + 1], 0, height)
            xs = np.clip([j - reach, j + reach + 1], 0, width)
            w = np.outer(kernel[slice(*ys - i + reach)], kernel[slice(*xs - j + reach)])
            p, q = (z[slice(*ys), slice(*xs)] for z in (x, y))
            weight = w.sum()
            mean_p, mean_q = (w * p).sum() / weight, (w * q).sum() / weight
            var = (w * (p - mean_p) ** 2).sum() + (w * (q - mean_q) ** 2).sum()
            covariance = (w * (p - mean_p) * (q - mean_q)).sum() / weight
            c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
            numerator = (2 * mean_p * mean_q + c1) * (2 * covariance + c2)
            total += weight * numerator / ((mean_p**2 + mean_q**2 + c1) * (var / weight + c2))
            counted += weight
    assert fidelity.ssim_daala(a, b) == pytest.approx(total / counted, abs=1e-9)


def test_ssim_needs_one_whole_window():
    a = np.zeros((19, 19, 3), np.uint8)
    assert fidelity.ssim(a, a) == pytest.approx(1)
    with pytest.raises(ValueError, match="at least 19 pixels on each side, 11 after shaving 4"):
        fidelity.ssim(a[:18], a[:18])
