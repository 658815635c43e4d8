"""Tests ../jsr/train.py by ../scripts/kills.py, in short."""

from collections import Counter

import pytest

from scripts.torture import __main__ as torture
from scripts.torture import kills


@pytest.mark.slow
def test_a_killed_run_ends_as_one_never_stopped():
    counts = kills.count(2, seed=1, steps=60)
    assert (counts.kills.total(), counts.refused, counts.unequal) == (2, [], [])
    assert counts.equal >= 1


def test_the_line_counts_what_was_not_survived(monkeypatch, capsys):
    refused, unequal = ["run0: error"], ["run1 differs in weights"]
    found = kills.Counts(Counter(saving=3, training=1), refused, 2, unequal, 1)
    monkeypatch.setattr(kills, "count", lambda *_: found)
    assert torture.main(["training", "4"]) == 1
    assert capsys.readouterr().out == (
        "4 kills (3 while saving, 1 while training): 1 lost; 1 checkpoints cut short; 3 runs:"
        " 2 equal to one never stopped, to the last bit, 1 wrong; run0: error; run1 differs in weights\n"
    )
    survived = kills.Counts(Counter(saving=4), [], 2, [], 0)
    monkeypatch.setattr(kills, "count", lambda *_: survived)
    assert torture.main(["training", "4"]) == 0
