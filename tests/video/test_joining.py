"""Tests ../../jsr/video/joining.py, by the packets that ffmpeg finds."""

from fractions import Fraction

import pytest

from jsr.errors import VideoError
from tests import clips

av = clips.av
from jsr.video import codecs, encoding, joining, reading
from jsr.video.containers import WRITTEN
from jsr.video.encoding import Encoding

SUBTITLES = "1\n00:00:00,200 --> 00:00:00,500\nHello\n\n2\n00:00:00,600 --> 00:00:00,900\nWorld\n"
METADATA = """;FFMETADATA1
title=A title
[CHAPTER]
TIMEBASE=1/1000
START=0
END=500
title=First
[CHAPTER]
TIMEBASE=1/1000
START=500
END=1000
title=Second
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A clip with all that a Matroska file holds."""
    folder = tmp_path_factory.mktemp("source")
    times = [0, 400, 1600, 2100, *range(3000, 12800, 700)]
    clips.write(folder / "a.mkv", clips.smooth(len(times)), times=times, aspect=Fraction(4, 3))
    (folder / "a.srt").write_text(SUBTITLES)
    (folder / "a.txt").write_text(METADATA)
    (folder / "a.ttf").write_bytes(b"a font" * 100)
    clips.ffmpeg(
        *("-i", folder / "a.mkv", "-i", folder / "a.srt", "-i", folder / "a.txt", "-map", "0:v", "-map", "0:a"),
        *("-map", "0:a", "-map", "1", "-map_metadata", "2", "-map_chapters", "2", "-c", "copy", "-c:s", "srt"),
        *("-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=deu", "-disposition:a:1", "default+forced"),
        *("-attach", folder / "a.ttf", "-metadata:s:t", "mimetype=application/x-truetype-font", folder / "b.mkv"),
    )
    return folder / "b.mkv"


def _joined(source, target, *, codec="x264"):
    """Joins two segments of the source's own frames."""
    video = reading.describe(source, max_pixels=10**6)
    kind = WRITTEN[target.suffix]
    copies = joining.check(source, kind)
    settings = Encoding(codecs.CODECS[codec], 20, 64, 96, video.colour, video.rate, video.time_base, video.aspect)
    decoded = reading.Decoder(video).frames(lambda number: True)
    frames = [frame._replace(pixels=frame.pixels.repeat(2, axis=0).repeat(2, axis=1)) for _, frame in decoded]
    parts = [target.with_suffix(f".{i}") for i in range(2)]
    for part, content in zip(parts, (frames[:7], frames[7:]), strict=True):
        encoding.write(part, content, settings)
    joining.join(target, parts, source, kind, settings, copies)
    return copies.notes


def _described(path):
    with av.open(str(path)) as container:
        chapters = [
            (
                chapter["start"] * chapter["time_base"],
                chapter["end"] * chapter["time_base"],
                chapter["metadata"]["title"],
            )
            for chapter in container.chapters()
        ]
        video = container.streams.video[0]
        streams = [
            (s.type, s.language, int(s.disposition)) for s in container.streams if s.type in ("audio", "subtitle")
        ]
        return container.metadata["title"], chapters, streams, video.sample_aspect_ratio


def test_matroska_keeps_everything(source, tmp_path):
    assert _joined(source, tmp_path / "a.mkv") == ()
    (_, before), *others = clips.packets(source)
    (codec, after), *copied = clips.packets(tmp_path / "a.mkv")
    assert codec == "h264" and [name for name, _ in copied] == ["aac", "aac", "subrip", "ttf"]
    assert copied == others  # times and hashes
    assert sorted(time for time, _ in after) == sorted(time for time, _ in before)
    assert _described(tmp_path / "a.mkv") == _described(source)
    assert len(_described(source)[1]) == 2
    with av.open(str(tmp_path / "a.mkv")) as container:
        context = container.streams.video[0].codec_context
        assert (context.colorspace, context.color_range, context.color_primaries, context.color_trc) == (1, 1, 1, 1)


def test_mp4_tells_what_it_does_not_hold(source, tmp_path):
    assert _joined(source, tmp_path / "a.mp4", codec="x265") == (
        "not kept: subtitle subrip, which MP4 does not hold; -o NAME.mkv keeps it",
        "not kept: attachment, which MP4 does not hold",
    )
    (_, before), *sound = clips.packets(source)
    (codec, after), *copied = clips.packets(tmp_path / "a.mp4")
    assert codec == "hevc" and copied[:2] == sound[:2]
    assert sorted(time for time, _ in after) == sorted(time for time, _ in before)
    title, chapters, _, aspect = _described(tmp_path / "a.mp4")
    assert (title, chapters, aspect) == (_described(source)[0], _described(source)[1], Fraction(4, 3))
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert container.streams.video[0].codec_tag == "hvc1"  # Apple's players know no other
    # What comes of it has no second stream of chapters.
    assert joining.check(tmp_path / "a.mp4", WRITTEN[".mp4"]).notes == ()


def test_sound_that_a_container_does_not_hold_is_refused(source):
    with pytest.raises(VideoError, match="b.mkv: WebM does not hold its sound, aac; -o NAME.mkv does"):
        joining.check(source, WRITTEN[".webm"])


def test_covers_are_copied(source, tmp_path):
    clips.ffmpeg("-i", source, "-map", "0:v", "-frames:v", "1", tmp_path / "cover.png")
    inputs = ("-i", source, "-i", tmp_path / "cover.png", "-map", "0:v", "-map", "0:a", "-map", "1:v")
    clips.ffmpeg(*inputs, "-c", "copy", "-disposition:v:1", "attached_pic", tmp_path / "a.mp4")
    assert _joined(tmp_path / "a.mp4", tmp_path / "b.mp4") == ()
    assert clips.packets(tmp_path / "b.mp4")[1:] == clips.packets(tmp_path / "a.mp4")[1:]
    assert "png" in dict(clips.packets(tmp_path / "b.mp4"))
