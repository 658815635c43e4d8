"""Tests ../jsr/infer.py."""

import io
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import png
import pytest
from PIL import Image

from jsr import infer, pictures
from jsr.models import Model
from jsr.models.classical.interpolation import Interpolation
from jsr.ops.bleed import bleed
from jsr.pictures import Metadata, Picture, formats, writing
from jsr.upscaling import tiles
from tests import commands, encoders
from tests.expected import stored

BICUBIC = Model(Interpolation(), {}, {})

pytestmark = pytest.mark.usefixtures("place")


def test_infer_writes_the_result_beside_its_picture(capsys):
    pixels = commands.picture("photo.png")
    assert commands.run("photo.png") == 0
    np.testing.assert_array_equal(stored("photo_x4.png"), tiles.upscale(BICUBIC, pixels))
    output = capsys.readouterr()
    assert output.out.startswith("photo.png -> photo_x4.png (32x24, ") and output.err == ""
    assert output.out.count("\n") == 1


def test_infer_replaces_its_earlier_result():
    commands.picture("photo.png")
    assert commands.run("photo.png") == 0
    expected = Path("photo_x4.png").read_bytes()
    Path("photo_x4.png").write_bytes(b"old")
    assert commands.run("photo.png") == 0
    assert Path("photo_x4.png").read_bytes() == expected


def test_output_file_decides_the_format():
    commands.picture("photo.png")
    assert commands.run("photo.png", "-o", "new/large.jpg") == 0
    with Image.open("new/large.jpg") as image:
        assert (image.format, image.size) == ("JPEG", (32, 24))


@pytest.mark.parametrize("output", ["out", "out/", "out.d/"])
def test_output_folder(output):
    commands.picture("a/photo.jpg")
    assert commands.run("a/photo.jpg", "-o", output) == 0
    assert commands.size(Path(output, "photo.png")) == (32, 24)


def test_existing_folder_with_a_suffix_is_a_folder():
    commands.picture("photo.jpg")
    Path("out.png").mkdir()
    assert commands.run("photo.jpg", "-o", "out.png") == 0
    assert commands.size("out.png/photo.png") == (32, 24)


def test_folders_keep_their_sub_folders_and_other_files_are_counted(capsys):
    for seed, name in enumerate(("in/a.png", "in/b/a.jpg", "in/b/c.d.webp", "single.bmp")):
        commands.picture(name, seed=seed)
    Path("in/notes.txt").write_text("no picture")
    Path("in/b/table.csv").touch()
    assert commands.run("in", "single.bmp", "-o", "out") == 0
    written = sorted(str(p) for p in Path("out").rglob("*.*"))
    assert written == ["out/a.png", "out/b/a.png", "out/b/c.d.png", "out/single.png"]
    output = capsys.readouterr().out
    assert output.count(" -> ") == 4
    assert output.startswith("left out because they are neither pictures nor videos: 2, such as in/b/table.csv\n")


def test_earlier_results_are_not_upscaled_again(capsys):
    """Beside the inputs, and in a folder of results below them; what has no source is a picture."""
    for name in ("in/a.JPG", "in/sub/b.png", "in/alone_x4.png"):
        commands.picture(name)
    assert commands.run("in") == 0
    assert commands.run("in", "-o", "in/large") == 0
    Path("in/a_compare.png").write_bytes(Path("in/a_x4.png").read_bytes())
    before = sorted(Path("in").rglob("*"))
    capsys.readouterr()
    assert commands.run("in", "-o", "in/large") == 0
    assert sorted(Path("in").rglob("*")) == before
    out = capsys.readouterr().out
    assert out.count(" -> ") == 3 and "in/alone_x4.png -> in/large/alone_x4.png" in out
    # alone_x4_x4.png is the third, after a's two.
    assert out.startswith("left out as earlier results: 4, such as in/a_compare.png\n")


def test_a_picture_named_twice_is_upscaled_once(capsys):
    commands.picture("in/a.png")
    Path("link").symlink_to("in")
    assert commands.run("in/a.png", "in", "./in/../in/a.png", "link/a.png") == 0
    assert capsys.readouterr().out.count(" -> ") == 1


