"""Tests ../../jsr/pictures/animation.py, and `jsr.infer` with animations."""

import numpy as np
import pytest
from PIL import Image

from jsr import infer, pictures
from jsr.errors import PictureError
from jsr.models import Model
from jsr.models.classical.interpolation import Interpolation
from jsr.pictures import Animation, Picture
from jsr.pictures.animation import write
from jsr.upscaling import tiles
from tests import corpus, encoders

DURATIONS = [40, 100, 250, 70]


def _moving(kind, *, loop=3, is_transparent=False):
    """Returns a file in which a red square moves over a gradient, or over nothing, and its RGBA frames.

    The file stores of each frame only the part that differs from the one before.
    """
    frames = []
    for i in range(4):
        rgba = np.zeros((20, 24, 4), np.uint8)
        if not is_transparent:
            rgba[..., :3], rgba[..., 3] = encoders.smooth(20, 24) // 64 * 64, 255
        rgba[4:9, 3 + 4 * i : 8 + 4 * i] = (255, 0, 0, 255)
        frames.append(Image.fromarray(rgba if is_transparent else rgba[..., :3]))
    options = {"disposal": 2} if kind == "GIF" else {}
    return encoders.saved(
        frames[0],
        kind,
        save_all=True,
        append_images=frames[1:],
        duration=DURATIONS,
        loop=loop,
        **options,
    ), np.stack([np.asarray(p.convert("RGBA")) for p in frames])


def _seen(path):
    """All frames by Pillow, with durations and loops."""
    with Image.open(path) as image:
        frames, durations = [], []
        for i in range(getattr(image, "n_frames", 1)):
            image.seek(i)
            image.load()
            frames.append(np.asarray(image.convert("RGBA")))
            durations.append(image.info["duration"])
        return np.stack(frames), durations, image.info["loop"], image.format


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
@pytest.mark.parametrize("suffix", ["png", "webp", "gif"])
@pytest.mark.parametrize("is_transparent", [False, True])
def test_infer_enlarges_all_frames_and_keeps_their_durations(tmp_path, capsys, kind, suffix, is_transparent):
    content, small = _moving(kind, is_transparent=is_transparent)
    source, target = tmp_path / f"a.{kind.lower()}", tmp_path / f"large.{suffix}"
    source.write_bytes(content)
    assert infer.main([str(source), "-o", str(target), "--model", "nearest"]) == 0
    seen, durations, loop, form = _seen(target)
    assert form == suffix.upper()
    # GIF counts repetitions, the others showings.
    assert (durations, loop) == (DURATIONS, 3 + (kind == "GIF") - (suffix == "gif"))
    expected = small.repeat(4, axis=1).repeat(4, axis=2).astype(int)
    assert seen.shape == expected.shape
    alpha = (expected[..., 3:] > 0) & (seen[..., 3:] > 0)
    for frame, opaque in zip(seen, small[..., 3], strict=True):
        bicubic = tiles.upscale(Model(Interpolation(), {}, {}), opaque)
        if suffix == "gif":
            bicubic = np.where(bicubic < 128, 0, 255)
        np.testing.assert_allclose(frame[..., 3].astype(int), bicubic, atol=2)
    difference = np.abs(seen - expected)[..., :3] * alpha
    if suffix == "png" and kind != "GIF":
        assert difference.max() == 0
    else:  # lossy, or of 256 colours
        assert difference.mean() < 6
    name = {"png": "an animated PNG", "webp": "an animated WebP", "gif": "an animated GIF"}[suffix]
    assert f"  its 4 frames are written as {name}\n" in capsys.readouterr().out


@pytest.mark.parametrize("source", ["gif", "webp", "png"])
@pytest.mark.parametrize("target", ["gif", "webp", "png"])
@pytest.mark.parametrize("loop", [0, 1, 4, 65536])
def test_write_keeps_showings_and_durations_in_every_format(tmp_path, source, target, loop):
    frames = [Picture(np.full((4, 4, 3), level, np.uint8)) for level in (0, 200, 90)]
    write(tmp_path / f"a.{source}", frames, durations=[50, 20, 1000], loop=loop)
    animation = pictures.open(tmp_path / f"a.{source}")
    assert isinstance(animation, Animation)
    write(tmp_path / f"b.{target}", animation.frames, durations=animation.durations, loop=animation.loop)
    animation = pictures.open(tmp_path / f"b.{target}")
    assert isinstance(animation, Animation)
    assert list(animation.durations) == [50, 20, 1000]
    assert animation.loop == (min(loop, 65535) if "webp" in (source, target) else loop)


