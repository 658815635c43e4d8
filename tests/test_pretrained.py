"""Tests the weights in ../jsr/pretrained by the benchmark pictures that they upscale."""

import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from jsr.data.sets import pairs
from jsr.files import checksums
from jsr.metrics import fidelity, grid, lpips, lpips_model, niqe, niqe_model
from jsr.ops import pixels
from jsr.upscaling import tiles
from jsr.weights import file as weights_file
from jsr.weights import zoo

CORNERS = tuple(zoo.CORNERS.values())
EXEMPLARS = ("ne", "sparse", "aplus")
LARGEST = (  # bytes
    dict.fromkeys(CORNERS, 3.2e6)
    | dict.fromkeys(EXEMPLARS, 1.5e6)
    | {"srresnet": 6.3e6, "espcn": 3e5, "srcnn": 3e5}
    | dict.fromkeys(("light", "light-photo"), 1.4e6)
)


@pytest.fixture(scope="module")
def upscaled(jsr_data):
    """Originals and upscaled pictures, `(set, model) -> [(hr, sr), ...]`, computed once."""
    results = {}

    def upscale(name, model):
        if (name, model) not in results:
            ready = zoo.ready(model)
            read = [pairs.read(pair, scale=4) for pair in pairs.find(jsr_data / "eval" / name / "x4", scale=4)]
            results[name, model] = [(hr, tiles.upscale(ready, lr)) for lr, hr in read]
        return results[name, model]

    return upscale


def _psnr(results):
    return np.mean([fidelity.psnr(hr, sr) for hr, sr in results])


def test_pretrained_files_are_listed_small_and_have_a_card():
    lines = (weights_file.PRETRAINED / checksums.NAME).read_text().splitlines()
    listed = {name: digest for digest, name in (line.split("  ") for line in lines)}
    assert set(listed) == {path.name for path in weights_file.PRETRAINED.glob("*.safetensors")}
    for name, digest in listed.items():
        assert checksums.sha256(weights_file.PRETRAINED / name) == digest
        stem = re.sub("_x[23]$", "_x4", Path(name).stem)  # one card for all scales
        assert (weights_file.PRETRAINED / f"{stem}.md").is_file(), name
    for name, limit in LARGEST.items():
        assert (weights_file.PRETRAINED / f"{name}_x4.safetensors").stat().st_size < limit


@pytest.mark.parametrize("name", zoo.BUNDLED)
def test_weights_metadata_holds_no_path(name):
    assert "/" not in str(zoo.load(name).metadata)


@pytest.mark.parametrize("name", EXEMPLARS)
@pytest.mark.parametrize("scale", [2, 3])
def test_exemplars_have_other_scales(name, scale):
    path = weights_file.PRETRAINED / f"{name}_x{scale}.safetensors"
    model = zoo.load(name, scale=scale)
    assert model.scale == scale and path.stat().st_size < LARGEST[name]
    assert weights_file.read(path).module == model.module  # its tensors are those of its network


@pytest.mark.slow
def test_srresnet_is_as_good_as_its_card_says(upscaled):
    """Above the best SRGAN generator whose weights lie in a public repository: 30.66 dB on Set5, 27.69 on Set14."""
    assert _psnr(upscaled("Set5", "srresnet")) > 30.7
    assert _psnr(upscaled("Set14", "srresnet")) > 27.6


@pytest.mark.slow
def test_baselines_are_better_than_bicubic_and_worse_than_srresnet(upscaled):
    scores = [_psnr(upscaled("Set5", name)) for name in ("bicubic", "espcn", "srcnn", "light", "srresnet")]
    assert scores == sorted(scores) and scores[1] > scores[0] + 1


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Set5", "Set14"])
def test_srgan_is_natural_and_not_far_from_srresnet(upscaled, name):
    model = niqe_model.load()
    sharp, soft = upscaled(name, "srgan"), upscaled(name, "srresnet")
    assert _psnr(sharp) > _psnr(soft) - 2.3
    original, gan, resnet = (
        np.mean([niqe.distance(image, model) for image in images])
        for images in ([hr for hr, _ in sharp], [sr for _, sr in sharp], [sr for _, sr in soft])
    )
    assert abs(gan - original) < abs(resnet - original) - 0.8


