"""Tests ../../jsr/video/encoding.py: every codec, read again by ffmpeg's decoders."""

from fractions import Fraction

import numpy as np
import pytest

from tests import clips

av = clips.av
from jsr.video import codecs
from jsr.video.colour import Colour
from jsr.video.encoding import Encoding, Frame, write


@pytest.mark.parametrize("codec", codecs.ALL, ids=lambda codec: codec.name)
def test_every_codec_keeps_times_and_colours(tmp_path, codec, capfd):
    times = [0, 1, 1200, 1700, 5000, 5001, 5002]
    pixels = clips.smooth(7, height=64, width=96)
    for bits in codec.pixels:
        encoding = Encoding(
            codec, codec.crf and 10, 64, 96, Colour(1, 1, 1, 1, bits), Fraction(24), Fraction(1, 12800), None
        )
        frames = pixels if bits == 8 else pixels.astype(np.uint16) * 257
        write(tmp_path / "a.nut", (Frame(*pair) for pair in zip(frames, times, strict=True)), encoding)
        with av.open(str(tmp_path / "a.nut")) as container:
            base = container.streams.video[0].time_base
            decoded = [
                (
                    frame.pts * base * 12800,
                    frame.reformat(format="rgb24", src_colorspace=1, src_color_range=1).to_ndarray(),
                )
                for frame in container.decode(video=0)
            ]
        assert [time for time, _ in decoded] == times
        assert np.abs(decoded[0][1][8::16, 8::16].astype(int) - pixels[0][8::16, 8::16]).mean() < 4
    assert capfd.readouterr() == ("", "")  # encoders print nothing
