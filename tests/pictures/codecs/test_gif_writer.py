"""Tests ../../../jsr/pictures/codecs/gif_writer.py: what is written is read again by Pillow and by jsr."""

import io

import numpy as np
import pytest
from PIL import Image, ImageFilter

from jsr import infer, pictures
from jsr.pictures import Animation, Picture, animation
from jsr.pictures.codecs import gif_writer
from tests import encoders


def _written(frames, **options):
    file = io.BytesIO()
    return file, gif_writer.write(file, frames, **options)


def _by_pillow(file):
    """Returns RGBA frames and durations, and the number of repetitions."""
    with Image.open(file) as image:
        frames, durations = [], []
        for i in range(getattr(image, "n_frames", 1)):
            image.seek(i)
            frames.append(np.asarray(image.convert("RGBA")))
            durations.append(image.info["duration"])
        return frames, durations, image.info.get("loop")


def _by_jsr(file):
    picture = animation.compose(file.getvalue(), None, 10**8, can_animate=True)
    return picture.frames if isinstance(picture, Animation) else [picture]


def _assert_holds(file, frames):
    """Checks that both readers see each frame exactly."""
    for picture, by_pillow, by_jsr in zip(frames, _by_pillow(file)[0], _by_jsr(file), strict=True):
        alpha = np.full(picture.pixels.shape[:2], 255) if picture.alpha is None else picture.alpha
        np.testing.assert_array_equal(by_pillow[..., 3], alpha)
        np.testing.assert_array_equal(by_pillow[alpha > 0][:, :3], pictures.rgb(picture)[alpha > 0])
        np.testing.assert_array_equal(255 if by_jsr.alpha is None else by_jsr.alpha, alpha)
        np.testing.assert_array_equal(pictures.rgb(by_jsr)[alpha > 0], pictures.rgb(picture)[alpha > 0])


def _frames(rng, *, colours, count=5, has_alpha=False):
    """Returns frames in which a part changes, each with colours of its own."""
    background = rng.integers(0, 256, (40, 3)).astype(np.uint8)[rng.integers(0, min(colours, 40), (30, 40))]
    frames = []
    for i in range(count):
        pixels = background.copy()
        table = rng.integers(0, 256, (max(colours - 40, 1), 3)).astype(np.uint8)
        pixels[3 * i : 3 * i + 12, 10:33] = table[rng.integers(0, len(table), (12, 23))]
        alpha = np.where(rng.random((30, 40)) < 0.3, 0, 255).astype(np.uint8) if has_alpha else None
        frames.append(Picture(pixels, alpha))
    return frames


