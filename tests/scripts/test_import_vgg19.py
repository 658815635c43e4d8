"""Tests ../scripts/import_vgg19.py."""

import hashlib
import importlib.util
import os
import pickle
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from jsr.models.vgg19 import CONVOLUTIONS
from jsr.weights import from_keras
from jsr.weights import vgg19 as vgg19_weights

SCRIPT = Path(__file__).parents[2] / "scripts" / "import_vgg19.py"


@pytest.fixture
def script():
    spec = importlib.util.spec_from_file_location("import_vgg19", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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


def test_a_torchvision_file_goes_to_the_cache(script, cache, tmp_path, capsys):
    torch = pytest.importorskip("torch")
    torch.save(_state(torch), tmp_path / "vgg19-dcbb9e9d.pth")
    assert script.main([str(tmp_path / "vgg19-dcbb9e9d.pth")]) == 0
    digest = hashlib.sha256(cache.read_bytes()).hexdigest()
    assert capsys.readouterr() == (f"{digest}  {cache}\n", "")
    # Where training finds it, with no network.
    module, variables, weight = vgg19_weights.load_vgg19(None, layer="relu5_4", key=jax.random.key(0))
    assert weight == 1
    assert variables["params"]["conv5_4"]["kernel"][0, 0, 0, 0] == 34
    assert variables["params"]["conv3_1"]["bias"][0] == 10.5


def test_a_keras_file_goes_where_told(script, cache, tmp_path, capsys):
    import h5py

    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name, shape in CONVOLUTIONS.items():
            layer = "block{}_conv{}".format(*name[4:].split("_"))
            # Chunks that are never written read as the fill value.
            options = {"dtype": np.float32, "chunks": True}
            file.create_dataset(f"{layer}/{layer}_W_1:0", shape, fillvalue=0.5, **options)
            file.create_dataset(f"{layer}/{layer}_b_1:0", shape[3:], **options)
    out = tmp_path / "new" / "b.safetensors"
    assert script.main([str(tmp_path / "a.h5"), "-o", str(out)]) == 0
    digest = hashlib.sha256(out.read_bytes()).hexdigest()
    assert capsys.readouterr() == (f"{digest}  {out}\n", "")
    assert not cache.exists()
    assert vgg19_weights.load_vgg19(out, layer="relu2_2", key=jax.random.key(0))[2] == 0.006


def _fails(script, capsys, *arguments):
    assert script.main([str(a) for a in arguments]) == 1
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1
    return err


def test_files_of_others_are_refused(script, cache, tmp_path, capsys):
    torch = pytest.importorskip("torch")
    path = tmp_path / "a.pth"
    holds_none = f"import_vgg19: error: {path}: expected a state dict of torch, got a file that holds none\n"
    path.write_bytes(b"none")
    assert _fails(script, capsys, path) == holds_none
    torch.save(torch.nn.Linear(1, 1), path)  # a pickled module, which could run any code
    assert _fails(script, capsys, path) == holds_none
    torch.save(torch.zeros(3), path)
    assert _fails(script, capsys, path) == holds_none
    torch.save({"conv1.weight": torch.zeros(3)}, path)
    error = _fails(script, capsys, path)
    assert "no features.0.weight; " in error and "an unknown conv1.weight" in error
    path = tmp_path / "a.h5"
    path.write_bytes(b"none")
    assert "expected an HDF5 file of Keras" in _fails(script, capsys, path)
    assert not cache.exists()


class Malicious:
    """What a pickle runs when it is loaded: it makes a file."""

    def __init__(self, made):
        self.made = made

    def __reduce__(self):
        return Path.touch, (self.made,)


def test_no_pickle_is_run(script, cache, tmp_path, capsys):
    torch = pytest.importorskip("torch")
    made, path = tmp_path / "made", tmp_path / "a.pth"
    state = {"features.0.weight": Malicious(made)}
    for spoil in (
        lambda: torch.save(state, path),
        lambda: torch.save(state, path, _use_new_zipfile_serialization=False),
        lambda: path.write_bytes(pickle.dumps(Malicious(made))),
    ):
        spoil()
        assert "expected a state dict of torch" in _fails(script, capsys, path)
        assert not made.exists()
    pickle.loads(path.read_bytes())  # it would have been
    assert made.exists() and not cache.exists()


def test_without_torch_it_says_so(script, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    (tmp_path / "a.pth").write_bytes(b"none")
    assert "reading it needs torch: pip install torch" in _fails(script, capsys, tmp_path / "a.pth")


def test_a_folder_that_cannot_be_written(script, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(from_keras, "read_keras", lambda _: {})
    monkeypatch.setattr(from_keras, "vgg19_from_keras", lambda _: ({}, {}))
    (tmp_path / "a.h5").write_bytes(b"")
    out = tmp_path / "a.h5" / "b.safetensors"
    error = _fails(script, capsys, tmp_path / "a.h5", "-o", out)
    assert error.startswith(f"import_vgg19: error: {out}: ")


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["missing.pth"], "missing.pth: no such file"),
        (["a.onnx"], "a.onnx: expected a file named .pth, .pt, .h5, .hdf5"),
        ([], "the following arguments are required: FILE"),
    ],
)
def test_wrong_arguments(tmp_path, arguments, message):
    """In a process of its own, so that nothing else, a traceback say, goes unseen."""
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *arguments],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(SCRIPT.parents[1])},
    )
    assert (done.returncode, done.stdout, done.stderr) == (
        2,
        "",
        f"import_vgg19: error: {message}\n",
    )
