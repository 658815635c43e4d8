"""Tests ../jsr/export.py."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from jsr import export
from jsr.weights import file as weights_file


def test_main_writes_a_file_that_onnx_reads(tmp_path, capsys):
    onnx = pytest.importorskip("onnx", reason="onnx is an extra")
    path = tmp_path / "a.onnx"
    assert export.main(["espcn", str(path), "--uint8"]) == 0
    assert capsys.readouterr() == (f"espcn -> {path}\n", "")
    (layer,) = onnx.load(path).graph.output
    assert layer.name == "sr" and layer.type.tensor_type.elem_type == onnx.TensorProto.UINT8


@pytest.mark.parametrize(
    ("model", "options", "name"),
    [
        ("espcn", [], "espcn_x4.onnx"),
        ("espcn", ["--to", "stablehlo"], "espcn_x4.stablehlo"),
        ("file", ["--to", "onnx"], "espcn_x4.onnx"),
        ("blend:0.5,0.1", ["--to", "stablehlo"], "blend_0.5,0.1_x4.stablehlo"),
    ],
)
def test_main_names_the_file_after_the_model(tmp_path, capsys, monkeypatch, model, options, name):
    pytest.importorskip("onnx" if name.endswith("onnx") else "flatbuffers", reason="is an extra")
    monkeypatch.chdir(tmp_path)
    model = str(weights_file.PRETRAINED / "espcn_x4.safetensors") if model == "file" else model
    assert export.main([model, *options]) == 0
    assert capsys.readouterr().out == f"{model} -> {name}\n" and (tmp_path / name).stat().st_size > 100_000


@pytest.mark.parametrize(
    ("module", "name", "package"),
    [("onnx", "a.onnx", "'jax-srgan[onnx]'"), ("flatbuffers", "a.stablehlo", "flatbuffers")],
)
def test_main_without_a_package_names_it(monkeypatch, tmp_path, capsys, module, name, package):
    monkeypatch.setitem(sys.modules, module, None)
    assert export.main(["espcn", str(tmp_path / name)]) == 1
    assert capsys.readouterr().err == f"jsr.export: error: needs {module}: pip install {package}\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "the following arguments are required: MODEL"),
        (["srresnet", "a.pt"], "a.pt: expected a file named .onnx or .stablehlo"),
        (["srresnet", "a.onnx", "--to", "stablehlo"], "a.onnx: expected a file named .stablehlo"),
        (["srresnet", "--to", "onx"], "--to: expected one of onnx, stablehlo, hub, got onx, perhaps onnx"),
        (["espcn", "--to", "hub"], "--to hub: expected the folder to write behind MODEL, and no --uint8"),
        (["espcn", "--to", "hub", "a", "--uint8"], "--to hub: expected the folder to write behind MODEL, and no"),
        (["bicubic", "--to", "hub", "a"], "model: expected a network with weights, got Interpolation"),
        (["map", "a", "--to", "hub"], "model: expected a network with weights, got MaximumAPosteriori"),
        (["nothing", "a.onnx"], "model: expected one of "),
        (["bicubic", "a.onnx"], "model: expected an SRResNet, an ESPCN, a Compact or an EDSR, got Interpolation"),
        (["srcnn", "a.stablehlo"], "model: expected an SRResNet, an ESPCN, a Compact or an EDSR, got SRCNN"),
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
    process = subprocess.run(
        [sys.executable, "-m", "jsr.export", "espcn", "missing/a.onnx"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
    )
    assert (process.returncode, process.stdout) == (1, "")
    assert process.stderr == "jsr.export: error: missing/a.onnx: cannot be written: No such file or directory\n"
