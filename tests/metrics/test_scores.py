"""Tests ../../jsr/metrics/scores.py."""

import json
import math
from pathlib import Path

import pytest

from jsr.metrics import scores
from jsr.metrics.scores import Result, Score

A = Score("a", psnr=30.0, ssim=0.9, ssim_daala=0.91, niqe=4.0)
B = Score("b", psnr=32.0, ssim=0.8, ssim_daala=0.83, niqe=5.0)


def test_mean_is_over_decibels():
    mean = scores.mean([A, B])
    assert mean.name == "mean of 2" and mean.grid is None and mean.lpips is None
    assert mean[1:5] == pytest.approx((31.0, 0.85, 0.87, 4.5))


@pytest.mark.parametrize("name", ["grid", "lpips"])
def test_mean_includes_what_was_measured_on_demand(name):
    mean = scores.mean([A._replace(**{name: 0.1}), B._replace(**{name: 0.3})])
    assert getattr(mean, name) == pytest.approx(0.2)


def test_as_text_has_a_value_for_each_name_of_the_heading():
    assert scores.heading(A) == "PSNR dB / SSIM Wang / SSIM daala / NIQE"
    assert scores.heading(A._replace(lpips=0.3, grid=0.25)).endswith(" / NIQE / LPIPS / grid")
    assert scores.as_text(A._replace(lpips=0.3, grid=0.25)).endswith(" / 4.00 / 0.300 / 0.250")
    assert scores.as_text(A._replace(niqe=math.nan)) == "30.000 / 0.9000 / 0.9100 / -"


def test_json_has_neither_nan_nor_infinity():
    """Strict readers refuse both words."""
    score = Score("a", psnr=math.inf, ssim=1.0, ssim_daala=1.0)
    result = Result("nearest", "flat", Path("sets/flat"), 4, [score], score)

    def refuse(word):
        raise AssertionError(word)

    document = json.loads(json.dumps(scores.result_as_json(result)), parse_constant=refuse)
    assert document["mean"] == {"psnr": None, "ssim": 1.0, "ssim_daala": 1.0, "niqe": None}
    assert document["images"][0]["name"] == "a" and document["scale"] == 4


def test_table_aligns_its_columns():
    table = scores.table([["", "x"], ["long", "1.25"], ["b", "3"]])
    assert table.splitlines() == ["         x", "long  1.25", "b        3"]
