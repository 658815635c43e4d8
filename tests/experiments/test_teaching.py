"""Tests ../../experiments/teaching.py."""

import numpy as np

from experiments import teaching
from jsr.data import collection, patches
from jsr.data.sets import pairs
from jsr.pictures import reading
from tests import commands


def test_pairs_are_what_the_teacher_makes_of_each_photograph(tmp_path, monkeypatch):
    """All but those that validation holds out, cut to multiples of the scale."""
    monkeypatch.setattr(patches, "HOLDOUT", 1)
    for name in ("a", "b", "c"):
        commands.picture(tmp_path / "photographs" / f"{name}.png", height=41, width=50)
    folder = tmp_path / "pairs"
    teaching.make_pairs(str(tmp_path / "photographs"), folder, teacher="nearest")
    unchanged = []
    for name in ("a", "b", "c"):
        photograph = reading.read(tmp_path / "photographs" / f"{name}.png").pixels[:40, :48]
        lr, hr = (reading.read(folder / part / f"{name}.png").pixels for part in ("lr", "hr"))
        np.testing.assert_array_equal(lr, pairs.reduce(photograph, scale=4))
        unchanged.append(np.array_equal(hr, photograph))
        assert unchanged[-1] or np.array_equal(hr, lr.repeat(4, axis=0).repeat(4, axis=1))
    assert sum(unchanged) == 1
    found = collection.find_pairs(folder / "hr", folder / "lr", scale=4)
    assert len(found.train) == 3


def test_pairs_that_are_there_stay(tmp_path):
    (tmp_path / "pairs").mkdir()
    teaching.make_pairs(str(tmp_path / "none"), tmp_path / "pairs", teacher="nearest")
    assert list((tmp_path / "pairs").iterdir()) == []