@pytest.mark.parametrize("has_alpha", [False, True])
@pytest.mark.parametrize("colours", [2, 50, 255])
def test_write_is_exact_as_far_as_colours_suffice(rng, colours, has_alpha):
    frames = _frames(rng, colours=colours, has_alpha=has_alpha)
    file, notes = _written(frames, durations=[40, 0, 70, 100, 2550], loop=0)
    assert notes == ()
    _assert_holds(file, frames)
    assert _by_pillow(file)[1:] == ([40, 0, 70, 100, 2550], 0)


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (17, 13)])
def test_write_takes_still_pictures_of_any_size(rng, shape):
    levels = rng.integers(0, 256, shape).astype(np.uint8)
    for picture in (
        Picture(levels),
        Picture(levels // 2, np.where(levels > 99, 255, 0).astype(np.uint8)),
        Picture(levels, np.zeros_like(levels)),
    ):
        file, notes = _written([picture])
        assert notes == ()
        with Image.open(file) as image:
            assert getattr(image, "n_frames", 1) == 1 and "loop" not in image.info
            seen = np.asarray(image.convert("RGBA"))
        alpha = np.full(shape, 255) if picture.alpha is None else picture.alpha
        np.testing.assert_array_equal(seen[..., 3], alpha)
        np.testing.assert_array_equal(seen[alpha > 0][:, 0], picture.pixels[alpha > 0])
        np.testing.assert_array_equal(pictures.rgb(_by_jsr(file)[0])[alpha > 0][:, 1], picture.pixels[alpha > 0])


@pytest.mark.parametrize("loop, repetitions", [(0, 0), (1, None), (2, 1), (5, 4), (10**6, 65535)])
def test_write_counts_repetitions(loop, repetitions):
    frames = [Picture(np.full((4, 4), level, np.uint8)) for level in (0, 200)]
    file, _ = _written(frames, durations=[10, 10], loop=loop)
    assert _by_pillow(file)[2] == repetitions
    read = animation.compose(file.getvalue(), None, 10**8, can_animate=True)
    assert isinstance(read, Animation) and read.loop == min(loop, 65536)


@pytest.mark.parametrize(
    "durations, expected",
    [
        ([100 / 3] * 6, [30, 40, 30, 30, 40, 30]),  # 0.2 s in all
        ([100 / 6] * 3, [20, 20, 20]),  # browsers would show a frame of 10 ms for 100
        ([10, 10, 0, 4], [10, 10, 0, 0]),
        ([10**7, 50], [655350, 50]),
    ],
)
def test_write_rounds_durations(durations, expected):
    frames = [Picture(np.full((4, 4), i, np.uint8)) for i in range(len(durations))]
    file, notes = _written(frames, durations=durations, loop=1)
    assert _by_pillow(file)[1] == expected
    is_exact = all(duration % 10 == 0 for duration in durations)
    assert notes == (() if is_exact else ("durations become hundredths of a second: GIF has no others",))


def test_write_keeps_frames_that_are_equal(rng):
    (frame,) = _frames(rng, colours=50, count=1)
    file, _ = _written([frame, frame, frame], durations=[20, 30, 40], loop=1)
    _assert_holds(file, [frame] * 3)
    assert _by_pillow(file)[1] == [20, 30, 40]
    once = len(_written([frame])[0].getvalue())
    assert len(file.getvalue()) < once + 100


def test_write_stores_only_what_changes(rng):
    """A noisy background makes each whole frame large."""
    pixels = rng.integers(0, 256, (100, 100)).astype(np.uint8)
    frames = [Picture(pixels)]
    for i in range(4):
        pixels = pixels.copy()
        pixels[20 * i : 20 * i + 5, 20 * i : 20 * i + 5] = 77
        frames.append(Picture(pixels))
    file, notes = _written(frames, durations=[50] * 5, loop=0)
    assert notes == () and len(file.getvalue()) < 1.3 * len(_written(frames[:1])[0].getvalue())
    _assert_holds(file, frames)


def test_write_chooses_colours_well(rng):
    """Diffusion hides the steps between colours: blurred as by an eye at a distance, nothing is left of them."""
    smooth = encoders.smooth(200, 300)
    pixels = smooth.copy()
    pixels[50:90, 50:90] = rng.integers(0, 256, (40, 40, 3))
    alpha = np.full((200, 300), 255, np.uint8)
    alpha[:, 200:] = 0
    for picture in (Picture(pixels), Picture(pixels, alpha)):
        file, notes = _written([picture])
        assert notes == ("colours become 256 a frame: GIF has no more",)
        (seen,) = _by_jsr(file)
        assert len(np.unique(seen.pixels[:, :200].reshape(-1, 3), axis=0)) <= 256
        difference = seen.pixels[100:, :190].astype(int) - smooth[100:, :190]
        assert np.sqrt((difference**2).mean()) < 6 and np.abs(difference.mean(axis=(0, 1))).max() < 1
        blurred, expected = (
            np.asarray(Image.fromarray(x).filter(ImageFilter.GaussianBlur(3))).astype(int)[110:190, 10:180]
            for x in (seen.pixels, smooth)
        )
        assert np.sqrt(((blurred - expected) ** 2).mean()) < 1.2


def test_write_makes_alpha_all_or_none():
    alpha = np.array([[0, 127, 128, 255]], np.uint8)
    file, notes = _written([Picture(np.full((1, 4, 3), 9, np.uint8), alpha)])
    assert notes == ("partial transparency becomes all or none: GIF has no other",)
    assert _by_pillow(file)[0][0][..., 3].tolist() == [[0, 0, 255, 255]]


def test_infer_writes_gif_and_says_what_is_lost(tmp_path, capsys):
    """A still picture with EXIF, and one of 16 bits."""
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    Image.fromarray(encoders.smooth()).save(tmp_path / "a.png", exif=exif)
    deep = encoders.png_of(np.full((6, 5, 3), 40000, np.uint16), bitdepth=16)
    (tmp_path / "deep.png").write_bytes(deep)
    for name, note in (
        ("a", "EXIF is not kept: not written to GIF"),
        ("deep", "16 bits become 8: GIF has no more"),
    ):
        target = tmp_path / f"{name}.gif"
        assert infer.main([str(tmp_path / f"{name}.png"), "-o", str(target), "--model", "nearest"]) == 0
        assert note in capsys.readouterr().out
    with Image.open(tmp_path / "a.gif") as image:
        assert (image.format, image.size) == ("GIF", (128, 96))
        difference = np.asarray(image.convert("RGB")).astype(int) - encoders.smooth().repeat(4, 0).repeat(4, 1)
    assert np.abs(difference.mean(axis=(0, 1))).max() < 1.5
    with Image.open(tmp_path / "deep.gif") as image:
        assert image.convert("RGB").getcolors() == [(24 * 20, (156, 156, 156))]
