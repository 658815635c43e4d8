"""Tests ../../jsr/video/codecs.py."""

import pytest

from jsr.errors import VideoError
from jsr.video.codecs import CODECS, check_quality, choose
from jsr.video.containers import WRITTEN


@pytest.mark.parametrize(
    "suffix, bits, size, expected",
    [
        (".mp4", 8, (720, 1280), "x264"),
        (".mp4", 8, (4096, 2304), "x264"),  # portrait
        (".mp4", 10, (720, 1280), "x265"),
        (".mkv", 8, (4320, 7680), "x265"),
        (".webm", 8, (720, 1280), "vp9"),
        (".webm", 10, (720, 1280), "av1"),
        (".mkv", 8, (8640, 15360), "ffv1"),
    ],
)
def test_choose_takes_the_first_codec_that_holds_the_result(suffix, bits, size, expected):
    codec, note = choose(None, WRITTEN[suffix], bits=bits, height=size[0], width=size[1])
    assert codec.name == expected
    assert (note is None) == (expected == WRITTEN[suffix].codecs[0])


def test_choose_refuses_what_a_codec_does_not_hold():
    with pytest.raises(VideoError, match="62x64 is narrower than the 64 pixels of H.265"):
        choose("x265", WRITTEN[".mkv"], bits=8, height=64, width=62)
    options = {"bits": 8, "height": 4320, "width": 7680}
    with pytest.raises(
        VideoError, match="7680x4320 is beyond the 4096x2304 of H.264; --codec x265 or av1 or vp9 or ffv1"
    ):
        choose("x264", WRITTEN[".mp4"], **options)
    with pytest.raises(
        VideoError, match="VP9 is written with 8 bits, and the video has 10; --codec x265 or av1 or ffv1"
    ):
        choose("vp9", WRITTEN[".webm"], **options | {"bits": 10})
    with pytest.raises(VideoError, match="WebM is not written with x264, only with vp9, av1"):
        choose("x264", WRITTEN[".webm"], **options)
    with pytest.raises(VideoError, match="16384x16384 is beyond .* of H.264; --codec ffv1 in a .mkv holds it"):
        choose(None, WRITTEN[".mov"], **options | {"height": 16384, "width": 16384})


@pytest.mark.parametrize(
    "name, quality, is_lossless, message",
    [
        ("x264", 52, False, "--quality: expected a CRF of 1 to 51 for H.264, got 52"),
        ("ffv1", 20, False, "--quality: FFV1 is lossless"),
        ("x265", None, True, "--lossless: H.265 loses detail; --codec ffv1"),
    ],
)
def test_quality_that_a_codec_does_not_have_is_refused(name, quality, is_lossless, message):
    with pytest.raises(VideoError, match=message):
        check_quality(CODECS[name], quality, is_lossless)
    check_quality(CODECS["ffv1"], None, True)
    check_quality(CODECS["av1"], 63, False)
