"""Tests ../../../jsr/weights/foreign/torch_file.py against torch, and with files that torch would never write."""

import pickle
import sys
import tracemalloc
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

from jsr.errors import WeightsError
from jsr.weights.foreign import torch_file

# Both formats that torch.save has had.
FORMATS = pytest.mark.parametrize("is_zip", [True, False], ids=["zip", "legacy"])


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="torch writes the files that are read here")


@FORMATS
def test_read_equals_torch(torch, tmp_path, is_zip):
    """All types and layouts: parameters, views of one storage, a transposed one, a scalar, an empty one."""
    torch.manual_seed(0)
    storage = torch.randn(6, 8)
    state = {
        "weight": torch.nn.Parameter(torch.randn(4, 3, 3, 3)),
        "channels last": torch.randn(2, 5, 3, 4).to(memory_format=torch.channels_last),
        "view": storage[2:5, 1:7:2],
        "transposed": storage.T,
        "num_batches_tracked": torch.tensor(7),
        "expanded": torch.arange(3.0)[:, None].expand(3, 1),
        "empty": torch.zeros(0, 3),
    }
    types = ("float64", "float16", "int64", "int32", "int16", "int8", "uint8", "bool")
    state |= {name: torch.arange(5).to(getattr(torch, name)) for name in types}
    torch.save(OrderedDict(state), tmp_path / "a.pth", _use_new_zipfile_serialization=is_zip)
    tensors = torch_file.read(tmp_path / "a.pth")
    assert list(tensors) == list(state)
    for name, tensor in state.items():
        expected = tensor.detach().numpy()
        assert tensors[name].dtype == expected.dtype
        np.testing.assert_array_equal(tensors[name], expected, err_msg=name)


@FORMATS
def test_read_takes_the_state_dict_of_a_module(torch, tmp_path, is_zip):
    """It carries attributes besides its tensors."""
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    torch.save(module.state_dict(), tmp_path / "a.pth", _use_new_zipfile_serialization=is_zip)
    tensors = torch_file.read(tmp_path / "a.pth")
    assert tensors.keys() == module.state_dict().keys()
    np.testing.assert_array_equal(tensors["0.weight"], module[0].weight.detach().numpy())


@FORMATS
def test_read_refuses_what_holds_no_state_dict(torch, tmp_path, is_zip):
    path = tmp_path / "a.pth"
    for content, reason in [
        (torch.nn.Linear(1, 1), "it asks for torch.nn.modules.linear.Linear"),
        (torch.zeros(3), "it holds something else than tensors by name"),
        ({"epoch": 3}, "it holds something else than tensors by name"),
        ({"a": torch.zeros(3, dtype=torch.bfloat16)}, "it asks for torch.BFloat16Storage"),
    ]:
        torch.save(content, path, _use_new_zipfile_serialization=is_zip)
        with pytest.raises(WeightsError) as caught:
            torch_file.read(path)
        assert str(caught.value) == f"{path}: expected a state dict saved by PyTorch, got another file: {reason}"


@FORMATS
def test_read_refuses_a_truncated_file(torch, tmp_path, is_zip):
    path = tmp_path / "a.pth"
    torch.save({"a": torch.zeros(50), "b": torch.ones(3)}, path, _use_new_zipfile_serialization=is_zip)
    content = path.read_bytes()
    for length in range(0, len(content), 7):
        path.write_bytes(content[:length])
        with pytest.raises(WeightsError):
            torch_file.read(path)


class Call:
    """Pickled, it asks for a call of a function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def _zip(path, description, members):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", description)
        for name, content in members.items():
            archive.writestr(f"archive/{name}", content)


def test_read_runs_nothing(tmp_path):
    """The same pickle makes a file when Python's own unpickler loads it."""
    target, path = tmp_path / "made", tmp_path / "a.pth"
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        description = pickle.dumps({"a": Call(Path.touch, target)}, protocol)
        for write in (path.write_bytes, lambda content: _zip(path, content, {})):
            write(description)
            with pytest.raises(WeightsError, match=r"it asks for \w+\.\w+"):
                torch_file.read(path)
            assert not target.exists()
        pickle.loads(description)
        assert target.exists()
        target.unlink()