@pytest.mark.parametrize("number", ["1", "-1"])
def test_a_missing_frame_of_a_still_picture_is_named(capsys, number):
    commands.picture("a.png")
    assert commands.run("a.png", "--frame", number) == 1
    expected = f"jsr.infer: error: a.png: --frame: expected 0, because there is one frame alone, got {number}\n"
    assert capsys.readouterr().err == expected


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("is_grey", [False, True])
def test_depth_grey_alpha_and_profile_are_kept(rng, dtype, is_grey):
    top = np.iinfo(dtype).max
    pixels = rng.integers(0, top + 1, (5, 7) if is_grey else (5, 7, 3), dtype)
    alpha = np.full((5, 7), top, dtype)
    alpha[:, :3] = 0
    exif = Image.Exif()
    exif[0x010F] = "Camera"
    icc = encoders.grey_profile() if is_grey else commands.ICC
    writing.write("a.png", Picture(pixels, alpha, Metadata(icc, exif.tobytes())))
    assert commands.run("a.png") == 0
    width, height, rows, info = png.Reader(bytes=Path("a_x4.png").read_bytes()).read()
    planes = 2 if is_grey else 4
    assert (width, height, info["planes"]) == (28, 20, planes)
    assert info["bitdepth"] == 8 * np.dtype(dtype).itemsize
    samples = np.array([list(row) for row in rows]).reshape(20, 28, planes)
    assert (samples[:, :9, -1] == 0).all() and (samples[:, -12:, -1] == top).all()
    large = pictures.read("a_x4.png")
    assert large.metadata.icc == icc and b"Camera" in (large.metadata.exif or b"")
    expected = tiles.upscale(BICUBIC, bleed(pixels, alpha))
    np.testing.assert_array_equal(samples[..., :-1].reshape(expected.shape), expected)


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (37, 2)])
def test_pictures_of_any_size_are_upscaled(size):
    for name, pixels in (("g.png", np.full(size, 77)), ("c.png", np.full((*size, 4), 77))):
        Image.fromarray(pixels.astype(np.uint8)).save(name)
        assert commands.run(name) == 0
        large = stored(name.replace(".", "_x4."))
        assert large.shape[:2] == (4 * size[0], 4 * size[1]) and (large == 77).all()


def test_interruption_ends_with_one_line(capsys, monkeypatch):
    for name in ("a.png", "b.png"):
        commands.picture(name)
    write = writing.write

    def interrupted(path, picture, **options):
        if path.name == "b_x4.png":
            raise KeyboardInterrupt
        return write(path, picture, **options)

    monkeypatch.setattr(writing, "write", interrupted)
    assert commands.run("a.png", "b.png") == 130
    assert capsys.readouterr().err == "jsr.infer: interrupted; what was finished is kept\n"
    assert sorted(p.name for p in Path().iterdir()) == ["a.png", "a_x4.png", "b.png"]


def test_a_result_too_large_for_its_format_is_refused_before_any_work(capsys, monkeypatch):
    commands.picture("a.png", 1, 4096)
    monkeypatch.setattr(tiles, "upscale", lambda *a, **k: pytest.fail("the work was begun"))
    assert commands.run("a.png", "-o", "a.webp") == 1
    assert "WEBP holds up to 16383 pixels a side, not 16384x4" in capsys.readouterr().err


def test_inputs_are_never_overwritten(capsys):
    commands.picture("a.png")
    commands.picture("a_x4.png")
    Path("link.png").symlink_to("a.png")
    Path("hard.png").hardlink_to("a.png")
    before = Path("a.png").read_bytes(), Path("a_x4.png").read_bytes()
    for argv in (
        ["a.png", "-o", "a.png"],
        ["a.png", "-o", "."],
        ["a.png", "a_x4.png"],
        ["a.png", "-o", "link.png"],
        ["a.png", "-o", "hard.png"],
    ):
        line = commands.refused(capsys, *argv, "--model", "bicubic")
        assert "a.png: its result" in line and "would overwrite an input" in line
    assert (Path("a.png").read_bytes(), Path("a_x4.png").read_bytes()) == before


def test_two_results_of_one_name_are_both_written():
    for height, name in enumerate(("a.png", "b/a.webp"), start=1):
        commands.picture(name, height)
    assert commands.run("a.png", "b/a.webp", "-o", "out") == 0
    assert commands.size("out/a.png") == (32, 4) and commands.size("out/a.webp.png") == (32, 8)


