"""Tests ../../../jsr/upscaling/command/options.py, by the help of `jsr.infer`."""

import pytest

from jsr import infer
from jsr.upscaling.command import options


def test_help_explains_texture_and_restore_and_hides_blend(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    with pytest.raises(SystemExit):
        infer.main(["--help"])
    text = capsys.readouterr().out
    assert "from 0, faithful, to 1, invented detail" in text
    assert "from 0, clean, to 1, JPEG, noise, blur" in text
    assert "--blend" not in text


def test_help_fits_a_screen_of_eighty_columns(capsys, monkeypatch):
    """In groups, with examples whose options there are."""
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        infer.main(["--help"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 64 and max(map(len, lines)) <= 80
    assert [line for line in lines if line.endswith(":")][1:] == [
        *("input:", "output:", "model:", "size:", "speed:", "examples:"),
    ]
    examples = [line.split("   ")[0].split()[2:] for line in lines if line.startswith("  jsr infer ")]
    assert len(examples) == 3
    for example in examples:
        options.parse(example)
