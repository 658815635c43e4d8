"""Tests ../jsr/command_line.py."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import pytest

import jsr
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


@pytest.mark.skipif(os.name == "nt", reason="no sh on Windows")
def test_run_gives_a_program_streams_in_the_place_of_closed_ones():
    code = (
        "import sys; from jsr import command_line; command_line.run(lambda: print(sys.stdin.read(), sys.stderr) or 3)"
    )
    process = subprocess.run(["sh", "-c", f"'{sys.executable}' -c '{code}' <&- >&- 2>&-; echo $?"], stdout=-1, cwd=ROOT)
    assert process.stdout == b"3\n"


def test_error_is_one_line(capsys):
    with pytest.raises(SystemExit):
        command_line.Parser(prog="p").error("a\nb.png: no such file")
    assert capsys.readouterr().err == "p: error: a\\nb.png: no such file\n"


def _parser(**options):
    parser = command_line.Parser(prog="p", **options)
    parser.add_argument("-o", "--output")
    parser.add_argument("--batch-size", type=command_line.whole)
    parser.add_argument("--noise", type=command_line.number)
    parser.add_argument("--phase", choices=("srresnet", "srgan"))
    parser.add_argument("files", nargs="*")
    return parser


@pytest.mark.parametrize(
    "words, message",
    [
        (["--batch_size", "3"], "--batch_size: no such option, perhaps --batch-size"),
        (["--batch_size=3"], "--batch_size: no such option, perhaps --batch-size"),
        (["--ouptut", "a"], "--ouptut: no such option, perhaps --output"),
        (["--rate", "3"], "--rate: no such option; the size is --batch-size"),
        (["-i", "a"], "-i: no such option; files are named alone"),
        (["-dash.png"], "-dash.png: no such option; the file of this name is ./-dash.png"),
        (["-x4"], "-x4: no such option; a value that begins with - is given as --OPTION=-x4"),
        (["--quite-another"], "--quite-another: no such option; p --help lists them"),
        (["--phase", "SRGAN"], "--phase: expected one of srresnet, srgan, got SRGAN, perhaps srgan"),
        (["--phase", "x"], "--phase: expected one of srresnet, srgan, got x"),
        (["--batch-size", "1.5"], "--batch-size: expected a whole number, got 1.5"),
        (["--batch-size", "inf"], "--batch-size: expected a whole number, got inf"),
        (["--noise", "much"], "--noise: expected a number, got much"),
    ],
)
@pytest.mark.parametrize("method", ["parse_args", "parse_intermixed_args"])
def test_a_mistake_names_what_may_be_meant(capsys, tmp_path, monkeypatch, words, message, method):
    monkeypatch.chdir(tmp_path)
    Path("-dash.png").touch()
    habits = {"--rate": "the size is --batch-size", "-i": "files are named alone"}
    with pytest.raises(SystemExit) as stop:
        getattr(_parser(habits=habits), method)(words)
    assert stop.value.code == 2 and capsys.readouterr().err == f"p: error: {message}\n"


@pytest.mark.parametrize(
    "words, expected",
    [
        (["--out", "a", "b"], {"output": "a", "files": ["b"]}),
        (["-oa", "-my photo.jpg"], {"output": "a", "files": ["-my photo.jpg"]}),
        (["--noise", "-.5", "-"], {"noise": -0.5, "files": ["-"]}),
        (["--batch-size", "1e9"], {"batch_size": 10**9}),
        (["--", "--batch_size"], {"files": ["--batch_size"]}),
    ],
)
def test_what_argparse_takes_is_taken(words, expected):
    """Abbreviations, attached values, negative numbers, names with a space, and all that follows --."""
    assert vars(_parser().parse_args(words)).items() >= expected.items()


def test_whole_numbers_are_exact():
    assert command_line.whole("9007199254740993") == 2**53 + 1 and command_line.whole("-2_000") == -2000


def test_every_parser_has_a_version(capsys):
    with pytest.raises(SystemExit, match="0"):
        _parser().parse_args(["--version"])
    assert capsys.readouterr().out == f"jsr {jsr.__version__}\n"


def test_commands_of_a_parser_have_their_own_options(capsys):
    parser = command_line.Parser(prog="p")
    commands = parser.add_subparsers(parser_class=command_line.Parser)
    commands.add_parser("go").add_argument("--seed", type=int)
    assert parser.parse_args(["go", "--seed", "3"]).seed == 3
    with pytest.raises(SystemExit):
        parser.parse_args(["go", "--sead", "3"])
    assert capsys.readouterr().err == "p go: error: --sead: no such option, perhaps --seed\n"
