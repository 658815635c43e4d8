"""Tests ../../../jsr/pictures/codecs/gif.py."""

import resource

import numpy as np
import pytest
from PIL import Image

from jsr import infer, pictures
from jsr.errors import PictureError
from jsr.pictures import Animation, Picture, reading
from tests import encoders
from tests.encoders import GIF_COLOURS, gif, gif_control, gif_image

KEEP, BACKGROUND, PREVIOUS, OLD_PREVIOUS = 1, 2, 3, 4
RED, GREEN, BLUE, BLACK = range(4)
CLEAR = (0, 0, 0, 0)


def _opened(path, content, **options):
    path.write_bytes(content)
    return pictures.open(path, **options)


def _animation(path, content, **options):
    animation = _opened(path, content, **options)
    assert isinstance(animation, Animation)
    return animation


def _filled(index, height=16, width=16):
    return np.full((height, width), index)


def _colour(frame, y, x):
    alpha = 255 if frame.alpha is None else int(frame.alpha[y, x])
    return (*frame.pixels[y, x].tolist(), alpha) if alpha else CLEAR


def _rgba(index):
    return (*GIF_COLOURS[index], 255)


def test_open_clips_frames_to_the_canvas(tmp_path):
    images = [(_filled(RED), 0, 0, KEEP), (_filled(GREEN), 8, 9, KEEP), (_filled(BLUE, 2, 99), 15, 0, KEEP)]
    animation = _animation(tmp_path / "a.gif", gif(images, size=(16, 16)))
    last = animation.frames[2]
    assert last.pixels.shape == (16, 16, 3) and last.alpha is None
    expected = np.zeros((16, 16), int)
    expected[8:, 9:], expected[15:] = GREEN, BLUE
    np.testing.assert_array_equal(last.pixels, np.array(GIF_COLOURS)[expected])


@pytest.mark.parametrize("mode", ["all frames", "one frame", "the first"])
def test_open_takes_no_memory_for_a_frame_that_is_far(tmp_path, mode):
    """368 bytes used to take 18 GB: Pillow enlarges the canvas to 65539x65539."""
    images = [(_filled(RED), 0, 0, KEEP), (_filled(GREEN, 4, 4), 65535, 65535, KEEP)]
    (tmp_path / "a.gif").write_bytes(gif(images, size=(16, 16)))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    options = {"all frames": {}, "one frame": {"frame": 1}, "the first": {"can_animate": False}}[mode]
    picture = pictures.open(tmp_path / "a.gif", max_pixels=512, **options)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # KiB
    for frame in picture.frames if isinstance(picture, Animation) else [picture]:
        assert isinstance(frame, Picture)
        np.testing.assert_array_equal(frame.pixels, np.full((16, 16, 3), GIF_COLOURS[RED]))


def test_open_refuses_a_frame_that_lies_about_its_size(tmp_path):
    """It would be decoded whole, before it is clipped."""
    image = bytearray(gif_image(_filled(GREEN)))
    image[5:9] = b"\xff\xff\xff\xff"
    content = gif([(_filled(RED), 0, 0, KEEP)], size=(16, 16))[:-1] + bytes(image) + b";"
    path = tmp_path / "a.gif"
    for options in ({}, {"frame": 0}, {"can_animate": False}):
        with pytest.raises(PictureError, match="65535x65535: more than 200 million pixels"):
            _opened(path, content, **options)
    image[1:5] = b"\xff\xff\xff\xff"  # beyond the canvas, it is not decoded
    content = gif([(_filled(RED), 0, 0, KEEP)], size=(16, 16))[:-1] + bytes(image) + b";"
    assert len(_animation(path, content).frames) == 2


