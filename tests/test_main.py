"""Tests ../jsr/__main__.py."""

import os
import signal
import subprocess
import sys
import types
from pathlib import Path

import pytest

import jsr
from jsr import __main__ as console

ROOT = Path(__file__).parents[1]


def _jsr(*arguments, **options):
    command, environment = [sys.executable, "-m", "jsr", *arguments], os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, capture_output=True, text=True, env=environment, **options)


@pytest.fixture
def program(monkeypatch):
    """Replaces `jsr.plot`; a test sets its `main`."""
    module = types.ModuleType("jsr.plot")
    monkeypatch.setitem(sys.modules, "jsr.plot", module)
    return module


def test_help_has_a_line_for_every_command(capsys):
    for option in ("-h", "--help"):
        assert console.main([option]) == 0
        _, listed, _ = capsys.readouterr().out.split("\n\n")
        assert [line.split()[0] for line in listed.splitlines()] == list(console.COMMANDS)
        assert max(map(len, listed.splitlines())) < 80


def _imported(*arguments):
    """Runs the command in a new process and returns the packages that it imported."""
    code = """
import sys
from jsr.__main__ import main
try:
    sys.exit(main(sys.argv[1:]))
finally:
    print(*sys.modules, file=sys.stderr)
"""
    process = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, cwd=ROOT)
    assert process.returncode == 0 and process.stdout
    return {name.partition(".")[0] for name in process.stderr.split()}


HEAVY = {"shtab", "jax", "numpy", "flax", "PIL", "matplotlib", "onnx", "tensorflow_datasets"}


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_import_nothing_heavy(option):
    """So they are instant."""
    assert _imported(option) & HEAVY == set()


@pytest.mark.parametrize("name", ["export", "fetch", "import", "plot", "prepare"])
def test_help_of_light_commands_imports_nothing_heavy(name):
    """They read their arguments before they import what takes seconds."""
    assert _imported(name, "--help") & HEAVY == set()


def test_version_is_the_packages(capsys):
    assert console.main(["--version"]) == 0
    assert capsys.readouterr().out == f"jsr {jsr.__version__}\n"


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "expected a command"),
        (["infre"], "infre: expected a command, perhaps infer"),
        (["fit_niqe"], "fit_niqe: expected a command, perhaps fit-niqe"),
        (["photo.jpg"], "photo.jpg: expected a command"),
        (["__main__"], "__main__: expected a command"),
    ],
)
def test_unknown_command_suggests_the_nearest(capsys, arguments, message):
    assert console.main(arguments) == 2
    assert capsys.readouterr() == ("", f"jsr: error: {message}; see jsr --help\n")


@pytest.mark.parametrize(("returned", "status"), [(0, 0), (1, 1), (None, 0)])
def test_command_gets_its_arguments_and_gives_its_status(program, returned, status):
    received = []

    def main(argv):
        received.append(argv)
        return returned

    program.main = main
    assert console.main(["plot", "runs/srgan", "-o", "a.png"]) == status
    assert received == [["runs/srgan", "-o", "a.png"]]


@pytest.mark.parametrize("raised", [SystemExit(130), KeyboardInterrupt(), RuntimeError("a bug")])
def test_command_raises_through(program, raised):
    def main(argv):
        raise raised

    program.main = main
    with pytest.raises(type(raised)) as caught:
        console.main(["plot"])
    assert caught.value is raised


def test_arguments_are_those_of_the_process_by_default(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["jsr", "--version"])
    assert console.main() == 0
    assert capsys.readouterr().out.startswith("jsr ")


def test_errors_bear_the_programs_name(tmp_path):
    """As with `python -m jsr.plot`, and the status is the program's."""
    missing = _jsr("plot", "missing", cwd=tmp_path)
    assert (missing.returncode, missing.stdout) == (1, "")
    assert missing.stderr == f"jsr.plot: error: {Path('missing', 'metrics.jsonl')}: No such file or directory\n"
    wrong = _jsr("plot", cwd=tmp_path)
    assert (wrong.returncode, wrong.stderr) == (
        2,
        "jsr.plot: error: the following arguments are required: RUN|PHOTO; jsr.plot --help lists them\n",
    )


@pytest.mark.skipif(os.name == "nt", reason="no SIGINT on Windows")
def test_interrupt_reaches_the_program(tmp_path):
    """`jsr.prepare` answers Ctrl-C with a line and 130, whichever way it was started."""
    slow = tmp_path / "sitecustomize.py"
    slow.write_text(
        "import sys, types\n"
        "datasets = types.ModuleType('jsr.data.datasets')\n"
        "def prepare(name, data_dir):\n"
        "    import time\n"
        "    print('begun', flush=True)\n"
        "    time.sleep(60)\n"
        "datasets.prepare = prepare\n"
        "sys.modules['jsr.data.datasets'] = datasets\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    process = subprocess.Popen(
        [sys.executable, "-m", "jsr", "prepare", "div2k"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout and process.stdout.readline() == "begun\n"
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60)[1] == "jsr.prepare: interrupted; the same command goes on\n"
    assert process.returncode == 130


@pytest.mark.slow
@pytest.mark.parametrize("name", console.COMMANDS)
def test_every_command_has_help(name):
    process = _jsr(name, "--help")
    assert process.returncode == 0 and process.stdout.startswith(f"usage: jsr.{name.replace('-', '_')} ")
