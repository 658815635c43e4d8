"""Tests ../../jsr/metrics/protocol.py."""

import math
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jsr.errors import DataError
from jsr.metrics import fidelity, grid, lpips, niqe, niqe_model, protocol
from jsr.metrics.lpips import Reference
from jsr.metrics.protocol import Protocol
from jsr.metrics.scores import Result, Score
from jsr.models.judges.alexnet import AlexNet
from tests.metrics.textures import texture

PRISTINE = niqe_model.load()


def _perceptual():
    """LPIPS with random weights; its heads are all one."""
    variables = AlexNet().init(jax.random.key(0), jnp.zeros((1, 64, 64, 3)))
    return Reference(AlexNet(), variables, tuple(np.ones(n, np.float32) for n in (64, 192, 384, 256, 256)))


@pytest.fixture
def pair(rng):
    hr = texture(rng)
    return hr, np.clip(hr + rng.normal(0, 9, hr.shape), 0, 255).astype(np.uint8)


def test_the_border_is_the_scale_or_what_is_asked_for():
    assert [Protocol(PRISTINE).border(scale) for scale in (2, 3, 4)] == [2, 3, 4]
    assert [Protocol(PRISTINE, shave=shave).border(4) for shave in (0, 7)] == [0, 7]


def test_all_metrics_have_the_border_but_lpips_and_the_grid(pair):
    hr, sr = pair
    reference = _perceptual()
    score = Protocol(PRISTINE, reference, shave=3, has_grid=True).compare("a.png", hr, sr, scale=2)
    assert score == Score(
        "a.png",
        psnr=fidelity.psnr(hr, sr, shave=3),
        ssim=fidelity.ssim(hr, sr, shave=3),
        ssim_daala=fidelity.ssim_daala(hr, sr, shave=3),
        niqe=niqe.distance(sr, PRISTINE, shave=3),
        lpips=lpips.distance(hr, sr, reference),
        grid=grid.strength(sr, scale=2),
    )
    assert score != Protocol(PRISTINE, reference, has_grid=True).compare("a.png", hr, sr, scale=2)


def test_rgb_has_no_daala_and_the_same_niqe(pair):
    hr, sr = pair
    luma = Protocol(PRISTINE).compare("a.png", hr, sr, scale=4)
    colour = Protocol(PRISTINE, channel="rgb").compare("a.png", hr, sr, scale=4)
    assert colour.psnr == fidelity.psnr(hr, sr, channel="rgb") < luma.psnr
    assert colour.ssim == fidelity.ssim(hr, sr, channel="rgb")
    assert (colour.ssim_daala, colour.niqe) == (None, luma.niqe)


@pytest.mark.parametrize("channel", ["y", "rgb"])
def test_an_original_has_a_place_for_each_metric(pair, channel):
    """Rows of a table have equal numbers of values, and those that compare with an original are undefined here."""
    hr, sr = pair
    measured = Protocol(PRISTINE, _perceptual(), channel, has_grid=True)
    original, enlarged = measured.describe("a.png", hr, scale=4), measured.compare("a.png", hr, sr, scale=4)
    assert [value is None for value in original] == [value is None for value in enlarged]
    assert original.niqe == niqe.distance(hr, PRISTINE) and original.grid == grid.strength(hr, scale=4)
    others = (original.psnr, original.ssim, original.lpips)
    assert all(value is not None and math.isnan(value) for value in others)


def test_a_small_picture_is_refused():
    small = np.zeros((16, 16, 3), np.uint8)
    with pytest.raises(DataError, match="expected at least 19 pixels"):
        Protocol(PRISTINE).compare("a.png", small, small, scale=4)
    assert Protocol(PRISTINE, shave=0).compare("a.png", small, small, scale=4).ssim == 1


def test_caption_names_channel_border_and_lpips():
    assert Protocol(PRISTINE).caption([4, 4]) == "PSNR, SSIM and NIQE of Y (BT.601), 4 pixels shaved"
    assert Protocol(PRISTINE).caption([4, 2]).endswith(", 2 or 4 pixels shaved, as the scale")
    assert Protocol(PRISTINE, shave=0).caption([2, 4]).endswith(", 0 pixels shaved")
    colour = Protocol(PRISTINE, _perceptual(), "rgb").caption([3])
    assert colour == "PSNR and SSIM of RGB, NIQE of Y (BT.601), 3 pixels shaved; LPIPS of whole RGB pictures"


def test_undefined_counts_the_pictures_of_each_set():
    whole, small = Score("a", niqe=4.0, lpips=0.1), Score("b", niqe=math.nan, lpips=0.2)
    tiny = small._replace(lpips=math.nan)
    results = [
        Result("srgan", name, Path(name), 4, singles, whole)
        for name, singles in (("Set5", [whole, small]), ("Set14", [whole]), ("tiny", [tiny, tiny]))
    ]
    assert protocol.undefined(results) == [
        "NIQE: - where a picture has less than two blocks of 96x96 pixels: 1 of 2 in Set5, 2 of 2 in tiny",
        "LPIPS: - where a picture has less than 31 pixels a side: 2 of 2 in tiny",
    ]
    assert protocol.undefined([results[1]]) == []
    assert protocol.undefined([results[1]._replace(scores=[whole._replace(lpips=None)])]) == []  # not measured
