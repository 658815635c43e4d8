"""Tests ../scripts/export_onnx.py."""

import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jsr.models import Model
from jsr.models.espcn import ESPCN
from jsr.models.interpolation import Interpolation
from jsr.models.srresnet import SRResNet
from jsr.weights import zoo
from scripts import export_onnx

SCRIPT = Path(__file__).parents[2] / "scripts" / "export_onnx.py"


@pytest.fixture(scope="module")
def runtime():
    pytest.importorskip("onnx")
    return pytest.importorskip("onnxruntime")


def _run(runtime, content, x):
    session = runtime.InferenceSession(content, providers=["CPUExecutionProvider"])
    (y,) = session.run(["sr"], {"lr": x.transpose(0, 3, 1, 2)})
    return y.transpose(0, 2, 3, 1)


def _disturbed(module):
    """Variables none of which has a value that would do nothing."""
    variables = module.init(jax.random.key(0), jnp.zeros((1, 8, 8, 3)))
    leaves, tree = jax.tree.flatten(variables)
    keys = jax.random.split(jax.random.key(1), len(leaves))
    noise = [jax.random.normal(k, v.shape) for k, v in zip(keys, leaves, strict=True)]
    return jax.tree.unflatten(tree, [v + 0.05 * n for v, n in zip(leaves, noise, strict=True)])


def test_the_bundled_network_in_any_size(runtime, rng, tmp_path, capsys):
    path = tmp_path / "a.onnx"
    assert export_onnx.main(["srresnet", str(path)]) == 0
    assert capsys.readouterr().out == f"srresnet -> {path}\n"
    model = zoo.load("srresnet")
    for shape in [(1, 12, 17, 3), (2, 9, 8, 3)]:
        x = rng.uniform(size=shape).astype(np.float32)
        expected = jax.jit(model.module.apply)(model.variables, x)
        assert np.std(expected) > 0.1
        np.testing.assert_allclose(_run(runtime, path.read_bytes(), x), expected, atol=1e-4)


@pytest.mark.parametrize(
    "module",
    [
        SRResNet(factors=(3,), features=8, blocks=2),
        ESPCN(factors=(2,), features=(8, 8)),
        ESPCN(factors=(2, 2), features=(8, 8)),
    ],
    ids=["srresnet x3", "espcn x2", "espcn x4"],
)
def test_other_networks(runtime, rng, module):
    variables = _disturbed(module)
    x = rng.uniform(size=(1, 7, 10, 3)).astype(np.float32)
    expected = np.asarray(module.apply(variables, x))
    assert np.std(expected) > 1e-3
    content = export_onnx.export(Model(module, variables, {})).SerializeToString()
    np.testing.assert_allclose(_run(runtime, content, x), expected, atol=1e-4)


def test_what_cannot_be_exported():
    pytest.importorskip("onnx")
    with pytest.raises(ValueError, match="expected an SRResNet or an ESPCN, got Interpolation"):
        export_onnx.export(Model(Interpolation(), {}, {}))


def test_without_onnx_it_says_so(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(SystemExit) as exit:
        export_onnx.main(["srresnet", str(tmp_path / "a.onnx")])
    assert exit.value.code == 2
    assert "needs onnx: pip install onnx" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["srresnet"], "the following arguments are required: FILE.onnx"),
        (["srresnet", "a.pt"], "a.pt: expected a file named .onnx"),
        (["nothing", "a.onnx"], "model: expected one of "),
        (["bicubic", "a.onnx"], "model: expected an SRResNet or an ESPCN, got Interpolation"),
        (["srresnet", "missing/a.onnx"], "missing/a.onnx: cannot be written: "),
    ],
)
def test_wrong_arguments(tmp_path, arguments, message):
    """In a process of its own, so that nothing else, a traceback say, goes unseen."""
    pytest.importorskip("onnx")
    done = subprocess.run([sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith(f"export_onnx: error: {message}") and done.stderr.count("\n") == 1
