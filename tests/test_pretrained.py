"""Tests the weights in ../jsr/pretrained by the benchmark pictures that they upscale."""

import numpy as np
import pytest
from scipy import ndimage

from jsr.data import pairs
from jsr.files import checksums
from jsr.metrics import fidelity, grid, niqe, niqe_model
from jsr.ops import pixels
from jsr.upscaling import tiles
from jsr.weights import file as weights_file
from jsr.weights import zoo

LARGEST = {**dict.fromkeys(zoo.CORNERS.values(), 6.3e6), "espcn": 3e5, "srcnn": 3e5}  # bytes


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
        assert (weights_file.PRETRAINED / name).with_suffix(".md").is_file(), name
    for name, limit in LARGEST.items():
        assert (weights_file.PRETRAINED / f"{name}_x4.safetensors").stat().st_size < limit


@pytest.mark.parametrize("name", zoo.BUNDLED)
def test_weights_metadata_holds_no_path(name):
    assert "/" not in str(zoo.load(name).metadata)


@pytest.mark.slow
def test_srresnet_is_as_good_as_its_card_says(upscaled):
    """Above the best SRGAN generator whose weights lie in a public repository: 30.66 dB on Set5, 27.69 on Set14."""
    assert _psnr(upscaled("Set5", "srresnet")) > 30.7
    assert _psnr(upscaled("Set14", "srresnet")) > 27.6


@pytest.mark.slow
def test_baselines_are_better_than_bicubic_and_worse_than_srresnet(upscaled):
    scores = [_psnr(upscaled("Set5", name)) for name in ("bicubic", "srcnn", "espcn", "srresnet")]
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
    assert gan < resnet - 1 and abs(gan - original) < 0.5


@pytest.mark.slow
@pytest.mark.parametrize("name", ["srresnet", "srgan"])
def test_upscaled_pictures_keep_their_colours(upscaled, name):
    """The mean colour of every picture is that of bicubic's within one grey level."""
    for (_, sr), (_, bicubic) in zip(upscaled("Set14", name), upscaled("Set14", "bicubic"), strict=True):
        np.testing.assert_allclose(sr.mean(axis=(0, 1)), bicubic.mean(axis=(0, 1)), atol=1)


@pytest.mark.slow
def test_srgan_makes_no_dots(upscaled):
    """A dot is brighter by 64 levels than all pixels two pixels away; originals have a few, results no more."""

    def dots(image):
        luma = pixels.luma(image)
        ring = np.ones((5, 5), bool)
        ring[1:4, 1:4] = False
        return int((luma > 64 + ndimage.maximum_filter(luma, footprint=ring)).sum())

    pictures = upscaled("Set14", "srgan")
    assert sum(dots(sr) for _, sr in pictures) <= sum(dots(hr) for hr, _ in pictures) + 5


@pytest.mark.slow
@pytest.mark.parametrize("name, limit", [("srresnet", 0.15), ("srgan", 0.25)])
def test_upscaled_pictures_show_no_checkerboard(upscaled, name, limit):
    """Sub-pixels differ by less than can be seen, in grey levels."""
    grids = [grid.strength(sr, scale=4) for _, sr in upscaled("Set5", name)]
    assert np.mean(grids) < limit
