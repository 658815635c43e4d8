"""Tests ../../../jsr/data/sets/matching.py."""

from pathlib import PurePath

import pytest

from jsr.data.sets import matching
from jsr.errors import DataError


def _match(originals, candidates, *, scale=4):
    found = matching.match([*map(PurePath, originals)], [*map(PurePath, candidates)], scale=scale)
    return [[path.as_posix() for path in paths] for paths in found]


@pytest.mark.parametrize(
    "original, candidate",
    [
        ("baby.png", "baby.jpg"),
        ("baby.png", "baby_x4.png"),  # jsr
        ("baby.png", "baby_out.png"),  # Real-ESRGAN
        ("0801.png", "0801x4.png"),  # DIV2K
        ("0801.png", "0801x4m.png"),  # DIV2K, mild
        ("baby.png", "baby_bicLRx4.png"),  # RCAN
        ("baby_HR_x4.png", "baby_LRBI_x4.png"),  # RNAN
        ("baby_HR_x4.png", "baby_RNAN_x4.png"),
        ("img_001_SRF_4_HR.png", "img_001_SRF_4_LR.png"),  # SelfExSR
        ("img_001_SRF_4_HR.png", "img_001_SRF_4_SRCNN.png"),
        ("img_001_SRF_4_HR.png", "img_001.png"),
        ("img_001_SRF_4_HR.png", "img_001_SRF_4_HR_x4.png"),
        ("Nikon_001_HR.png", "Nikon_001_LR4.png"),  # RealSR
        ("baby_GT.png", "baby_ESRGAN.png"),  # BasicSR
        ("photo.v1.png", "photo.v1_upscayl_4x_realesrgan-x4plus.png"),  # upscayl
        ("baby.png", "baby(noise_scale)(Level1)(x4.000).png"),  # waifu2x-caffe
        ("baby.png", "baby@4x.png"),
        ("baby.png", "baby_waifu2x.png"),
        ("_HR.png", "_HR_x4.png"),  # a name of nothing else
        ("city/baby.png", "city/baby_x4.png"),
    ],
)
def test_names_of_programs_belong_to_the_original(original, candidate):
    assert _match([original], [candidate]) == [[candidate]]


@pytest.mark.parametrize(
    "original, candidate",
    [
        ("bird.png", "bird_2.png"),  # another picture
        ("bird.png", "bird_b.png"),
        ("bird.png", "birds.png"),
        ("bird.png", "bird2.png"),
        ("1.png", "10.png"),
        ("bird.png", "a_bird.png"),
        ("bird.png", "Bird_x4.png"),
        ("city/baby.png", "forest/baby.png"),
        ("city/baby.png", "baby.png"),
        ("0801.png", "0801x2.png"),  # other scales
        ("0801.png", "0801_2x.png"),
        ("0801.png", "0801_bicLRx2.png"),
        ("0801.png", "0801_LRBI_x3.png"),
        ("img_001_SRF_4_HR.png", "img_001_SRF_2_LR.png"),
        ("Nikon_001_HR.png", "Nikon_001_LR2.png"),
    ],
)
def test_other_names_do_not(original, candidate):
    assert _match([original], [candidate]) == [[]]


def test_the_scale_is_that_which_is_asked_for():
    names = ["0801x2.png", "0801x3.png", "0801x4.png"]
    for scale, name in zip((2, 3, 4), names, strict=True):
        assert _match(["0801.png"], names, scale=scale) == [[name]]


def test_the_longest_original_counts():
    """Otherwise, the result of img_bridge would be scored against img."""
    originals = ["img.png", "img_bridge.png", "img_bridge_x4.png"]
    assert _match(originals[:2], ["img_bridge_x4.png", "img_x4.png"]) == [["img_x4.png"], ["img_bridge_x4.png"]]
    assert _match(originals, ["img_bridge_x4.png"]) == [[], [], ["img_bridge_x4.png"]]


def test_all_candidates_are_found_in_their_order():
    names = ["baby_out.png", "baby.png", "baby_x4.png"]
    assert _match(["baby.png"], names) == [names]


def test_originals_of_one_name_are_refused():
    with pytest.raises(DataError, match="^baby_HR.png: expected one original of the name baby, got baby.png too$"):
        _match(["baby.png", "baby_HR.png"], [])
