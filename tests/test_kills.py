"""Tests ../jsr/train.py by ../scripts/kills.py, in short."""

from collections import Counter

import kills
import pytest


@pytest.mark.slow
def test_a_killed_run_ends_as_one_never_stopped():
    counts = kills.count(2, seed=1, steps=60)
    assert (counts.kills.total(), counts.refused, counts.unequal) == (2, [], [])
    assert counts.equal >= 1


def test_the_line_counts_what_was_not_survived(monkeypatch, capsys):
    refused, unequal = ["run0: error"], ["run1 differs in weights"]
    found = kills.Counts(Counter(saving=3, training=1), refused, 2, unequal, 1)
    monkeypatch.setattr(kills, "count", lambda *_: found)
    assert kills.main(["--kills", "4"]) == 1
    assert capsys.readouterr().out == (
        "kills survived: 3 of 4 (3 while saving, 1 while training); checkpoints cut short: 1;"
        " runs equal to one never stopped, to the last bit: 2 of 3;"
        " run0: error; run1 differs in weights\n"
    )