@pytest.mark.parametrize("has_alpha", [False, True])
@pytest.mark.parametrize("is_grey", [False, True])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_open_reads_the_frames_that_were_written(tmp_path, rng, dtype, is_grey, has_alpha):
    shape = (7, 9) if is_grey else (7, 9, 3)
    top = np.iinfo(dtype).max
    frames = [
        Picture(
            rng.integers(0, top, shape, dtype, endpoint=True),
            rng.integers(0, top, (7, 9), dtype, endpoint=True) if has_alpha else None,
        )
        for _ in range(3)
    ]
    notes = write(tmp_path / "a.png", frames, durations=[10, 20, 30], loop=0)
    assert notes == ("its 3 frames are written as an animated PNG",)
    animation = pictures.open(tmp_path / "a.png")
    assert isinstance(animation, Animation)
    for seen, frame in zip(animation.frames, frames, strict=True):
        np.testing.assert_array_equal(seen.pixels, frame.pixels)
        assert (seen.alpha is not None) == has_alpha
        if has_alpha:
            np.testing.assert_array_equal(seen.alpha, frame.alpha)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_infer_takes_one_frame(tmp_path, capsys, kind):
    content, expected = _moving("PNG" if kind == "TIFF" else kind)
    source = tmp_path / f"a.{corpus.SUFFIXES.get(kind, kind.lower())}"
    if kind == "TIFF":
        pages = [Image.fromarray(e[..., :3]) for e in expected]
        content = encoders.saved(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    source.write_bytes(content)
    command = [str(source), "-o", str(tmp_path / "b.png"), "--model", "nearest", "--frame"]
    assert infer.main([*command, "2"]) == 0
    with Image.open(tmp_path / "b.png") as image:
        assert getattr(image, "n_frames", 1) == 1
        seen = np.asarray(image.convert("RGB"))[::4, ::4]
    assert np.abs(seen - expected[2, ..., :3].astype(int)).max() <= (40 if kind == "GIF" else 0)
    assert capsys.readouterr().out.count("\n") == 1
    for number in ("4", "-1"):
        assert infer.main([*command, number]) == 1
        assert f"--frame: expected 0 to 3, got {number}" in capsys.readouterr().err


def test_infer_takes_the_first_frame_for_a_still_target_with_a_note(tmp_path, capsys):
    (tmp_path / "a.gif").write_bytes(_moving("GIF")[0])
    command = [str(tmp_path / "a.gif"), "-o", str(tmp_path / "a.jpg"), "--model", "nearest"]
    assert infer.main(command) == 0
    assert "only the first of 4 frames is taken; --frame N takes another" in capsys.readouterr().out


def test_open_takes_pages_for_no_animation(tmp_path, capsys):
    pages = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue", "lime")]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    assert isinstance(pictures.open(tmp_path / "a.tif"), Picture)
    assert infer.main([str(tmp_path / "a.tif"), "--model", "nearest"]) == 0
    assert "only the first of 3 frames is taken" in capsys.readouterr().out


def test_open_leaves_out_the_still_for_other_viewers(tmp_path):
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("black", "red", "blue")]
    content = encoders.saved(
        frames[0],
        "PNG",
        save_all=True,
        append_images=frames[1:],
        default_image=True,
        duration=[30, 60],
    )
    (tmp_path / "a.png").write_bytes(content)
    animation = pictures.open(tmp_path / "a.png")
    assert isinstance(animation, Animation)
    assert [tuple(f.pixels[0, 0]) for f in animation.frames] == [(255, 0, 0), (0, 0, 255)]


def test_open_counts_every_frame_towards_the_limit(tmp_path, capsys):
    path = tmp_path / "a.png"
    path.write_bytes(_moving("PNG")[0])
    assert isinstance(pictures.open(path, max_pixels=4 * 20 * 24), Animation)
    with pytest.raises(PictureError, match="24x20 in 4 frames: more than 0.001919 million pixels"):
        pictures.open(path, max_pixels=4 * 20 * 24 - 1)
    command = [str(path), "--model", "nearest", "--max-pixels"]
    assert infer.main([*command, "480", "--frame", "1"]) == 0
    assert infer.main([*command, "479", "--frame", "1"]) == 1
    assert "--max-pixels sets this limit" in capsys.readouterr().err


def test_infer_keeps_orientation_profile_and_exif_of_frames(tmp_path):
    frames = [Image.fromarray(encoders.smooth() // (i + 1)) for i in range(2)]
    content = encoders.saved(
        frames[0],
        "WEBP",
        save_all=True,
        append_images=frames[1:],
        exif=encoders.camera_exif(6).tobytes(),
        icc_profile=encoders.SRGB,
    )
    (tmp_path / "a.webp").write_bytes(content)
    assert infer.main([str(tmp_path / "a.webp"), "--model", "nearest"]) == 0
    with Image.open(tmp_path / "a_x4.png") as image:
        image.load()
        assert image.size == (96, 128) and image.info["icc_profile"] == encoders.SRGB
        assert image.getexif()[encoders.MAKE] == "Camera"
        turned = np.rot90(encoders.smooth(), -1).repeat(4, 0).repeat(4, 1)
        np.testing.assert_array_equal(np.asarray(image.convert("RGB")), turned)


def test_write_of_broken_frames_leaves_nothing(tmp_path):
    picture = Picture(encoders.smooth(4, 4))

    def broken():
        yield picture
        raise OSError(28, "No space left on device")

    with pytest.raises(PictureError, match="a.png: cannot be written: No space left"):
        write(tmp_path / "a.png", broken(), durations=[1, 1], loop=0)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(PictureError, match="not a picture"):
        (tmp_path / "b.gif").write_text("hello")
        pictures.open(tmp_path / "b.gif")
    content, _ = _moving("GIF")
    (tmp_path / "b.gif").write_bytes(content[: len(content) // 2])
    with pytest.raises(PictureError, match="b.gif: "):
        pictures.open(tmp_path / "b.gif")
    assert pictures.read(tmp_path / "b.gif", frame=0)
