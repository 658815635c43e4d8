"""Tests ../../../../jsr/pictures/codecs/png/apng.py."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from jsr import infer, pictures
from jsr.errors import PictureError
from jsr.pictures import Animation, Picture, reading
from jsr.pictures.codecs.compositing import Frame
from jsr.pictures.codecs.png.png_writer import SIGNATURE
from tests import encoders
from tests.pictures.codecs.test_compositing import assert_composed

NONE, BACKGROUND, PREVIOUS = range(3)
SOURCE, OVER = range(2)
PALETTE = [(0, 0, 0, 255), (0, 0, 255, 128), (255, 0, 0, 255), (9, 9, 9, 0)]


def _opened(path, content, **options):
    path.write_bytes(content)
    return pictures.open(path, **options)


def _seen(frames):
    """Returns the samples of frames, with alpha."""
    tops = [np.full(f.pixels.shape[:2], np.iinfo(f.pixels.dtype).max, f.pixels.dtype) for f in frames]
    return [
        np.dstack([frame.pixels, top if frame.alpha is None else frame.alpha])
        for frame, top in zip(frames, tops, strict=True)
    ]


def _rgba(*pixels):
    return [np.full((6, 5, 4), pixel, np.uint8) for pixel in pixels]


@pytest.mark.parametrize("interlace", [False, True])
@pytest.mark.parametrize("planes, bitdepth", [(1, 8), (2, 8), (3, 8), (4, 8), (1, 16), (2, 16), (3, 16), (4, 16)])
def test_open_composes_as_the_specification_wants(tmp_path, rng, planes, bitdepth, interlace):
    """Against exact arithmetic; all kinds of disposal and blending, and all colour types of 8 and 16 bits."""
    dtype = np.uint8 if bitdepth == 8 else np.uint16
    height, width = 6, 5
    images, frames = [], []
    for i in range(8):
        h, w = (height, width) if i == 0 else map(int, (rng.integers(1, height + 1), rng.integers(1, width + 1)))
        top, left = int(rng.integers(0, height - h + 1)), int(rng.integers(0, width - w + 1))
        samples = rng.integers(0, np.iinfo(dtype).max, (h, w, planes), dtype, endpoint=True)
        disposal, blending = i % 3, int(rng.integers(2))
        images.append((samples, top, left, disposal, blending))
        if planes in (1, 3):
            samples = np.dstack([samples, np.full((h, w), np.iinfo(dtype).max, dtype)])
        frames.append(Frame(samples, top, left, disposal, bool(blending)))
    content = encoders.apng(images, size=(height, width), bitdepth=bitdepth, interlace=interlace)
    animation = _opened(tmp_path / "a.png", content)
    assert isinstance(animation, Animation)
    assert_composed(_seen(animation.frames), frames, height, width)
    assert (animation.durations, animation.loop, animation.metadata.notes) == ([100] * 8, 3, ())
    for number in (1, 5):
        (one,) = _seen([pictures.read(tmp_path / "a.png", frame=number)])
        np.testing.assert_array_equal(one, _seen(animation.frames)[number])


@pytest.mark.parametrize("bitdepth", [2, 4, 8])
def test_open_composes_colours_of_a_palette(tmp_path, bitdepth):
    """Half-transparent blue over opaque black; and a transparent colour over it, which changes nothing."""
    images = [(np.full((6, 5), index), 0, 0, NONE, OVER) for index in (0, 1, 3, 2)]
    content = encoders.apng(images, size=(6, 5), palette=PALETTE, bitdepth=bitdepth)
    animation = _opened(tmp_path / "a.png", content)
    assert isinstance(animation, Animation)
    expected = [(0, 0, 0, 255), (0, 0, 128, 255), (0, 0, 128, 255), (255, 0, 0, 255)]
    assert [tuple(frame[2, 3].tolist()) for frame in _seen(animation.frames)] == expected


@pytest.mark.parametrize(
    "frames, expected",
    [
        ([((0, 255, 0, 255), NONE, 0), ((255, 0, 0, 255), PREVIOUS, 1), ((0, 0, 0, 0), NONE, 1)], (0, 255, 0, 255)),
        ([((0, 0, 0, 255), NONE, 0), ((0, 0, 255, 128), NONE, 1)], (0, 0, 128, 255)),
        ([((0, 255, 0, 255), PREVIOUS, 0), ((0, 0, 0, 0), NONE, 1)], (0, 0, 0, 0)),  # nothing was there before
        ([((0, 255, 0, 255), BACKGROUND, 0), ((0, 0, 0, 0), NONE, 1)], (0, 0, 0, 0)),
        ([((0, 255, 0, 255), NONE, 0), ((1, 2, 3, 40), NONE, 0)], (1, 2, 3, 40)),
    ],
)
def test_open_composes_the_last_frame_by_hand(tmp_path, frames, expected):
    images = [(_rgba(pixel)[0], 0, 0, disposal, blending) for pixel, disposal, blending in frames]
    animation = _opened(tmp_path / "a.png", encoders.apng(images, size=(6, 5)))
    assert isinstance(animation, Animation)
    last = _seen(animation.frames)[-1]
    assert tuple(last[3, 3].tolist()) == expected and (last == last[0, 0]).all()


# Still pictures


def _two_frames(**options):
    red, green, blue = _rgba((255, 0, 0, 255), (0, 255, 0, 255), (0, 0, 255, 255))
    images = [(red, 0, 0, NONE, 0), (green, 0, 0, NONE, 0), (blue, 0, 0, NONE, 0)]
    return encoders.apng(images, size=(6, 5), **options)


def test_frames_are_numbered_after_the_still_picture(tmp_path):
    path = tmp_path / "a.png"
    animation = _opened(path, _two_frames(has_still=True))
    assert isinstance(animation, Animation)
    assert [tuple(frame.pixels[0, 0]) for frame in animation.frames] == [(0, 255, 0), (0, 0, 255)]
    for number, colour in enumerate([(255, 0, 0), (0, 255, 0), (0, 0, 255)]):
        assert tuple(pictures.read(path, frame=number).pixels[5, 4]) == colour
    still = pictures.read(path)
    assert tuple(still.pixels[0, 0]) == (255, 0, 0)
    assert still.metadata.notes == ("only the first of 3 frames is taken; --frame N takes another",)
    with pytest.raises(PictureError, match="--frame: expected 0 to 2, got 3"):
        pictures.read(path, frame=3)


def test_a_single_frame_is_a_picture(tmp_path):
    red, green = _rgba((255, 0, 0, 255), (0, 255, 0, 255))
    for images in ([green], [red, green]):
        content = encoders.apng([(x, 0, 0, NONE, 0) for x in images], size=(6, 5), has_still=len(images) > 1)
        picture = _opened(tmp_path / "a.png", content)
        assert isinstance(picture, Picture) and tuple(picture.pixels[0, 0]) == (0, 255, 0)


def _edited(content, edit):
    """Returns a PNG whose list of chunks, tags and data, is changed by a function."""
    chunks = [list(c) for c in encoders.chunks_of(content)]
    edit(chunks)
    return SIGNATURE + b"".join(encoders.chunk(tag, data) for tag, data in chunks)


def _set(tag, at, value, *, which=-1):
    def edit(chunks):
        chunk = [c for c in chunks if c[0] == tag][which]
        chunk[1] = chunk[1][:at] + value + chunk[1][at + len(value) :]

    return edit


def _drop(tag, *, which=-1):
    def edit(chunks):
        chunks.remove([c for c in chunks if c[0] == tag][which])

    return edit


def _u32(*values):
    return struct.pack(f">{len(values)}I", *values)


BROKEN = {
    "more frames are announced": (_set(b"acTL", 0, _u32(4)), "expected 4 frames, got 3"),
    "fewer frames are announced": (_set(b"acTL", 0, _u32(2)), "expected 2 frames, got 3"),
    "no frames are announced": (_set(b"acTL", 0, _u32(0)), "expected 0 frames, got 3"),
    "a short announcement": (lambda chunks: chunks[1].__setitem__(1, b"abc"), "unpack"),
    "a number twice": (_set(b"fdAT", 0, _u32(3)), "expected number 4 of its chunks, got 3"),
    "a number left out": (_set(b"fcTL", 0, _u32(9)), "expected number 3 of its chunks, got 9"),
    "a frame without pixels": (_drop(b"fdAT"), "expected 3 frames, got 2"),
    "pixels without a frame": (_drop(b"fcTL", which=1), "expected number 1 of its chunks, got 2"),
    "a short control": (lambda chunks: chunks[2].__setitem__(1, b"\0\0\0\0abc"), "unpack"),
    "a wider frame": (_set(b"fcTL", 4, _u32(6)), "6x6 at 0, 0 is not within 5x6"),
    "a frame that is far": (_set(b"fcTL", 12, _u32(2**31, 2**31)), "5x6 at 2147483648, 2147483648"),
    "a frame that lies": (_set(b"fcTL", 4, _u32(2**31 - 1, 2**31 - 1)), "2147483647x2147483647 at 0, 0"),
    "a frame without rows": (_set(b"fcTL", 8, _u32(0)), "5x0 at 0, 0"),
    "a small first frame": (_set(b"fcTL", 4, _u32(4), which=0), "smaller than its canvas"),
    "an unknown disposal": (_set(b"fcTL", 24, b"\3"), "unknown way"),
    "an unknown blending": (_set(b"fcTL", 25, b"\2"), "unknown way"),
    "broken pixels": (_set(b"fdAT", 4, bytes(5)), ""),
    "too few rows": (lambda chunks: chunks[-2].__setitem__(1, _u32(4) + zlib.compress(bytes(3 * 21))), ""),
}


@pytest.mark.parametrize("edit, reason", BROKEN.values(), ids=BROKEN)
def test_open_takes_the_still_picture_of_broken_frames(tmp_path, edit, reason):
    path = tmp_path / "a.png"
    picture = _opened(path, _edited(_two_frames(), edit))
    assert isinstance(picture, Picture)
    np.testing.assert_array_equal(picture.pixels, _rgba((255, 0, 0, 255))[0][..., :3])
    (note,) = picture.metadata.notes
    assert "the still picture is taken, because its frames are broken: " in note and reason in note
    np.testing.assert_array_equal(pictures.read(path).pixels, picture.pixels)


def test_open_takes_the_still_picture_of_a_torn_file(tmp_path):
    content = _two_frames()
    end = content.index(b"IDAT") + int.from_bytes(content[content.index(b"IDAT") - 4 :][:4]) + 8
    for stop in (*range(end, len(content) - 13, 7), len(content) - 13):
        picture = _opened(tmp_path / "a.png", content[:stop])
        assert isinstance(picture, Picture) and "frames are broken" in picture.metadata.notes[0]
    for stop in range(0, end - 4, 11):
        with pytest.raises(PictureError):
            _opened(tmp_path / "a.png", content[:stop])


def test_open_notices_a_wrong_checksum(tmp_path):
    content = bytearray(_two_frames())
    content[content.rindex(b"fdAT") + 12] ^= 1
    picture = _opened(tmp_path / "a.png", bytes(content))
    assert "the checksum of a chunk fdAT is wrong" in picture.metadata.notes[0]


def test_open_takes_frames_within_the_limit_only(tmp_path):
    path = tmp_path / "a.png"
    assert isinstance(_opened(path, _two_frames(), max_pixels=90), Animation)
    with pytest.raises(PictureError, match="5x6 in 3 frames: more than"):
        pictures.open(path, max_pixels=89)
    assert tuple(pictures.read(path, frame=2, max_pixels=30).pixels[0, 0]) == (0, 0, 255)
    with pytest.raises(PictureError, match="5x6: more than"):
        pictures.read(path, frame=2, max_pixels=29)


def test_open_refuses_a_canvas_that_lies_about_its_size(tmp_path):
    content = _edited(_two_frames(), _set(b"IHDR", 0, _u32(60_000, 50_000)))
    for options in ({}, {"frame": 0}, {"frame": 1}, {"can_animate": False}):
        with pytest.raises(PictureError, match="60000x50000: more than 200 million pixels"):
            _opened(tmp_path / "a.png", content, **options)


def test_open_turns_frames_and_keeps_their_metadata(tmp_path):
    image = Image.fromarray(encoders.smooth())
    still = encoders.saved(image, "PNG", exif=encoders.camera_exif(6), icc_profile=encoders.SRGB)
    before = b"".join(encoders.chunk(*c) for c in encoders.chunks_of(still) if c[0] in (b"iCCP", b"eXIf"))
    frames = [encoders.smooth() // divisor for divisor in (1, 2)]
    content = encoders.apng([(f, 0, 0, NONE, 0) for f in frames], size=frames[0].shape[:2], before=before)
    animation = _opened(tmp_path / "a.png", content)
    assert isinstance(animation, Animation)
    for picture, frame in zip(animation.frames, frames, strict=True):
        np.testing.assert_array_equal(picture.pixels, np.rot90(frame, -1))
        assert picture.alpha is None and picture.metadata.icc == encoders.SRGB
        exif = Image.Exif()
        exif.load(picture.metadata.exif or b"")
        assert exif[encoders.MAKE] == "Camera" and encoders.ORIENTATION not in exif


def test_decode_takes_pngs_without_frames_as_before():
    content = encoders.saved(Image.fromarray(encoders.smooth()), "PNG")
    late = _edited(content, lambda chunks: chunks.insert(-1, [b"acTL", _u32(2, 0)]))
    for still in (content, late):
        picture = reading.decode(still)
        np.testing.assert_array_equal(picture.pixels, encoders.smooth())
        assert picture.metadata.notes == ()


def test_infer_keeps_16_bits_of_frames(tmp_path, rng):
    frames = [rng.integers(0, 65536, (6, 5, 3)).astype(np.uint16) for _ in range(2)]
    (tmp_path / "a.png").write_bytes(encoders.apng([(f, 0, 0, NONE, 0) for f in frames], size=(6, 5), bitdepth=16))
    assert infer.main([str(tmp_path / "a.png"), "--model", "nearest"]) == 0
    animation = pictures.open(tmp_path / "a_x4.png")
    assert isinstance(animation, Animation)
    for result, frame in zip(animation.frames, frames, strict=True):
        np.testing.assert_array_equal(result.pixels, frame.repeat(4, 0).repeat(4, 1))


def test_infer_writes_16_bits_of_frames_as_8_where_it_must(tmp_path, capsys):
    frames = [np.full((6, 5, 3), level, np.uint16) for level in (0, 65535)]
    (tmp_path / "a.png").write_bytes(encoders.apng([(f, 0, 0, NONE, 0) for f in frames], size=(6, 5), bitdepth=16))
    for suffix in ("webp", "gif"):
        command = [str(tmp_path / "a.png"), "-o", str(tmp_path / f"b.{suffix}"), "--model", "nearest"]
        assert infer.main(command) == 0
        assert f"16 bits become 8: {suffix.upper()} has no more" in capsys.readouterr().out
        with Image.open(io.BytesIO((tmp_path / f"b.{suffix}").read_bytes())) as image:
            image.seek(1)
            assert image.convert("RGB").getpixel((3, 3)) == (255, 255, 255)