def test_open_counts_the_canvas_of_every_frame(tmp_path):
    images = [(_filled(RED, 1, 1), 0, 0, KEEP)] * 3
    path = tmp_path / "a.gif"
    content = gif(images, size=(100, 90))
    assert len(_animation(path, content, max_pixels=27_000).frames) == 3
    with pytest.raises(PictureError, match="90x100 in 3 frames: more than 0.026999 million pixels"):
        _opened(path, content, max_pixels=26_999)
    with pytest.raises(PictureError, match="90x100: more than"):
        _opened(path, content, max_pixels=8_999)
    assert pictures.read(path, frame=2, max_pixels=9_000).pixels.shape == (100, 90, 3)


def test_open_enlarges_the_canvas_to_the_first_frame(tmp_path):
    """As browsers do; many files say that their canvas has no size at all."""
    for size in ((0, 0), (4, 20)):
        content = gif([(_filled(RED), 2, 3, KEEP), (_filled(GREEN, 30, 30), 0, 0, KEEP)], size=size)
        animation = _animation(tmp_path / "a.gif", content)
        assert animation.frames[0].pixels.shape[:2] == (18, max(19, size[1]))
        assert reading.size(tmp_path / "a.gif") == animation.frames[0].pixels.shape[:2]
        assert _colour(animation.frames[0], 0, 0) == CLEAR and _colour(animation.frames[1], 0, 0) == _rgba(GREEN)


@pytest.mark.parametrize(
    "disposal, expected", [(0, GREEN), (KEEP, GREEN), (BACKGROUND, None), (PREVIOUS, RED), (OLD_PREVIOUS, RED)]
)
def test_open_disposes_of_frames_as_browsers_do(tmp_path, disposal, expected):
    """Also where no colour is transparent; the background colour, green, is never seen."""
    images = [(_filled(RED), 0, 0, KEEP), (_filled(GREEN, 8, 8), 4, 4, disposal), (_filled(BLUE, 2, 2), 0, 0, KEEP)]
    animation = _animation(tmp_path / "a.gif", gif(images, size=(16, 16)))
    last = animation.frames[2]
    assert (_colour(last, 0, 0), _colour(last, 3, 3)) == (_rgba(BLUE), _rgba(RED))
    assert _colour(last, 5, 5) == (CLEAR if expected is None else _rgba(expected))
    assert len({frame.alpha is None for frame in animation.frames}) == 1


def test_open_shows_nothing_where_no_frame_has_been(tmp_path):
    images = [(_filled(RED, 8, 8), 4, 4, KEEP), (_filled(BLUE, 4, 4), 0, 0, KEEP)]
    animation = _animation(tmp_path / "a.gif", gif(images, size=(16, 16)))
    assert [_colour(f, 0, 0) for f in animation.frames] == [CLEAR, _rgba(BLUE)]
    assert [_colour(f, 15, 15) for f in animation.frames] == [CLEAR, CLEAR]
    still = _opened(tmp_path / "a.gif", gif(images[:1], size=(16, 16)))
    assert isinstance(still, Picture) and _colour(still, 0, 0) == CLEAR and _colour(still, 4, 4) == _rgba(RED)


def test_open_composes_any_frames(tmp_path, rng):
    """Against a canvas of indices, composed frame by frame; of single frames too."""
    height, width, transparent = 9, 11, 3
    images, canvas, expected = [], np.full((height, width), -1), []
    for _ in range(30):
        h, w = rng.integers(1, 14, 2)
        indices = rng.integers(0, 4, (h, w))
        top, left = map(int, rng.integers(0, 12, 2)) if images else (0, 0)
        indices = indices if images else rng.integers(0, 4, (height, width))
        disposal = int(rng.integers(0, 4))
        images.append((indices, top, left, disposal))
        before = canvas.copy()
        place = np.full((40, 40), -1)
        place[top : top + indices.shape[0], left : left + indices.shape[1]] = indices
        place = place[:height, :width]
        canvas = np.where((place >= 0) & (place != transparent), place, canvas)
        expected.append(canvas)
        if disposal == PREVIOUS:
            canvas = before
        if disposal == BACKGROUND:
            canvas = np.where(place >= 0, -1, canvas)
    path = tmp_path / "a.gif"
    animation = _animation(path, gif(images, size=(height, width), transparent=transparent))
    table = np.array([*(_rgba(i) for i in range(4)), CLEAR])
    for number, (frame, indices) in enumerate(zip(animation.frames, expected, strict=True)):
        one = pictures.read(path, frame=number)
        for seen in (frame, one):
            alpha = np.full(indices.shape, 255) if seen.alpha is None else seen.alpha
            np.testing.assert_array_equal(alpha, table[indices][..., 3])
            np.testing.assert_array_equal(seen.pixels[alpha > 0], table[indices][alpha > 0][:, :3])


