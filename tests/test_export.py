"""Tests ../jsr/export.py."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from jsr import export


def test_main_writes_a_file_that_onnx_reads(tmp_path, capsys):
    onnx = pytest.importorskip("onnx", reason="onnx is an extra")
    path = tmp_path / "a.onnx"
    assert export.main(["espcn", str(path)]) == 0
    assert capsys.readouterr() == (f"espcn -> {path}\n", "")
    (layer,) = onnx.load(path).graph.output
    assert layer.name == "sr"


def test_main_without_onnx_names_the_extra(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert export.main(["srresnet", str(tmp_path / "a.onnx")]) == 1
    assert capsys.readouterr().err == "jsr.export: error: needs onnx: pip install 'jax-srgan[onnx]'\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["srresnet"], "the following arguments are required: FILE.onnx"),
        (["srresnet", "a.pt"], "a.pt: expected a file named .onnx"),
        (["nothing", "a.onnx"], "model: expected one of "),
        (["bicubic", "a.onnx"], "model: expected an SRResNet or an ESPCN, got Interpolation"),
    ],
)
def test_main_refuses_wrong_arguments_in_one_line(capsys, arguments, message):
    pytest.importorskip("onnx", reason="onnx is an extra")
    with pytest.raises(SystemExit) as exit:
        export.main(arguments)
    assert exit.value.code == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith(f"jsr.export: error: {message}") and err.count("\n") == 1


def test_main_names_a_file_that_cannot_be_written(tmp_path):
    """In a process of its own, so that a traceback, for example, does not go unseen."""
    pytest.importorskip("onnx", reason="onnx is an extra")
    done = subprocess.run(
        [sys.executable, "-m", "jsr.export", "espcn", "missing/a.onnx"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "jsr.export: error: missing/a.onnx: cannot be written: No such file or directory\n"