def test_the_program_by_its_status_and_streams(tmp_path):
    """As a program: status and streams, and names that the terminal cannot show."""
    name = b"caf\xe9.png"  # no UTF-8
    commands.picture("a.png")
    (tmp_path / os.fsdecode(name)).write_bytes((tmp_path / "a.png").read_bytes())
    command = [sys.executable, "-m", "jsr.infer", name, "missing.png", "--model", "bicubic"]
    root = Path(infer.__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONIOENCODING": "utf-8:strict"}
    process = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert process.returncode == 1 and "Traceback" not in process.stderr
    assert process.stdout.startswith("caf\\udce9.png -> caf\\udce9_x4.png (32x24, ")
    assert process.stderr.splitlines()[0] == ("jsr.infer: error: missing.png: No such file or directory")


def _piped(*argv, content=b""):
    command = [sys.executable, "-m", "jsr.infer", *argv, "--model", "bicubic"]
    environment = {**os.environ, "PYTHONPATH": str(Path(infer.__file__).parents[1])}
    return subprocess.run(command, input=content, capture_output=True, env=environment)


def test_a_picture_comes_by_standard_input_and_goes_to_standard_output():
    """The picture alone goes there; all messages go to stderr."""
    pixels = commands.picture("a.png")
    process = _piped("-", "-o", "-", content=Path("a.png").read_bytes())
    assert process.returncode == 0
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(process.stdout))), tiles.upscale(BICUBIC, pixels))
    assert process.stderr.startswith(b"- -> - (32x24, ") and process.stderr.count(b"\n") == 1
    assert [path.name for path in Path().iterdir()] == ["a.png"]


def test_a_stream_is_named_in_errors():
    process = _piped("-", "-o", "b.png", content=b"no picture")
    assert (process.returncode, process.stdout) == (1, b"")
    assert process.stderr == b"jsr.infer: error: -: not a picture of a known format\n"
    process = _piped("-", "-o", "-")
    assert (process.returncode, process.stdout) == (1, b"")
    assert process.stderr == b"jsr.infer: error: -: the file is empty\n"


def test_a_named_pipe_is_read_once(capsys):
    commands.picture("a.png")
    os.mkfifo("pipe")
    thread = threading.Thread(target=lambda: Path("pipe").write_bytes(Path("a.png").read_bytes()))
    thread.start()
    assert commands.run("pipe", "-o", "b.png") == 0
    thread.join()
    assert commands.size("b.png") == (32, 24) and capsys.readouterr().out.startswith("pipe -> b.png (32x24, ")


def test_temporary_files_of_a_killed_command_are_removed():
    commands.picture("a.png")
    Path(".jsr-12345678.part").write_bytes(b"half a picture")
    assert commands.run("a.png") == 0
    assert sorted(p.name for p in Path().iterdir()) == ["a.png", "a_x4.png"]


def test_a_smaller_tile_after_memory_ran_out_is_announced_once_and_kept(capsys, monkeypatch):
    commands.picture("a.png", 60, 60)
    commands.picture("b.png", 60, 60, seed=1)
    bands, asked = tiles._bands, []

    def small_only(model, image, *, tile, **options):
        asked.append(tile)
        if tile > 32:
            raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 7 bytes")
        return bands(model, image, tile=tile, **options)

    monkeypatch.setattr(tiles, "_bands", small_only)
    assert commands.run("a.png", "b.png", "--tile", "128") == 0
    output = capsys.readouterr()
    assert output.out.startswith("a.png: out of memory; going on with tiles of 64 or fewer\n")
    assert output.out.count("out of memory") == 1 and output.err == ""
    assert asked == [128, 64, 32, 32] and commands.size("b_x4.png") == (240, 240)


@pytest.mark.parametrize("suffix", ["gif", "avif", "jp2", "ppm", "jfif", "apng"])
def test_pictures_of_a_folder_are_those_that_are_read_when_named(capsys, suffix):
    kind = formats.READ[f".{suffix}"].name
    pixels = commands.picture(f"in/a.{suffix}", 8, 8, format=kind)
    assert commands.run("in") == 0
    assert commands.size("in/a_x4.png") == (32, 32) and pixels.shape == (8, 8, 3)
    assert capsys.readouterr().out.startswith(f"in/a.{suffix} -> in/a_x4.png (32x32, ")