@pytest.mark.parametrize("interlace", [False, True])
def test_open_agrees_with_pillow_on_frames_with_tables_of_their_own(tmp_path, interlace):
    frames = [Image.fromarray(np.roll(encoders.smooth(40, 50), 5 * i)).quantize(200 - 40 * i) for i in range(4)]
    path = tmp_path / "a.gif"
    frames[0].save(path, save_all=True, append_images=frames[1:], interlace=interlace)
    animation = pictures.open(path)
    assert isinstance(animation, Animation)
    for picture, image in zip(animation.frames, frames, strict=True):
        np.testing.assert_array_equal(picture.pixels, np.asarray(image.convert("RGB")))


def test_open_decodes_interlaced_rows(tmp_path):
    """Rows are stored from 0, 4, 2 and 1, in steps of 8, 8, 4 and 2."""
    indices = np.arange(16)[:, None] % 4 * np.ones((1, 3), int)
    order = [*range(0, 16, 8), *range(4, 16, 8), *range(2, 16, 4), *range(1, 16, 2)]
    content = gif([], size=(16, 3))[:-1] + gif_image(indices[order], flags=0x40) + b";"
    picture = _opened(tmp_path / "a.gif", content)
    assert isinstance(picture, Picture)
    np.testing.assert_array_equal(picture.pixels, np.array(GIF_COLOURS)[indices])


def _netscape(data, name=b"NETSCAPE2.0"):
    return b"!\xff" + bytes([len(name)]) + name + encoders.gif_parts(data)


@pytest.mark.parametrize(
    "extension, showings",
    [
        (b"", 1),
        (_netscape(b"\1\0\0"), 0),
        (_netscape(b"\1\3\0"), 4),  # three repetitions
        (_netscape(b"\1\0\1"), 257),
        (_netscape(b"\1\2\0", b"ANIMEXTS1.0"), 3),
        (_netscape(b"\2\0\0\0\0"), 1),  # the size of a buffer
        (_netscape(b""), 1),
    ],
)
def test_open_counts_showings(tmp_path, extension, showings):
    images = [(_filled(RED), 0, 0, KEEP), (_filled(GREEN), 0, 0, KEEP)]
    assert _animation(tmp_path / "a.gif", gif(images, size=(16, 16), extensions=extension)).loop == showings


def test_open_reads_the_duration_of_each_frame(tmp_path):
    image = gif_image(_filled(RED))
    blocks = [gif_control(hundredths=n) + image if n is not None else image for n in (4, None, 0, 65535)]
    content = gif([], size=(16, 16))[:-1] + b"".join(blocks) + b";"
    assert _animation(tmp_path / "a.gif", content).durations == [40, 0, 0, 655350]


def test_open_keeps_xmp_profile_and_comment(tmp_path):
    """XMP stands in the file as it is, with a trailer that ends parts wherever one is taken to begin."""
    xmp = b"!\xff\x0bXMP DataXMP" + encoders.XMP + b"\1" + bytes(range(255, -1, -1)) + b"\0"
    profile = b"!\xff\x0bICCRGBG1012" + encoders.gif_parts(encoders.SRGB)
    comment = b"!\xfe" + encoders.gif_parts(b"hello, " * 99)
    images = [(_filled(RED), 0, 0, KEEP), (_filled(GREEN), 0, 0, KEEP)]
    for number in (1, 2):
        content = gif(images[:number], size=(16, 16), extensions=xmp + profile + comment)
        picture = _opened(tmp_path / "a.gif", content)
        assert picture.metadata.notes == () and picture.metadata.icc == encoders.SRGB
        assert picture.metadata.comment == b"hello, " * 99
        assert picture.metadata.xmp is not None and b"nobody</dc:rights>" in picture.metadata.xmp


