"""Tests ../jsr/command_line.py."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import pytest

from jsr import command_line

ROOT = Path(__file__).parents[1]


def test_path_expands_the_home_and_refuses_an_empty_text(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert command_line.path("~/a.png") == tmp_path / "a.png"
    assert command_line.name("b/") == "b/" and command_line.path("a~") == Path("a~")
    with pytest.raises(argparse.ArgumentTypeError, match="expected a path, got an empty text"):
        command_line.path("")


@pytest.mark.parametrize(
    "line, expected",
    [
        ("a\nb\r.png", r"a\nb\r.png"),
        ("\x1b[2J\x7f\x9b", r"\x1b[2J\x7f\x9b"),
        ("a\u2028b\u2029", r"a\u2028b\u2029"),
        ("Müller 写真 \N{FAMILY} \u200d\\n", "Müller 写真 \N{FAMILY} \u200d\\n"),
    ],
)
def test_escaped_line_stays_one(line, expected):
    assert command_line.escaped(line) == expected
    assert len(command_line.escaped(line).splitlines()) == 1


def _piped(code):
    """Runs a program whose output nobody reads any more; returns its status and what it says on stderr."""
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-c", f"import sys\nfrom jsr import command_line\n{code}"]
    process = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    os.close(writer)
    return process.returncode, process.stderr


@pytest.mark.parametrize(
    "body",
    [
        "print('a line', flush=True)",
        "print('a line')",  # written when Python ends
        "print('help'); sys.exit(0)",
        "print('a' * 10**6)",
    ],
)
def test_run_ends_quietly_where_nobody_reads(body):
    """Python's own way is a traceback, and status 120 where the flush at its end fails."""
    assert _piped(f"def main():\n    {body}\ncommand_line.run(main)") == (command_line.CLOSED_PIPE, "")


@pytest.mark.parametrize("returned, status", [(None, 0), (0, 0), (1, 1)])
def test_run_exits_with_the_status_of_the_program(returned, status):
    with pytest.raises(SystemExit) as stop:
        command_line.run(lambda: returned)
    assert (stop.value.code or 0) == status
    with pytest.raises(SystemExit, match="3"):
        command_line.run(lambda: sys.exit(3))


def test_error_is_one_line(capsys):
    with pytest.raises(SystemExit):
        command_line.Parser(prog="p").error("a\nb.png: no such file")
    assert capsys.readouterr().err == "p: error: a\\nb.png: no such file\n"
