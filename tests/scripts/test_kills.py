"""Tests ../../scripts/torture/kills.py, and jsr/train.py by it, in short."""

from collections import Counter

import pytest

from scripts.torture import __main__ as torture
from scripts.torture import kills


@pytest.mark.slow
def test_a_killed_run_ends_as_one_never_stopped():
    counts = kills.count(2, seed=1, steps=60)
    assert (counts.kills.total(), counts.refused, counts.unequal) == (2, [], [])
    assert counts.equal >= 1


@pytest.mark.parametrize(
    ("refused", "unequal", "status"),
    [([], [], 0), (["run0: error"], [], 1), ([], ["run1 differs in weights"], 1)],
)
def test_main_fails_if_a_run_is_lost_or_ends_otherwise(monkeypatch, capsys, refused, unequal, status):
    counts = kills.Counts(Counter(saving=3, training=1), refused, 2, unequal, 1)
    monkeypatch.setattr(kills, "count", lambda *_: counts)
    assert torture.main(["training", "4"]) == status
    line = capsys.readouterr().out
    assert all(text in line for text in refused + unequal)
