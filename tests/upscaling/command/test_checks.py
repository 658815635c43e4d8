"""Tests ../../../jsr/upscaling/command/checks.py, and what the parser and preparation.py refuse, by `jsr.infer`."""

from pathlib import Path

import pytest

from tests import commands

pytestmark = pytest.mark.usefixtures("place")


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "the following arguments are required"),
        (
            ["a.png", "--model", "esrgan"],
            "srresnet, srgan, srresnet-photo, srgan-photo, light, light-photo, espcn, srcnn, aplus, sparse, ne, ibp,"
            " pocs, map, bicubic, lanczos, bilinear, nearest",
        ),
        (["a.png", "--model", "a.png"], "expected a weights file"),
        (["a.png", "--tile", "15"], "--tile: expected 16 or more pixels, got 15"),
        (["a.png", "--tile", "big"], "--tile: expected a number of pixels or auto, got big"),
        ([""], "FILE_OR_FOLDER: expected a path, got an empty text"),
        (["a.png", "-o", ""], "-o/--output: expected a path, got an empty text"),
        (["a.png", "--model", ""], "--model: expected a path, got an empty text"),
        (["-"], "-: expected -o with the name of its result, or -o - for standard output"),
        (["a.png", "a.png", "-o", "-"], "-o -: expected one picture"),
        ([".", "-o", "-"], "-o -: expected one picture"),
        (["missing\n.png", "-o", "b.xyz"], "b.xyz: expected"),
        (["a.png", "-o", "a.jp2", "--model", "bicubic"], "a.jp2: expected a name that ends in one"),
        (["a.png", "c.png", "-o", "b.png", "--model", "bicubic"], "-o b.png: expected a folder"),
        ([".", "-o", "b.png", "--model", "bicubic"], "-o b.png: expected a folder"),
        ([".", "-o", "file", "--model", "bicubic"], "-o file: expected a folder"),
        (["empty", "--model", "bicubic"], "empty: no pictures or videos in this folder"),
        (["a.png", "--texture", "1.5"], "--texture: expected 0 to 1, got 1.5"),
        (["a.png", "--texture", "nan"], "--texture: expected 0 to 1, got nan"),
        (["a.png", "--texture", "much"], "--texture"),
        (["a.png", "--texture", "1", "--restore", "-1"], "--restore: expected 0 to 1, got -1"),
        (["a.png", "--blend", "1.5"], "--texture: expected 0 to 1, got 1.5"),
        (["a.png", "--restore", "1", "--model", "bicubic"], "expected no --model, got bicubic"),
        (["a.png", "--no-such"], "--no-such"),
        (["a.png", "--scale", "17"], "--scale: expected more than 0 and up to 16, got 17"),
        (["a.png", "-s", "0"], "--scale: expected more than 0 and up to 16, got 0"),
        (["a.png", "-s", "nan"], "--scale: expected more than 0 and up to 16, got nan"),
        (["a.png", "-s", "two"], "--scale: expected a number, got two"),
        (["a.png", "-s", "2", "--width", "9"], "--scale: expected neither --width nor --height beside it"),
        (["a.png", "--width", "0"], "--width: expected 1 pixel or more, got 0"),
        (["a.png", "--compare", "-s", "1.5"], "--compare: shows whole scales, so expected --scale 2, 3 or 4"),
        (["a.png", "--compare", "-s", "2"], "--compare: expected the scale of blend:0.8,0.8, 4, got 2"),
        (["a.png", "--psf", "1.2", "--model", "map"], "--psf: expected sigma=N with N from 0 to 8, got 1.2"),
        (["a.png", "--psf", "sigma=9", "--model", "map"], "--psf: expected sigma=N with N from 0 to 8, got sigma=9"),
        (["a.png", "--psf", "sigma=nan", "--model", "map"], "got sigma=nan"),
        (["a.png", "--noise", "-1", "--model", "map"], "--noise: expected 0 to 100, got -1"),
        (["a.png", "--noise", "5"], "expected a method that takes blur and noise as known (ibp, pocs, map)"),
        (["a.png", "--burst", "--compare"], "--burst: expected neither --compare nor --ensemble"),
        (["a.png", "--burst", "--ensemble"], "--burst: expected neither --compare nor --ensemble"),
        (["a.png", "--burst", "--model", "pocs"], "--burst: expected --model ibp or map, got pocs"),
        (["a.png", "a.png", "--burst", "-o", "a.png"], "would overwrite an input"),
    ],
)
def test_wrong_arguments_are_refused_in_one_line(capsys, argv, message):
    commands.picture("a.png")
    Path("file").touch()
    Path("empty").mkdir()
    assert message in commands.refused(capsys, *argv)


