"""Tests ../../jsr/upscaling/video.py, by what ffmpeg finds in its results."""

import numpy as np
import pytest

from jsr.errors import VideoError
from jsr.models import Model
from jsr.models.classical.interpolation import Interpolation
from tests import clips

clips.av  # noqa: B018  # skips where there is none
from jsr.upscaling import video
from jsr.upscaling.video import Target
from jsr.video import encoding, segments

BICUBIC = Model(Interpolation(), {}, {})


def _twice(pixels):
    return pixels.repeat(2, axis=0).repeat(2, axis=1)


def _upscale(source, target, *, enlarge=_twice, scale=2, **settings):
    """Returns the summary, the frames that were reported, and those that an earlier run had finished."""
    reports, resumed = [], []
    wanted = Target(target, lambda height, width: (scale * height, scale * width), enlarge, {"model": "2"}, **settings)
    summary = video.upscale(
        source, wanted, max_pixels=10**6, report=lambda *counts: reports.append(counts), resumed=resumed.append
    )
    return summary, reports, resumed


VARIABLE = [0, 400, 500, 2000, 2001, 9000, 9400, 12000]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm", ".mov"])
@pytest.mark.parametrize("times", [None, VARIABLE], ids=["constant", "variable"])
def test_frames_times_and_sound_are_the_sources(tmp_path, suffix, times, monkeypatch):
    monkeypatch.setattr(segments, "LENGTH", 3)  # several, which are joined
    source, target = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    codec = "libvpx-vp9" if suffix == ".webm" else "libx264"
    clips.write(source, clips.smooth(len(VARIABLE)), times=times, codec=codec)
    summary, reports, resumed = _upscale(source, target)
    assert (summary.height, summary.width, resumed) == (64, 96, [])
    assert summary.contents.startswith("8 frames of 48x32 ") and reports[-1][0] == 8
    (_, before), sound = clips.packets(source)
    (_, after), copied = clips.packets(target)
    assert sorted(time for time, _ in after) == pytest.approx(sorted(time for time, _ in before), abs=1)
    assert copied == sound and len(sound[1]) > 10
    assert {*tmp_path.iterdir()} == {source, target}


@pytest.mark.parametrize("matrix", [1, 6])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("deep", [False, True])
def test_colours_are_within_two_levels(tmp_path, matrix, full, deep):
    """As ffmpeg shows the source and the result, in the middle of squares."""
    frames = clips.smooth(1).repeat(4, axis=0)
    source, target = tmp_path / "a.mkv", tmp_path / "b.mkv"
    pixels = "yuv420p10le" if deep else "yuv420p"
    stored = frames.astype(np.uint16) * 257 if deep else frames
    clips.write(source, stored, codec="ffv1", pixels=pixels, matrix=matrix, full=full, sound=False)
    summary, *_ = _upscale(source, target, crf=1)
    note = "written as H.265, because H.264 is written with 8 bits, and the video has 10"
    assert (note in summary.notes) == deep
    before = clips.shown(source, 32, 48, deep=deep)[:, 8::16, 8::16].astype(float)
    after = clips.shown(target, 64, 96, deep=deep)[:, 16::32, 16::32].astype(float)
    assert np.abs(after - before).max() / (257 if deep else 1) <= 2
    with clips.av.open(str(target)) as container:
        context = container.streams.video[0].codec_context
        assert context.pix_fmt.replace("yuvj", "yuv") == pixels
        assert (context.colorspace, context.color_range) == (matrix, 2 if full else 1)


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_results_are_upright_and_say_no_rotation(tmp_path, turn):
    clips.write(tmp_path / "a.mp4", clips.smooth(3), aspect=2)
    clips.ffmpeg("-display_rotation", turn, "-i", tmp_path / "a.mp4", "-c", "copy", tmp_path / "b.mp4")
    summary, *_ = _upscale(tmp_path / "b.mp4", tmp_path / "c.mp4")
    height, width = (32, 48) if turn % 180 == 0 else (48, 32)
    assert (summary.height, summary.width) == (2 * height, 2 * width)
    before, after = (
        clips.shown(tmp_path / "b.mp4", height, width),
        clips.shown(tmp_path / "c.mp4", 2 * height, 2 * width),
    )
    assert np.abs(after[:, ::2, ::2].astype(int) - before).mean() < 8
    with clips.av.open(str(tmp_path / "c.mp4")) as container:
        frame = next(container.decode(video=0))
        assert frame.rotation == 0
        assert container.streams.video[0].sample_aspect_ratio == (2 if turn % 180 == 0 else 1 / 2)