def test_pictures_of_odd_or_no_suffix_are_found_in_a_folder(capsys):
    """As browsers and scripts save them; a text stays one."""
    for name, kind in (("in/noext", "PNG"), ("in/screen.jpg_large", "JPEG"), ("in/scan.bak", "WEBP")):
        commands.picture(name, format=kind)
    Path("in/README").write_text("P1 stands for plan 1")
    assert commands.run("in") == 0
    assert all(commands.size(f"in/{name}_x4.png") == (32, 24) for name in ("noext", "screen", "scan"))
    message = "left out because they are neither pictures nor videos: 1, such as in/README\n"
    assert capsys.readouterr().out.startswith(message)
    commands.run("in")
    assert "left out as earlier results: 3, such as" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["jpg", "webp", "tiff", "bmp"])
def test_a_folder_is_written_in_a_format(name):
    commands.picture("in/a.png")
    commands.picture("in/b.webp", seed=1)
    assert commands.run("in", "-o", "out", "--format", name) == 0
    assert {path.name for path in Path("out").iterdir()} == {f"a.{name}", f"b.{name}"}
    with Image.open(f"out/b.{name}") as image:
        assert (image.format, image.size) == (formats.WRITTEN[f".{name}"].name, (32, 24))


def test_same_keeps_each_format_and_a_suffix_names_the_results():
    for name in ("in/a.png", "in/b.JPG", "in/c.gif"):
        commands.picture(name)
    assert commands.run("in", "--format", "same", "--suffix=-large") == 0
    assert {path.name for path in Path("in").glob("*-large.*")} == {"a-large.png", "b-large.jpg", "c-large.gif"}
    assert commands.run("in", "-o", "out", "--suffix=-large") == 0  # earlier results are known by the suffix
    assert {path.name for path in Path("out").iterdir()} == {"a-large.png", "b-large.png", "c-large.png"}


def test_quality_and_lossless_reach_the_encoder():
    """Each quality changes the size of the file; a lossless WebP holds the very levels of a PNG."""
    commands.picture("a.png", 20, 24)
    sizes = []
    for quality in ("20", "60", "100"):
        for name in ("a.jpg", "a.webp"):
            assert commands.run("a.png", "-o", name, "--quality", quality) == 0
            sizes.append(Path(name).stat().st_size)
    assert sizes[::2] == sorted(set(sizes[::2])) and sizes[1::2] == sorted(set(sizes[1::2]))
    for name in ("b.webp", "b.png"):
        assert commands.run("a.png", "-o", name, "--lossless") == 0
    np.testing.assert_array_equal(stored("b.webp"), stored("b.png"))


def test_quality_reaches_the_frames_of_an_animation():
    frames = [Image.fromarray(commands.picture(f"{seed}.png", 20, 24, seed=seed)) for seed in range(2)]
    frames[0].save("a.webp", save_all=True, append_images=frames[1:], lossless=True)
    sizes = []
    for options in (["--quality", "10"], ["--quality", "90"], ["--lossless"]):
        assert commands.run("a.webp", "-o", "b.webp", *options) == 0
        sizes.append(Path("b.webp").stat().st_size)
    assert sizes == sorted(set(sizes))


def test_skip_existing_leaves_out_what_is_done(capsys):
    commands.picture("in/a.png")
    assert commands.run("in", "-o", "out") == 0
    commands.picture("in/b.png")
    Path("out/a.png").write_bytes(b"done")
    capsys.readouterr()
    assert commands.run("in", "-o", "out", "--skip-existing") == 0
    assert Path("out/a.png").read_bytes() == b"done" and commands.size("out/b.png") == (32, 24)
    output = capsys.readouterr().out
    assert output.startswith("left out because they have results: 1, such as in/a.png\n") and output.count("->") == 1
    assert commands.run("in", "-o", "out", "--overwrite") == 0 and commands.size("out/a.png") == (32, 24)