@pytest.mark.parametrize(
    "argv, message",
    [
        (["--quality", "80"], "--quality: a_x4.png would be PNG; expected --format or -o for JPEG, WEBP"),
        (["--quality", "80", "--format", "tiff"], "a_x4.tiff would be TIFF; expected --format or -o for JPEG, WEBP"),
        (["--quality", "0", "--format", "jpg"], "--quality: expected 1 to 100, got 0"),
        (["--lossless", "--format", "jpg"], "--lossless: a_x4.jpg would be JPEG, which always loses detail"),
        (["--lossless", "--quality", "80", "--format", "webp"], "--lossless: expected no --quality beside it"),
        (
            ["--format", "JPG"],
            "--format: expected one of same, png, jpg, jpeg, webp, tif, tiff, bmp, gif, avif, jxl, npy, mp4, m4v, mkv,"
            " webm, mov, got JPG, pe",
        ),
        (["--format", "jpg", "-o", "b.png"], "-o b.png: names a PNG, so expected no --format jpg"),
        (["--suffix", "/x"], "--suffix: expected a part of a name, got /x"),
        (["--suffix", ""], "--suffix: expected a text"),
        (["--suffix", "_big", "-o", "b.png"], "--suffix: expected none beside -o b.png, which names the result"),
        (["--compare", "--format", "jpg"], "--compare: writes photo_compare.png"),
        (["--skip-existing", "--overwrite"], "--overwrite: not allowed with argument --skip-existing"),
        (["-q", "-v"], "-v/--verbose: not allowed with argument -q/--quiet"),
        (["--json", "-o", "-"], "--json: expected -o with a file, because standard output is for the picture"),
        (["--max-pixels", "1e9x"], "--max-pixels: expected a whole number, got 1e9x"),
        (["-i", "a.png"], "-i: no such option; pictures and folders are named without an option"),
        (["-n", "x4plus"], "-n: no such option; the model is --model"),
        (["--qualiti", "9"], "--qualiti: no such option, perhaps --quality"),
    ],
)
def test_options_that_do_not_fit_are_refused_in_one_line(capsys, argv, message):
    commands.picture("a.png")
    assert message in commands.refused(capsys, "a.png", "--model", "bicubic", *argv)
    assert sorted(path.name for path in Path().iterdir()) == ["a.png"]


def test_options_of_the_other_kind_are_refused(capsys):
    clips = pytest.importorskip("tests.clips")
    clips.write("clip.mp4", clips.smooth(2))
    commands.picture("a.png")
    for options, message in (
        (["clip.mp4", "--compare"], "--compare: is for pictures, got the video clip.mp4"),
        (["clip.mp4", "--frame", "0"], "--frame: is for pictures, got the video clip.mp4"),
        (["clip.mp4", "--burst"], "--burst: is for pictures, got the video clip.mp4"),
        (["clip.mp4", "-o", "a.gif"], "-o: expected a name in .mp4, .m4v, .mkv, .webm, .mov for a video"),
        (["clip.mp4", "--format", "jpg"], "--format: nothing can be written as jpg, got clip.mp4"),
        (["a.png", "-o", "b.mp4"], "-o: expected a name in .png, .jpg"),
        (["a.png", "--codec", "x265"], "--codec: is for videos, got a.png"),
        (["a.png", "clip.mp4", "--quality", "20"], "--quality: is another number for pictures and videos"),
        (["a.png", "-o", "-", "--raw", "8x6", "--json"], "--json: "),
        (["a.png", "--raw", "8x6"], "--raw: expected one input and -o"),
        (["a.png", "-o", "a.png", "--raw", "8x6"], "-o a.png: would overwrite the input"),
        (["a.png", "-o", "b", "--raw", "8"], "--raw: expected width and height, such as 320x180, got 8"),
        (["a.png", "-o", "b", "--raw", "8x6", "--quality", "9"], "--quality: is not for raw frames"),
    ):
        assert commands.refused(capsys, *options).startswith(f"jsr.infer: error: {message}")


def test_a_folder_of_other_files_alone_is_refused(capsys):
    Path("in").mkdir()
    Path("in/notes.txt").touch()
    line = commands.refused(capsys, "in", "--model", "bicubic")
    assert line == "jsr.infer: error: in: no pictures or videos in this folder; other files: 1, such as in/notes.txt\n"
