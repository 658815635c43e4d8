"""State dicts saved by PyTorch, read without PyTorch and without running anything that the file asks for.

A `.pth` or `.pt` file is a pickle that describes tensors, and their numbers beside it: since torch 1.6 as members of a
zip archive, before that after the pickle in the same file.
"""

import io
import math
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from jsr.errors import WeightsError
from jsr.weights.foreign.unpickler import Unpickler

# NumPy's types by torch's classes of storage. bfloat16 is missing, because NumPy has none.
TYPES = {
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "<i1",
    "ByteStorage": "<u1",
    "BoolStorage": "?",
}
# Under which of its keys a training program keeps a network; of two, the moving average comes first.
NETWORKS = ("params_ema", "ema_state_dict", "params", "state_dict", "model_state_dict", "model", "net", "generator")
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C  # begins a file of torch before 1.6; torch/serialization.py


class _Storage(NamedTuple):
    """A row of numbers, which one or more tensors are views of."""

    key: str
    dtype: str
    length: int  # in numbers


class _Tensor(NamedTuple):
    """A view of a storage; offset and strides are in numbers, as torch writes them."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read(path: Path) -> dict[str, np.ndarray]:
    """Reads a state dict, in either of torch's two formats, also one that lies in a checkpoint under one of `NETWORKS`.

    Returns:
      the tensors by name, read-only, each of its own type and shape.

    Raises:
      WeightsError: the file holds anything but tensors by name.
      OSError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            is_zip = file.read(4) == b"PK\x03\x04"
            file.seek(0)
            return _read_zip(file) if is_zip else _read_legacy(file)
    except OSError:
        raise
    except Exception as error:  # a damaged pickle can raise anything, even MemoryError
        reason = f": {error}" if isinstance(error, ValueError) else ""
        raise WeightsError(f"{path}: expected a state dict saved by PyTorch, got another file{reason}") from error


def _read_zip(file: BinaryIO) -> dict[str, np.ndarray]:
    with zipfile.ZipFile(file) as archive:
        members = {name.partition("/")[2]: name for name in archive.namelist()}

        def content(name: str) -> bytes:
            member = archive.getinfo(members[name])
            # torch compresses nothing. Without this, a small file could fill the memory.
            if member.compress_type != zipfile.ZIP_STORED:
                raise ValueError(f"{name} is compressed")
            return archive.read(member)

        if "byteorder" in members and content("byteorder") != b"little":
            raise ValueError("it comes from a big-endian machine")
        tensors = _tensors(_Unpickler(io.BytesIO(content("data.pkl"))).load())
        storages = {s.key: _numbers(s, content(f"data/{s.key}")) for s in _storages(tensors)}
    return {name: _view(tensor, storages) for name, tensor in tensors.items()}


def _read_legacy(file: BinaryIO) -> dict[str, np.ndarray]:
    if _Unpickler(file).load() != LEGACY_MAGIC:
        raise ValueError("it begins otherwise")
    _Unpickler(file).load()  # the version of the format
    if not _Unpickler(file).load()["little_endian"]:
        raise ValueError("it comes from a big-endian machine")
    unpickler = _Unpickler(file)
    tensors = _tensors(unpickler.load())
    wanted, storages = _storages(tensors), {}
    for key in _Unpickler(file).load():
        storage = unpickler.storages[key]
        file.seek(8, 1)  # its length once more
        content = file.read(storage.length * np.dtype(storage.dtype).itemsize)
        if storage in wanted:
            storages[key] = _numbers(storage, content)
    return {name: _view(tensor, storages) for name, tensor in tensors.items()}


NAMES: dict[tuple[str, str], Any] = {("torch", name): dtype for name, dtype in TYPES.items()}
NAMES["collections", "OrderedDict"] = OrderedDict
NAMES["torch._utils", "_rebuild_tensor_v2"] = lambda storage, offset, shape, strides, *_: _Tensor(
    storage, offset, shape, strides
)
NAMES["torch._utils", "_rebuild_parameter"] = lambda tensor, *_: tensor


class _Unpickler(Unpickler):
    """Unpickles descriptions of tensors."""

    def __init__(self, file: BinaryIO | io.BytesIO) -> None:
        super().__init__(file, NAMES)
        self.storages: dict[str, _Storage] = {}  # by their keys

    def persistent_load(self, pid: Any) -> _Storage:
        """Returns the storage that the pickle refers to: `("storage", type, key, device, length[, view])`."""
        kind, dtype, key, _, length, *view = pid
        if kind != "storage" or dtype not in TYPES.values() or any(part is not None for part in view):
            raise ValueError("it has a storage of an unknown kind")
        self.storages[str(key)] = storage = _Storage(str(key), dtype, int(length))
        return storage


def _tensors(state: Any) -> Mapping[str, _Tensor]:
    if isinstance(state, Mapping):
        inner = [state[name] for name in NETWORKS if isinstance(state.get(name), Mapping)]
        state = inner[0] if inner else state
    if not isinstance(state, Mapping) or not all(isinstance(value, _Tensor) for value in state.values()):
        raise ValueError("it holds something else than tensors by name")
    return {str(name): tensor for name, tensor in state.items()}


def _storages(tensors: Mapping[str, _Tensor]) -> set[_Storage]:
    return {tensor.storage for tensor in tensors.values()}


def _numbers(storage: _Storage, content: bytes) -> np.ndarray:
    return np.frombuffer(content, storage.dtype, storage.length)


def _view(tensor: _Tensor, storages: Mapping[str, np.ndarray]) -> np.ndarray:
    """Returns a tensor's numbers. NumPy does not check strides, so this must: they could reach any memory."""
    (storage, offset, shape, strides), numbers = tensor, storages[tensor.storage.key]
    if 0 in shape:
        return np.zeros(shape, storage.dtype)
    last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
    if min(offset, *shape, *strides, 0) < 0 or last >= len(numbers) or math.prod(shape) > len(numbers):
        raise ValueError("it has a tensor that reaches beyond its storage")
    return np.lib.stride_tricks.as_strided(
        numbers[offset:], shape, [stride * numbers.itemsize for stride in strides], writeable=False
    )
