"""Tests ../../jsr/video/reading.py against ffmpeg, and with files that are broken."""

import re
from fractions import Fraction

import numpy as np
import pytest

from jsr.errors import VideoError
from tests import clips

clips.av  # noqa: B018  # skips where there is none
from jsr.video import reading
from jsr.video.reading import Decoder, describe


def _read(path, **options):
    decoder = Decoder(describe(path, max_pixels=10**6))
    return decoder, list(decoder.frames(options.get("is_wanted", lambda number: True)))


def test_frames_have_their_times_and_those_not_wanted_are_counted(tmp_path):
    times = [0, 500, 1700, 1701, 4000, 9000]  # of a variable rate
    clips.write(tmp_path / "a.mp4", clips.smooth(6), times=times, aspect=Fraction(4, 3))
    video = describe(tmp_path / "a.mp4", max_pixels=10**6)
    assert (video.height, video.width, video.turns, video.aspect) == (32, 48, 0, Fraction(4, 3))
    assert (video.length, video.codec, video.colour.bits, video.notes) == (6, "h264", 8, ())
    decoder, frames = _read(tmp_path / "a.mp4", is_wanted=lambda number: number not in (1, 4))
    assert [(number, frame.time * video.time_base * clips.TICKS) for number, frame in frames] == [
        *((0, 0), (2, 1700), (3, 1701), (5, 9000)),
    ]
    assert (decoder.count, decoder.damage, decoder.notes) == (6, None, ())


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_frames_are_upright_as_ffmpeg_shows_them(tmp_path, turn):
    clips.write(tmp_path / "a.mp4", clips.smooth(3))
    clips.ffmpeg("-display_rotation", turn, "-i", tmp_path / "a.mp4", "-c", "copy", tmp_path / "b.mp4")
    video = describe(tmp_path / "b.mp4", max_pixels=10**6)
    expected = clips.shown(tmp_path / "b.mp4", video.height, video.width).astype(int)
    assert (video.height, video.width) == ((32, 48) if turn % 180 == 0 else (48, 32))
    _, frames = _read(tmp_path / "b.mp4")
    for (_, frame), picture in zip(frames, expected, strict=True):
        assert np.abs(frame.pixels - picture).mean() <= 3  # at edges, chroma is interpolated in another way


def test_videos_that_cannot_be_enlarged_are_refused_by_name(tmp_path):
    (tmp_path / "noise.mp4").write_bytes(np.random.default_rng(0).bytes(5000))
    (tmp_path / "empty.mkv").write_bytes(b"")
    clips.write(tmp_path / "a.ts", clips.smooth(3))
    # A playlist would open another file, or an address.
    (tmp_path / "list.mp4").write_text(f"#EXTM3U\n#EXTINF:1,\nfile://{tmp_path}/a.ts\n#EXT-X-ENDLIST\n")
    clips.write(tmp_path / "interlaced.mp4", clips.smooth(3), interlaced=True)
    clips.write(tmp_path / "large.mp4", clips.smooth(3))
    clips.ffmpeg("-i", tmp_path / "a.ts", "-vn", "-c", "copy", tmp_path / "sound.mp4")
    for name, message in (
        ("noise.mp4", "broken or not a video: Invalid data"),
        ("empty.mkv", "broken or not a video: Invalid data"),
        ("list.mp4", "broken or not a video: Invalid data"),
        ("none.mp4", "No such file or directory"),
        ("interlaced.mp4", "interlaced, expected progressive frames; ffmpeg -i IN -vf bwdif"),
        ("large.mp4", "48x32: more than 0.001 million pixels; --max-pixels sets this limit"),
        ("sound.mp4", "expected a video, found no stream of pictures"),
    ):
        with pytest.raises(VideoError, match=f"^{re.escape(str(tmp_path / name))}: {message}"):
            describe(tmp_path / name, max_pixels=10**6 if name != "large.mp4" else 1000)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_truncated_video_is_not_called_whole(tmp_path, suffix):
    clips.write(tmp_path / f"a{suffix}", clips.smooth(48), options={"movflags": "+faststart"})
    content = (tmp_path / f"a{suffix}").read_bytes()
    (tmp_path / f"b{suffix}").write_bytes(content[: len(content) * 6 // 10])
    decoder, frames = _read(tmp_path / f"b{suffix}")
    assert 0 < len(frames) == decoder.count < 48
    assert decoder.damage and "it ends at" in decoder.damage and "of 2.0 s" in decoder.damage
    decoder, frames = _read(tmp_path / f"a{suffix}")
    assert (len(frames), decoder.damage) == (48, None)


def test_broken_packets_are_passed_over_and_told(tmp_path):
    clips.write(tmp_path / "a.mkv", clips.smooth(24), sound=False)
    content = bytearray((tmp_path / "a.mkv").read_bytes())
    with reading.opened(tmp_path / "a.mkv") as container:
        packet = [bytes(packet) for packet in container.demux(video=0) if packet.size][5]
    place = content.find(packet)
    content[place : place + 4] = b"\xff" * 4  # the length of its first unit
    (tmp_path / "a.mkv").write_bytes(content)
    decoder, frames = _read(tmp_path / "a.mkv")
    assert 0 < len(frames) <= 24 and decoder.damage and "cannot be decoded" in decoder.damage


def test_losses_are_told(tmp_path):
    frames = [frame.astype(np.uint16) * 257 for frame in clips.smooth(2)]
    clips.write(tmp_path / "a.mkv", frames, codec="ffv1", pixels="gbrap12le", sound=False)
    video = describe(tmp_path / "a.mkv", max_pixels=10**6)
    assert video.notes == ("its 12 bits become 10", "its transparency is not kept")
    decoded = [frame for _, frame in Decoder(video).frames(lambda number: True)]
    assert decoded[0].pixels.dtype == np.uint16
    np.testing.assert_allclose(decoded[0].pixels, frames[0], atol=40)  # 12 bits, of RGB
