"""Tests ../../jsr/metrics/options.py."""

from pathlib import Path

import pytest

from jsr.metrics import options
from jsr.ops.observation import Observation

DATA = ["--data", "sets/Set5"]
MODEL = ["--model", "bicubic", *DATA]


def _error(argv, capsys):
    """Returns the only line on stderr."""
    with pytest.raises(SystemExit) as stop:
        options.parse(argv)
    error = capsys.readouterr().err
    assert stop.value.code == 2 and error.count("\n") == 1, error
    return error.removeprefix("jsr.evaluate: error: ").removesuffix("\n")


def test_defaults_are_the_customs_of_the_field():
    _, args = options.parse(MODEL)
    assert (args.channel, args.shave, args.scale, args.results, args.degrade) == ("y", None, None, [], [])
    assert args.model == ["bicubic"] and args.data == [Path("sets/Set5")]


def test_values_are_parsed():
    argv = ["--results", "a", "b", *DATA, "--channel", "rgb", "--shave", "0", "--scale", "2"]
    _, args = options.parse(argv)
    assert (args.results, args.channel, args.shave, args.scale) == ([Path("a"), Path("b")], "rgb", 0, 2)
    assert options.parse([*MODEL, "--shave", "scale"])[1].shave is None
    _, args = options.parse([*MODEL, "--degrade", "sigma=2", "sigma=1,noise=4"])
    assert args.degrade == [Observation(blur=2.0), Observation(blur=1.0, noise=4.0)]


@pytest.mark.parametrize(
    "argv, message",
    [
        ([], "the following arguments are required: --data"),
        (DATA, "expected --model, --results or both"),
        (["--model", "bicubic"], "required: --data; sets are given by --data, models by --model, pictures of another"),
        (["srgan", *MODEL], "srgan: no such argument; sets are given by --data, models by --model, pictures of anot"),
        (["--results", "a", *DATA, "--degrade", "noise=5"], "--degrade: makes low-resolution pictures"),
        ([*MODEL, "--degrade", "sigma=1,kernel=2"], "got sigma=1,kernel=2"),
        ([*MODEL, "--degrade", "noise=101"], "noise=N with N from 0 to 100, got noise=101"),
        ([*MODEL, "--tile", "0"], "--tile: expected 1 or more"),
        ([*MODEL, "--tile", "x"], "--tile: expected a whole number, got x"),
        ([*MODEL, "--shave", "-1"], "--shave: expected 0 or more pixels, or scale, got -1"),
        ([*MODEL, "--shave", "all"], "--shave: expected 0 or more pixels, or scale, got all"),
        ([*MODEL, "--channel", "RGB"], "--channel: expected one of y, rgb, got RGB, perhaps rgb"),
        ([*MODEL, "--scale", "8"], "--scale: expected one of 2, 3, 4, got 8"),
        ([*MODEL, "--json", "no-such-folder/s.json"], "--json: no-such-folder is not a folder"),
        ([*MODEL, "--nonesuch"], "--nonesuch: no such option"),
    ],
)
def test_mistakes_are_named_in_one_line(argv, message, capsys):
    assert message in _error(argv, capsys)


@pytest.mark.parametrize(
    "line, option, answer",
    [
        ("-m psnr -t out -r gt", "-m", "all metrics are measured"),  # pyiqa
        ("psnr --target out --ref gt", "--target", "--results"),
        ("-t out -r gt", "-t", "--results"),
        ("-r gt -t out", "-r", "--data"),
        ("--metric_mode FR", "--metric_mode", "all metrics are measured"),
        ("--gt Set5 --restored out", "--gt", "--data"),  # BasicSR
        ("--restored out --gt Set5", "--restored", "--results"),
        ("--data Set5 --crop_border 4", "--crop_border", "--shave"),
        ("--data Set5 --test_y_channel", "--test_y_channel", "--channel y"),
        ("--data Set5 --suffix _x4", "--suffix", "after their names"),
    ],
)
def test_habits_of_other_programs_are_answered(line, option, answer, capsys):
    error = _error(line.split(), capsys)
    assert error.startswith(f"{option}: no such option; ") and answer in error


def test_answers_name_options_that_exist(capsys):
    """A renamed option would leave its old name in the answers."""
    parser, _ = options.parse(MODEL)
    known = set(parser._option_string_actions)
    named = {word.strip(".,") for answer in options.HABITS.values() for word in answer.split() if word[:2] == "--"}
    assert named <= known and not set(options.HABITS) & known


def test_help_has_groups_and_examples_that_parse(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        options.parse(["--help"])
    text = capsys.readouterr().out
    assert all(f"\n{group}:\n" in text for group in ("input", "metrics", "output", "speed", "examples"))
    assert max(map(len, text.splitlines())) <= 79
    examples = [line.split()[2:] for line in text.splitlines() if line.startswith("  jsr evaluate ")]
    assert len(examples) == 3
    for example in examples:
        options.parse(example)