def test_open_takes_greys_without_a_table_and_tables_of_greys(tmp_path):
    image = gif_image(np.arange(4).reshape(2, 2))
    picture = _opened(tmp_path / "a.gif", b"GIF87a\2\0\2\0\0\0\0" + image + b";")
    assert isinstance(picture, Picture) and picture.pixels.tolist() == [[0, 1], [2, 3]]
    table = [(n, n, n) for n in (9, 99, 199, 255)]
    picture = _opened(tmp_path / "a.gif", gif([(np.arange(4).reshape(2, 2), 0, 0, 0)], size=(2, 2), table=table))
    assert isinstance(picture, Picture) and picture.pixels.tolist() == [[9, 99], [199, 255]]


def test_open_skips_bytes_between_blocks_and_notes_a_missing_end(tmp_path):
    images = [(_filled(RED), 0, 0, KEEP), (_filled(GREEN), 0, 0, KEEP)]
    content = gif(images, size=(16, 16), extensions=b"\0\0junk")
    assert _animation(tmp_path / "a.gif", content + b"more").metadata.notes == ()
    for end in (b"", b",", b"!", b"!\xf9\x04\0", b",\0\0\0\0\1\0"):
        (note,) = _animation(tmp_path / "a.gif", content[:-1] + end).metadata.notes
        assert note == "it ends without its last byte, so frames may be missing"


def test_open_takes_frames_without_pixels(tmp_path):
    images = [(_filled(RED), 0, 0, KEEP), (_filled(GREEN, 0, 0), 3, 3, BACKGROUND), (_filled(BLUE, 0, 9), 0, 0, KEEP)]
    animation = _animation(tmp_path / "a.gif", gif(images, size=(16, 16)))
    assert [_colour(f, 3, 3) for f in animation.frames] == [_rgba(RED)] * 3


@pytest.mark.parametrize(
    "content",
    [
        b"GIF89a",
        b"GIF89a\4\0\4\0\0\0\0",
        b"GIF89a\4\0\4\0\0\0\0;",
        gif([(_filled(RED, 0, 0), 0, 0, 0)], size=(0, 9)),
        gif([(_filled(RED), 0, 0, 0)], size=(16, 16))[:-60] + b";",
        gif([(_filled(RED), 0, 0, 0)], size=(16, 16))[:-60],
        b"GIF89a\4\0\4\0\0\0\0,\0\0\0\0\4\0\4\0\0",
    ],
)
def test_decode_refuses_what_has_no_whole_frame(content):
    with pytest.raises(PictureError):
        reading.decode(content)


def test_infer_enlarges_a_gif_whose_frames_are_larger(tmp_path):
    """Its result used to be a PNG that no decoder reads."""
    images = [(_filled(RED), 0, 0, KEEP), (_filled(GREEN), 8, 8, KEEP)]
    (tmp_path / "a.gif").write_bytes(gif(images, size=(16, 16)))
    for suffix in ("png", "webp", "gif"):
        target = tmp_path / f"b.{suffix}"
        assert infer.main([str(tmp_path / "a.gif"), "-o", str(target), "--model", "nearest"]) == 0
        with Image.open(target) as image:
            image.seek(1)
            seen = np.asarray(image.convert("RGB")).astype(int)
        assert seen.shape == (64, 64, 3)
        np.testing.assert_allclose(seen[[10, 60], [10, 60]], [GIF_COLOURS[RED], GIF_COLOURS[GREEN]], atol=12)
