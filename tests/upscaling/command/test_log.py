"""Tests ../../../jsr/upscaling/command/log.py: what `jsr.infer` prints."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jsr.errors import PictureError
from jsr.upscaling import tiles
from tests import commands

BUG = "(a bug of jsr: please report it, with the traceback that JSR_TRACEBACK=1 prints)"

pytestmark = pytest.mark.usefixtures("place")


def test_notes_name_each_loss(capsys):
    rgba = np.full((4, 4, 4), 99, np.uint8)
    frames = [Image.fromarray(rgba), Image.fromarray(rgba // 2)]
    frames[0].save("a.png", save_all=True, append_images=frames[1:])
    assert commands.run("a.png", "-o", "b.jpg") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:] == [
        "  only the first of 2 frames is taken; --frame N takes another",
        "  transparency is laid over white: JPEG has none",
    ]


def test_bad_pictures_are_named_and_the_others_upscaled(capsys):
    commands.picture("in/a.png")
    commands.picture("in/z.png")
    Path("in/empty.png").touch()
    Path("in/text.jpg").write_text("no picture")
    whole = Path("in/a.png").read_bytes()
    Path("in/torn.png").write_bytes(whole[: len(whole) // 2])
    assert commands.run("in", "missing.png") == 1
    output = capsys.readouterr()
    assert output.out.count(" -> ") == 2 and commands.size("in/z_x4.png") == (32, 24)
    errors = output.err.splitlines()
    assert [line.split(": ")[2] for line in errors[:4]] == [
        "in/empty.png",
        "in/text.jpg",
        "in/torn.png",
        "missing.png",
    ]
    assert errors[4:] == ["jsr.infer: 4 of 6 files failed"]
    results = {str(p) for p in Path("in").glob("*_x4*")}
    assert results == {"in/a_x4.png", "in/z_x4.png"}


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (MemoryError(), "out of memory"),
        (RuntimeError("RESOURCE_EXHAUSTED: Out of memory\nallocating"), "out of memory"),
        (RuntimeError("first line\nsecond"), f"RuntimeError: first line {BUG}"),
        (ValueError("of a library"), f"ValueError: of a library {BUG}"),
        (KeyError(), f"KeyError {BUG}"),
        (PictureError("a.png: cannot be read"), "cannot be read"),
        (OSError(28, "No space left on device"), "a_x4.png: No space left on device"),
    ],
)
def test_any_failure_costs_one_picture_and_one_line(capsys, monkeypatch, error, message):
    commands.picture("a.png")
    commands.picture("b.png", 7)
    upscale = tiles.upscale

    def fails(model, image, **options):
        if len(image) == 6:
            raise error
        return upscale(model, image, **options)

    monkeypatch.setattr(tiles, "upscale", fails)
    assert commands.run("a.png", "b.png", "--tile", "64") == 1
    errors = capsys.readouterr().err.splitlines()
    assert errors == [f"jsr.infer: error: a.png: {message}", "jsr.infer: 1 of 2 files failed"]
    assert commands.size("b_x4.png") == (32, 28) and not Path("a_x4.png").exists()


def test_a_bug_shows_its_traceback_on_demand(capsys, monkeypatch):
    commands.picture("a.png")

    def fails(model, image, **options):
        raise KeyError("place")

    monkeypatch.setattr(tiles, "upscale", fails)
    monkeypatch.setenv("JSR_TRACEBACK", "1")
    assert commands.run("a.png") == 1
    errors = capsys.readouterr().err.splitlines()
    assert errors[0] == "Traceback (most recent call last):" and any("in fails" in line for line in errors)
    assert errors[-1] == f"jsr.infer: error: a.png: KeyError: 'place' {BUG}"


def test_names_stay_in_one_line_and_the_home_is_found(capsys, monkeypatch):
    commands.picture("a\nb.png")
    assert commands.run("a\nb.png", "missing\x1b[2J.png") == 1
    output = capsys.readouterr()
    assert output.out.startswith("a\\nb.png -> a\\nb_x4.png (32x24, ") and output.out.count("\n") == 1
    assert output.err.startswith("jsr.infer: error: missing\\x1b[2J.png: No such file or directory\n")
    monkeypatch.setenv("HOME", str(Path().absolute()))
    commands.picture("c.png")
    assert commands.run("~/c.png", "-o", "~/d.png") == 0 and commands.size("d.png") == (32, 24)


def test_quiet_prints_errors_alone_and_verbose_what_a_picture_holds(capsys):
    commands.picture("in/a.png")
    Path("in/notes.txt").touch()
    Path("in/more.txt").touch()
    Image.new("LA", (4, 4)).save("in/b.png", icc_profile=commands.ICC)
    assert commands.run("in", "missing.png", "-q") == 1
    output = capsys.readouterr()
    assert output.out == "" and output.err.startswith("jsr.infer: error: missing.png: ")
    assert commands.run("in", "-v") == 0
    output = capsys.readouterr().out
    for name in ("in/more.txt", "in/notes.txt"):
        assert f"left out because they are neither pictures nor videos: {name}\n" in output
    assert "  from 8x6 RGB of 8 bits\n" in output and "  from 4x4 grey of 8 bits, with transparency, icc\n" in output


def test_json_is_a_line_for_each_picture_and_nothing_else(capsys):
    commands.picture("in/a\n.png")
    commands.picture("in/b.png")
    Path("in/notes.txt").touch()
    assert commands.run("in", "missing.png", "--json") == 1
    output = capsys.readouterr()
    skipped, first, second, third = map(json.loads, output.out.splitlines())
    reason = "because they are neither pictures nor videos"
    assert skipped == {"input": "in/notes.txt", "output": None, "error": None, "skipped": reason}
    assert first.pop("seconds") > 0 and second["output"] == "in/b_x4.png"
    assert first == {
        "input": "in/a\n.png",
        "output": "in/a\n_x4.png",
        "error": None,
        "skipped": None,
        "width": 32,
        "height": 24,
        "from": "8x6 RGB of 8 bits",
        "notes": [],
    }
    assert third == {"input": "missing.png", "output": None, "error": "No such file or directory", "skipped": None}
    assert f"left out {reason}: 1" in output.err
    assert commands.run("in", "--json", "--skip-existing") == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["input"]: line["skipped"] for line in lines} == {
        "in/a\n_x4.png": "as earlier results",
        "in/b_x4.png": "as earlier results",
        "in/notes.txt": reason,
        "in/a\n.png": "because they have results",
        "in/b.png": "because they have results",
    }


def test_errors_of_a_video_are_one_line(capsys, monkeypatch):
    clips = pytest.importorskip("tests.clips")
    clips.write("clip.mp4", clips.smooth(2))
    Path("noise.mkv").write_bytes(b"noise")
    for options, message in (
        (["noise.mkv"], "noise.mkv: broken or not a video: Invalid data found when processing input"),
        (["clip.mp4", "-o", "a.webm"], "clip.mp4: WebM does not hold its sound, aac; -o NAME.mkv does"),
        (["clip.mp4", "--quality", "60"], "clip.mp4: --quality: expected a CRF of 1 to 51 for H.264, got 60"),
        (["clip.mp4", "--lossless"], "clip.mp4: --lossless: H.264 loses detail; --codec ffv1 in a .mkv does not"),
    ):
        assert commands.run(*options) == 1
        assert capsys.readouterr() == ("", f"jsr.infer: error: {message}\n")
    for name in [name for name in sys.modules if name.startswith(("av.", "jsr.video.", "jsr.upscaling.video"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("jsr.upscaling.video")
    monkeypatch.setitem(sys.modules, "av", None)
    assert commands.run("clip.mp4") == 1
    message = "videos need a package that is not installed: pip install 'jax-srgan[video]'"
    assert capsys.readouterr().err == f"jsr.infer: error: clip.mp4: {message}\n"