@pytest.mark.slow
@pytest.mark.parametrize("name, limit", [("Set5", 0.120), ("Set14", 0.200)])
def test_srgan_looks_like_the_originals(upscaled, name, limit):
    """By LPIPS, where bicubic has 0.34 and 0.44, and srresnet 0.17 and 0.29."""
    reference = lpips_model.load()
    if reference is None:
        pytest.skip(f"the cache has no LPIPS: {lpips_model.COMMAND}")
    assert np.mean([lpips.distance(hr, sr, reference) for hr, sr in upscaled(name, "srgan")]) < limit


def _noisy(picture):
    noise = np.random.default_rng(0).normal(0, 8, picture.shape)
    return np.clip(picture + noise, 0, 255).round().astype(np.uint8)


def _jpeg(picture):
    stored = io.BytesIO()
    Image.fromarray(picture).save(stored, "JPEG", quality=50)
    return np.asarray(Image.open(stored))


@pytest.fixture(scope="module")
def gain(jsr_data):
    """How much better than bicubic a model is on damaged pictures of Set5, `(model, damage) -> dB`."""
    read = [pairs.read(pair, scale=4) for pair in pairs.find(jsr_data / "eval" / "Set5" / "x4", scale=4)]

    def compute(model, damage):
        ours, bicubic = (
            _psnr([(hr, tiles.upscale(zoo.ready(name), damage(lr))) for lr, hr in read]) for name in (model, "bicubic")
        )
        return ours - bicubic

    return compute


@pytest.mark.slow
@pytest.mark.parametrize("damage", [_jpeg, _noisy])
@pytest.mark.parametrize("name", ["srresnet", "light"])
def test_photo_weights_remove_blocks_and_noise(gain, name, damage):
    """The weights for clean pictures sharpen both, and are worse than bicubic or not much better."""
    assert gain(f"{name}-photo", damage) > max(0.8, gain(name, damage) + 0.5)


@pytest.mark.slow
@pytest.mark.parametrize("damage", [_jpeg, _noisy, np.asarray])
def test_the_default_is_better_than_bicubic_whatever_happened_to_a_picture(gain, damage):
    assert gain(zoo.DEFAULT, damage) > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", [*CORNERS, zoo.DEFAULT, "light", "light-photo"])
def test_upscaled_pictures_keep_their_colours(upscaled, name):
    """The mean colour of every picture is that of bicubic within a fraction of a grey level."""
    for (_, sr), (_, bicubic) in zip(upscaled("Set14", name), upscaled("Set14", "bicubic"), strict=True):
        np.testing.assert_allclose(sr.mean(axis=(0, 1)), bicubic.mean(axis=(0, 1)), atol=0.4)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["srgan", "srgan-photo"])
def test_srgan_makes_no_dots(upscaled, name):
    """A dot is brighter by 64 levels than all pixels two pixels away; originals have a few, results no more."""

    def dots(image):
        luma = pixels.luma(image)
        ring = np.ones((5, 5), bool)
        ring[1:4, 1:4] = False
        return int((luma > 64 + ndimage.maximum_filter(luma, footprint=ring)).sum())

    pictures = upscaled("Set14", name)
    assert sum(dots(sr) for _, sr in pictures) <= sum(dots(hr) for hr, _ in pictures) + 5


@pytest.mark.slow
@pytest.mark.parametrize("name, limit", [(name, 0.15) for name in CORNERS])
def test_upscaled_pictures_show_no_checkerboard(upscaled, name, limit):
    """Sub-pixels differ by less than can be seen, in grey levels."""
    grids = [grid.strength(sr, scale=4) for _, sr in upscaled("Set5", name)]
    assert np.mean(grids) < limit
