"""Tests ../../../jsr/weights/foreign/numpy_pickle.py against NumPy, and with pickles that NumPy would never write."""

import pickle
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from jsr.errors import WeightsError
from jsr.weights.foreign import numpy_pickle
from tests.weights.foreign.pickled_call import Call

# NumPy 1 named the module otherwise than NumPy 2.
OLD, NEW = b"cnumpy.core.multiarray\n_reconstruct\n", b"cnumpy._core.multiarray\n_reconstruct\n"


@pytest.mark.parametrize("protocol", [3, 4])
def test_read_equals_numpy(rng, protocol):
    """All types and layouts: another byte order, a transposed one, a scalar, an empty one."""
    arrays = {name: np.arange(6).astype(name).reshape(2, 3) for name in (*"fd", *"bhilBHIL?", "e", ">f4", "<i2")}
    arrays |= {"transposed": rng.random((3, 4)).T, "scalar": np.array(2.5), "empty": np.zeros((0, 3), np.float32)}
    read = numpy_pickle.read(pickle.dumps({"a": arrays, "b": np.ones(3)}, protocol))
    assert list(read) == [*(f"a/{name}" for name in arrays), "b"]
    for name, expected in arrays.items():
        assert read[f"a/{name}"].dtype == expected.dtype
        np.testing.assert_array_equal(read[f"a/{name}"], expected, strict=True)


def test_read_takes_the_names_of_both_numpys():
    content = pickle.dumps({"a": np.arange(3.0)}, 3)
    for other in (content.replace(NEW, OLD), content.replace(OLD, NEW)):
        np.testing.assert_array_equal(numpy_pickle.read(other)["a"], [0, 1, 2])


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_read_runs_nothing(tmp_path, protocol):
    """The same pickle makes a file when Python's own unpickler loads it."""
    target = tmp_path / "made"
    content = pickle.dumps({"a": np.zeros(3), "b": Call(Path.touch, target)}, protocol)
    with pytest.raises(WeightsError, match=r"it asks for \w+\.\w+"):
        numpy_pickle.read(content)
    assert not target.exists()
    pickle.loads(content)
    assert target.exists()


@pytest.mark.parametrize(
    "name",
    ["builtins eval", "os system", "numpy load", "numpy ndarray.tofile", "numpy.core.multiarray fromfile"]
    + ["numpy.core.multiarray scalar", "jsr.weights.foreign.numpy_pickle read", "collections OrderedDict"],
)
def test_unpickler_refuses_every_other_name(name):
    """Names with dots too, by which protocol 4 reaches attributes."""
    module, function = name.split()
    for content in (
        b"c" + f"{module}\n{function}\n".encode() + b".",
        # STACK_GLOBAL of two strings; [11:-2] takes the header and the footer off theirs.
        b"\x80\x04" + pickle.dumps(module, 4)[11:-2] + pickle.dumps(function, 4)[11:-2] + b"\x93.",
    ):
        with pytest.raises(WeightsError, match=f"it asks for {module}.{function}$"):
            numpy_pickle.read(content)


@pytest.mark.parametrize(
    "content",
    [
        np.zeros(3),
        {"epoch": 3},
        {"a": [np.zeros(3)]},
        {"a": np.array([None, "b"])},
        {"a": np.array(["text"])},
        {"a": np.zeros(2, [("x", "f4"), ("y", "i4")])},
        {"a": np.zeros(2, "complex64")},
    ],
    ids=["array", "number", "list", "objects", "texts", "fields", "complex"],
)
def test_read_refuses_other_contents(content):
    with pytest.raises(WeightsError, match="^expected a pickle of NumPy arrays, got another: "):
        numpy_pickle.read(pickle.dumps(content, 3))


@pytest.mark.parametrize("shape", ["I5\n", "I-1\nI-4\n", "I1000000000000\n", "I2\n", "Nt(", "F4.0\n"])
def test_read_refuses_a_shape_of_other_numbers(shape):
    """The array has four numbers of one byte."""
    content = (
        f"(dVa\ncnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntVb\ntR(I1\n({shape}tcnumpy\ndtype\n(Vu1\nI0\nI1\n"
        "tR(I3\nV|\nNNNI-1\nI-1\nI0\ntbI00\n"
    ).encode() + b"C\x04abcdtbs."
    valid = content.replace(f"({shape}t".encode(), b"(I4\nt")
    np.testing.assert_array_equal(numpy_pickle.read(valid)["a"], list(b"abcd"))
    with pytest.raises(WeightsError):
        numpy_pickle.read(content)


def test_read_refuses_a_truncated_pickle():
    content = pickle.dumps({"a": np.arange(9.0), "b": {"c": np.zeros((2, 2))}}, 3)
    for length in range(len(content)):
        with pytest.raises(WeightsError):
            numpy_pickle.read(content[:length])


def test_read_allocates_no_more_than_the_pickle_holds():
    """A memo of 16 million entries, of which the pickle fills one, would be 256 MB in Python's unpickler in C."""
    tracemalloc.start()
    with pytest.raises(WeightsError):
        numpy_pickle.read(b"\x80\x02Nr" + (1 << 24).to_bytes(4, "little") + b".")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1e6
