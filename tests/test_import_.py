"""Tests ../jsr/import_.py."""

import hashlib
import os
import pickle
import subprocess
import sys
from pathlib import Path

import h5py
import jax
import numpy as np
import pytest
from safetensors.numpy import save_file

from jsr import import_
from jsr.models.judges.vgg import kernel_shapes
from jsr.weights import vgg
from jsr.weights.foreign import from_keras, from_torch, generators


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "jsr" / "vgg19.safetensors"


def _state(torch):
    """torchvision's names and shapes; the dense layers, which are left out, small."""
    widths, state, index = (64, 64, 0, 128, 128, 0, *[256] * 4, 0, *[512] * 4, 0, *[512] * 4), {}, 0
    before = 3
    for width in widths:
        if width == 0:
            index += 1
            continue
        state[f"features.{index}.weight"] = torch.full((width, before, 3, 3), float(index))
        state[f"features.{index}.bias"] = torch.full((width,), index + 0.5)
        before, index = width, index + 2
    return state | {"classifier.0.weight": torch.zeros(2, 2)}


def test_main_puts_a_torchvision_file_into_the_cache(cache, tmp_path, capsys):
    torch = pytest.importorskip("torch", reason="torch writes the file")
    torch.save(_state(torch), tmp_path / "vgg19-dcbb9e9d.pth")
    assert import_.main([str(tmp_path / "vgg19-dcbb9e9d.pth")]) == 0
    digest = hashlib.sha256(cache.read_bytes()).hexdigest()
    assert capsys.readouterr() == (f"{digest}  {cache}\n", "")
    # Where training finds it, with no network.
    module, variables, weight = vgg.load_vgg(19, None, layer="relu5_4", key=jax.random.key(0))
    assert weight == 1
    assert variables["params"]["conv5_4"]["kernel"][0, 0, 0, 0] == 34
    assert variables["params"]["conv3_1"]["bias"][0] == 10.5


def test_main_writes_a_keras_file_to_the_output(cache, tmp_path, capsys):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name, shape in kernel_shapes(19).items():
            layer = "block{}_conv{}".format(*name[4:].split("_"))
            # Chunks that are never written read as the fill value.
            options = {"dtype": np.float32, "chunks": True}
            file.create_dataset(f"{layer}/{layer}_W_1:0", shape, fillvalue=0.5, **options)
            file.create_dataset(f"{layer}/{layer}_b_1:0", shape[3:], **options)
    output = tmp_path / "new" / "b.safetensors"
    assert import_.main([str(tmp_path / "a.h5"), "-o", str(output)]) == 0
    digest = hashlib.sha256(output.read_bytes()).hexdigest()
    assert capsys.readouterr() == (f"{digest}  {output}\n", "")
    assert not cache.exists()
    assert vgg.load_vgg(19, output, layer="relu2_2", key=jax.random.key(0))[2] == 0.006


def _fails(capsys, *arguments):
    assert import_.main([str(a) for a in arguments]) == 1
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1
    return err


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("features.0.bias", "expected the VGG19 of torchvision, got no features.0.weight; "),
        ("conv1.weight", "expected a network of leftthomas/SRGAN, Lornatang/SRGAN-PyTorch, "),
    ],
)
def test_main_names_what_a_file_lacks(cache, tmp_path, capsys, name, message):
    torch = pytest.importorskip("torch", reason="torch writes the file")
    path = tmp_path / "a.pth"
    torch.save({name: torch.zeros(64)}, path)
    assert _fails(capsys, path).startswith(f"jsr.import: error: {path}: {message}")
    assert not cache.exists()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.pth", "a state dict saved by PyTorch"),
        ("a.h5", "an HDF5 file of Keras"),
        ("a.safetensors", "a safetensors file"),
        ("a.params", "a list of named arrays of MXNet"),
    ],
)
def test_main_refuses_other_files(cache, tmp_path, capsys, name, expected):
    path = tmp_path / name
    path.write_bytes(b"none")
    assert _fails(capsys, path).startswith(f"jsr.import: error: {path}: expected {expected}, got ")
    assert not cache.exists()


def test_main_keeps_a_file_of_the_default_name(tmp_path, capsys, monkeypatch):
    """Above all the imported file itself."""
    monkeypatch.chdir(tmp_path)
    save_file({"features.0.bias": np.zeros(3, np.float32)}, tmp_path / "a.safetensors")
    before = (tmp_path / "a.safetensors").read_bytes()
    monkeypatch.setattr(from_torch, "vgg19_from_torch", lambda _: generators.Generator("espcn", {}, {}, {}))
    with pytest.raises(SystemExit) as exit:
        import_.main(["a.safetensors"])
    assert exit.value.code == 2
    message = "a.safetensors: exists already; -o FILE replaces it, or names another"
    assert capsys.readouterr().err == f"jsr.import: error: {message}\n"
    assert (tmp_path / "a.safetensors").read_bytes() == before


def test_main_runs_no_pickle(cache, tmp_path, capsys):
    """This one makes a file when Python's own unpickler loads it."""
    made, path = tmp_path / "made", tmp_path / "a.pth"

    class Malicious:
        def __reduce__(self):
            return Path.touch, (made,)

    path.write_bytes(pickle.dumps({"features.0.weight": Malicious()}))
    assert "expected a state dict saved by PyTorch" in _fails(capsys, path)
    assert not made.exists() and not cache.exists()
    pickle.loads(path.read_bytes())
    assert made.exists()


def test_main_names_a_file_that_cannot_be_written(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(from_keras, "read_keras", lambda _: {"block1_conv1/kernel": np.zeros(())})
    monkeypatch.setattr(from_keras, "vgg19_from_keras", lambda _: ({}, {}))
    (tmp_path / "a.h5").touch()
    output = tmp_path / "a.h5" / "b.safetensors"
    error = _fails(capsys, tmp_path / "a.h5", "-o", output)
    assert error.startswith(f"jsr.import: error: {output}: ")


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["missing.pth"], "missing.pth: no such file"),
        (["a.onnx"], "a.onnx: expected a file named .pth, .pt, .safetensors, .h5, .hdf5, .params"),
        ([], "the following arguments are required: FILE; jsr.import --help lists them"),
    ],
)
def test_main_refuses_wrong_arguments(tmp_path, arguments, message):
    """In a process of its own, so that a traceback, for example, does not go unseen."""
    process = subprocess.run(
        [sys.executable, "-m", "jsr.import_", *arguments],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
    )
    assert (process.returncode, process.stdout, process.stderr) == (2, "", f"jsr.import: error: {message}\n")
