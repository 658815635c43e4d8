"""Tests ../../../jsr/weights/foreign/unpickler.py."""

import io
import os
import pickle
from collections import OrderedDict

import pytest

from jsr.weights.foreign.unpickler import Unpickler
from tests.weights.foreign.pickled_call import Call


def _load(value, names, protocol):
    return Unpickler(io.BytesIO(pickle.dumps(value, protocol)), names).load()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_only_known_names_are_reached(protocol):
    value = OrderedDict(a=[1, 2.5, "x", b"y", None, True, (1, 2), {"b": {3}}][: 8 if protocol >= 3 else 3])
    names = {("collections", "OrderedDict"): OrderedDict}
    names |= {(m, "set"): set for m in ("builtins", "__builtin__")}
    assert _load(value, names, protocol) == value
    for call in (Call(os.system, "true"), Call(eval, "1")):
        with pytest.raises(ValueError, match=r"it asks for \w+\.\w+"):
            _load(call, names, protocol)