def test_odd_sizes_and_no_sound(tmp_path):
    """Sizes are rounded up to even ones, by repeating the last row or column."""
    clips.write(tmp_path / "a.mkv", clips.smooth(3)[:, :31, :47], codec="ffv1", pixels="yuv444p", sound=False)
    summary, *_ = _upscale(tmp_path / "a.mkv", tmp_path / "b.mp4", enlarge=lambda pixels: pixels, scale=1)
    assert (summary.height, summary.width) == (32, 48)
    assert len(clips.packets(tmp_path / "b.mp4")) == 1
    before, after = clips.shown(tmp_path / "a.mkv", 31, 47), clips.shown(tmp_path / "b.mp4", 32, 48)
    assert np.abs(after[:, :31, :47].astype(int) - before).mean() < 8
    assert np.abs(after[:, 31].astype(int) - after[:, 30]).mean() < 4


def test_a_stopped_run_goes_on_to_the_same_video(tmp_path, monkeypatch):
    monkeypatch.setattr(segments, "LENGTH", 5)
    clips.write(tmp_path / "a.mp4", clips.smooth(23))
    _upscale(tmp_path / "a.mp4", tmp_path / "whole.mp4")
    count = 0

    def stopping(pixels):
        nonlocal count
        count += 1
        if count == 13:
            raise KeyboardInterrupt
        return _twice(pixels)

    target = tmp_path / "b.mp4"
    with pytest.raises(KeyboardInterrupt):
        _upscale(tmp_path / "a.mp4", target, enlarge=stopping)
    place = segments.folder(target)
    assert segments.finished(place) == {0, 1} and not target.exists()
    with pytest.raises(VideoError, match="parts of a run with another quality"):
        _upscale(tmp_path / "a.mp4", target, crf=30)
    summary, reports, resumed = _upscale(tmp_path / "a.mp4", target)
    assert resumed == [10] and reports[0][0] == 11 and reports[-1][0] == 23
    assert "10 of 23 frames were finished by an earlier run" in summary.notes
    assert clips.packets(target) == clips.packets(tmp_path / "whole.mp4")
    np.testing.assert_array_equal(clips.shown(target, 64, 96), clips.shown(tmp_path / "whole.mp4", 64, 96))
    assert not place.exists()


def test_a_truncated_source_is_enlarged_as_far_as_it_goes_and_not_called_whole(tmp_path):
    clips.write(tmp_path / "a.mkv", clips.smooth(48))
    content = (tmp_path / "a.mkv").read_bytes()
    (tmp_path / "b.mkv").write_bytes(content[: len(content) // 2])
    with pytest.raises(VideoError, match=r"it ends at \d.\d of 2.0 s; .*c.mkv has the \d+ frames that can be decoded"):
        _upscale(tmp_path / "b.mkv", tmp_path / "c.mkv")
    assert 0 < len(clips.times(tmp_path / "c.mkv")) < 48


def test_a_size_beyond_the_codec_is_refused_before_a_frame_is_enlarged(tmp_path):
    clips.write(tmp_path / "a.mp4", clips.smooth(2))

    def never(pixels):
        raise AssertionError

    with pytest.raises(VideoError, match="9600x6400 is beyond the 4096x2304 of H.264; --codec ffv1 in a .mkv holds it"):
        _upscale(tmp_path / "a.mp4", tmp_path / "b.mp4", enlarge=never, scale=200, codec="x264")
    with pytest.raises(VideoError, match="b.avi: expected a name that ends in one of .mp4"):
        _upscale(tmp_path / "a.mp4", tmp_path / "b.avi", enlarge=never)
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_encoding_overlaps_with_the_network(tmp_path, monkeypatch):
    """Frames are enlarged while the one before is encoded, not after it."""
    clips.write(tmp_path / "a.mp4", clips.smooth(6), sound=False)
    events = []
    write = encoding.write

    def recorded(path, frames, settings):
        def seen():
            for i, frame in enumerate(frames):
                events.append(("encoded", i))
                yield frame

        write(path, seen(), settings)

    def enlarge(pixels):
        events.append(("enlarged", sum(name == "enlarged" for name, _ in events)))
        return _twice(pixels)

    monkeypatch.setattr(encoding, "write", recorded)
    _upscale(tmp_path / "a.mp4", tmp_path / "b.mp4", enlarge=enlarge)
    assert events.index(("enlarged", 1)) < events.index(("encoded", 1))
    assert len(events) == 12


def test_fingerprint_tells_models_apart():
    other = Model(Interpolation(method="lanczos"), {}, {})
    changed = BICUBIC._replace(variables={"params": {"a": np.zeros(3, np.float32)}})
    moved = BICUBIC._replace(variables={"params": {"b": np.zeros(3, np.float32)}})
    assert len({video.fingerprint(model) for model in (BICUBIC, other, changed, moved)}) == 4
    assert video.fingerprint(BICUBIC) == video.fingerprint(Model(Interpolation(), {}, {}))