@pytest.mark.parametrize(
    "name",
    ["builtins eval", "builtins getattr", "os system", "torch load", "torch._utils _rebuild_wrapper_subclass"]
    + ["torch storage._load_from_bytes", "collections OrderedDict.fromkeys", "numpy ndarray", "torch save"],
)
def test_unpickler_refuses_every_other_name(tmp_path, name):
    """Names with dots too, by which protocol 4 reaches attributes."""
    path = tmp_path / "a.pth"
    module, function = name.split()
    for pickled in (
        b"c" + f"{module}\n{function}\n".encode() + b".",
        # STACK_GLOBAL of two strings; [11:-2] takes the header and the footer off theirs.
        b"\x80\x04" + pickle.dumps(module, 4)[11:-2] + pickle.dumps(function, 4)[11:-2] + b"\x93.",
    ):
        path.write_bytes(pickled)
        with pytest.raises(WeightsError, match=f"it asks for {module}.{function}$"):
            torch_file.read(path)


def _tensor(length, offset, shape, strides):
    """A pickle of one tensor "a", as torch writes it, but of any numbers."""
    storage = f"(Vstorage\nctorch\nFloatStorage\nV0\nVcpu\nI{length}\ntQ"
    numbers = ["(" + "".join(f"I{n}\n" for n in each) + "t" for each in (shape, strides)]
    return f"(dVa\nctorch._utils\n_rebuild_tensor_v2\n({storage}I{offset}\n{numbers[0]}{numbers[1]}tRs.".encode()


@pytest.mark.parametrize(
    "length, offset, shape, strides",
    [
        (4, 0, (5,), (1,)),
        (4, 1, (4,), (1,)),
        (4, -1, (2,), (1,)),
        (4, 3, (2,), (-1,)),
        (4, 0, (2, 2), (3, 1)),
        (4, 0, (10**12,), (0,)),
        (4, 0, (2**62, 4), (1, 1)),
        (4, 0, (2,), (1, 1)),
        (4, 0, (-2,), (1,)),
        (5, 0, (4,), (1,)),
        (10**15, 0, (4,), (1,)),
    ],
)
def test_read_refuses_tensors_beyond_their_storage(tmp_path, length, offset, shape, strides):
    """NumPy would hand out the memory beside it. The storage has four numbers."""
    path, content = tmp_path / "a.pth", np.arange(4, dtype=np.float32).tobytes()
    _zip(path, _tensor(4, 1, (3,), (1,)), {"data/0": content})
    np.testing.assert_array_equal(torch_file.read(path)["a"], [1, 2, 3])
    _zip(path, _tensor(length, offset, shape, strides), {"data/0": content})
    with pytest.raises(WeightsError):
        torch_file.read(path)


def test_read_refuses_compressed_members(tmp_path):
    """A small file could become more than the memory."""
    path = tmp_path / "a.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", _tensor(4, 0, (4,), (1,)))
    with pytest.raises(WeightsError, match="data.pkl is compressed"):
        torch_file.read(path)


def test_read_allocates_no_more_than_the_file_holds(tmp_path):
    """A memo of 16 million entries, of which the file fills one, would be 256 MB in Python's unpickler in C."""
    (tmp_path / "a.pth").write_bytes(b"\x80\x02Nr" + (1 << 24).to_bytes(4, "little") + b".")
    tracemalloc.start()
    with pytest.raises(WeightsError):
        torch_file.read(tmp_path / "a.pth")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1e6


def test_read_names_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        torch_file.read(tmp_path / "a.pth")


def test_read_needs_no_torch(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    _zip(tmp_path / "a.pth", _tensor(4, 0, (4,), (1,)), {"data/0": bytes(16)})
    np.testing.assert_array_equal(torch_file.read(tmp_path / "a.pth")["a"], np.zeros(4))