def test_a_folder_may_hold_videos_and_pictures(capsys):
    clips = pytest.importorskip("tests.clips")
    Path("in").mkdir()
    commands.picture("in/a.png")
    commands.picture("b.png").tofile(os.devnull)
    Path("b.png").rename("in/picture.mp4")  # by its content
    clips.write("in/clip.mp4", clips.smooth(6))
    Path("in/notes.txt").write_text("text")
    assert commands.run("in") == 0
    assert sorted(path.name for path in Path("in").glob("*_x4*")) == ["a_x4.png", "clip_x4.mp4", "picture_x4.png"]
    assert clips.shown("in/clip_x4.mp4", 128, 192).shape[0] == 6
    output = capsys.readouterr().out
    assert "in/clip.mp4 -> in/clip_x4.mp4 (192x128, " in output
    # The results are no inputs of the next command, and the picture's model is not the video's.
    assert infer.main(["in", "-o", "out", "--format", "mkv", "--model", "nearest", "--skip-existing"]) == 0
    assert sorted(path.name for path in Path("out").iterdir()) == ["a.png", "clip.mkv", "picture.png"]
    assert "left out as earlier results: 3" in capsys.readouterr().out


@pytest.mark.skipif(os.name == "nt", reason="needs head and /dev/zero")
def test_raw_frames_pass_through_a_pipe(rng):
    """As between two programs; a size that does not fit is one line, and a reader may leave."""
    frames = rng.integers(0, 256, (5, 6, 8, 3), np.uint8)
    command = [sys.executable, "-m", "jsr.infer", "-", "-o", "-", "--raw", "8x6", "--model", "nearest"]
    root = Path(infer.__file__).parents[1]
    environment = os.environ | {"PYTHONPATH": str(root)}
    process = subprocess.run(command, input=frames.tobytes() + b"rest", capture_output=True, env=environment)
    expected = frames.repeat(4, axis=1).repeat(4, axis=2)
    np.testing.assert_array_equal(np.frombuffer(process.stdout, np.uint8).reshape(expected.shape), expected)
    message = b"jsr.infer: error: -: frame 5 has 4 bytes, expected 144: --raw 8x6 of rgb24, or a whole number of them\n"
    assert (process.returncode, process.stderr) == (1, message)
    with (
        open("/dev/zero", "rb") as endless,
        subprocess.Popen(["head", "-c", "3000000"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as reader,
        subprocess.Popen(
            command, stdin=endless, stdout=reader.stdin, stderr=subprocess.PIPE, env=environment
        ) as writer,
    ):
        assert reader.stdin and writer.stderr
        reader.stdin.close()
        assert (writer.stderr.read(), writer.wait()) == (b"", 141)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="needs signals")
def test_a_killed_video_goes_on_and_an_interrupted_one_says_how(tmp_path):
    """By `kill -9` and by Ctrl-C; the result has the frames of a run that was never stopped."""
    clips = pytest.importorskip("tests.clips")
    clips.write("clip.mp4", clips.smooth(960))  # ten segments, so that it is not over by the time that it is stopped
    command = [sys.executable, "-m", "jsr.infer", "clip.mp4", "--model", "espcn", "-o"]
    environment = os.environ | {"PYTHONPATH": str(Path(infer.__file__).parents[1])}
    subprocess.run([*command, "whole.mp4"], check=True, capture_output=True, env=environment)
    place = Path("large.mp4.jsr")
    for count, number in ((1, signal.SIGKILL), (3, signal.SIGINT)):
        with subprocess.Popen([*command, "large.mp4"], stderr=subprocess.PIPE, env=environment) as process:
            while process.poll() is None and len([*place.glob("*.nut")]) < count:
                time.sleep(0.01)
            process.send_signal(number)
            assert process.stderr
            errors = process.stderr.read().decode()
        assert process.returncode == (-9 if number == signal.SIGKILL else 130)
        assert not Path("large.mp4").exists() and len([*place.glob("*.nut")]) >= count
    assert "frames are kept in large.mp4.jsr; the same command goes on with them\n" in errors
    result = subprocess.run([*command, "large.mp4"], check=True, capture_output=True, text=True, env=environment)
    assert " of 960 frames were finished by an earlier run" in result.stdout and not place.exists()
    assert clips.packets("large.mp4") == clips.packets("whole.mp4")
    np.testing.assert_array_equal(clips.shown("large.mp4", 128, 192), clips.shown("whole.mp4", 128, 192))
