"""Tests ../../../jsr/weights/foreign/unpickler.py."""

import io
import os
import pickle
from collections import OrderedDict

import pytest

from jsr.weights.foreign.unpickler import Unpickler


def _load(value, names, protocol):
    return Unpickler(io.BytesIO(pickle.dumps(value, protocol)), names).load()


class Call:
    """Pickled, it asks for a call of a function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_only_known_names_are_reached(protocol):
    value = OrderedDict(a=[1, 2.5, "x", b"y", None, True, (1, 2), {"b": {3}}][: 8 if protocol >= 3 else 3])
    names = {("collections", "OrderedDict"): OrderedDict}
    names |= {(m, "set"): set for m in ("builtins", "__builtin__")}
    assert _load(value, names, protocol) == value
    for call in (Call(os.system, "true"), Call(eval, "1")):
        with pytest.raises(ValueError, match=r"it asks for \w+\.\w+"):
            _load(call, names, protocol)
