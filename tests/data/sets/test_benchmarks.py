"""Tests ../../../jsr/data/sets/benchmarks.py."""

import pytest

from jsr.data.sets import benchmarks
from jsr.data.sets.benchmarks import Benchmark
from jsr.ops.observation import Observation


def test_label_tells_sets_and_scales_apart(tmp_path):
    assert benchmarks.label(tmp_path / "Set5") == "Set5"
    assert benchmarks.label(tmp_path / "Set5" / "x4") == "Set5 x4"
    assert benchmarks.label(tmp_path / "Set5" / "xml") == "xml"


def test_sets_of_one_name_are_named_by_their_paths(tmp_path):
    first, second = tmp_path / "a" / "Set5", tmp_path / "b" / "Set5"
    assert benchmarks.labels([first, tmp_path]) == ["Set5", tmp_path.name]
    assert benchmarks.labels([first, second]) == [str(first), str(second)]


def test_each_set_comes_once_or_with_each_observation(tmp_path):
    folders = [tmp_path / "Set5" / "x4", tmp_path / "Set14" / "x4"]
    assert benchmarks.benchmarks(folders, []) == [
        Benchmark("Set5 x4", folders[0]),
        Benchmark("Set14 x4", folders[1]),
    ]
    blur, noise = Observation(blur=2.0), Observation(noise=5.0)
    columns = benchmarks.benchmarks(folders, [blur, noise])
    assert [column.label for column in columns] == [
        "Set5 x4 sigma=2,noise=0",
        "Set5 x4 sigma=0,noise=5",
        "Set14 x4 sigma=2,noise=0",
        "Set14 x4 sigma=0,noise=5",
    ]
    assert columns[3] == Benchmark("Set14 x4 sigma=0,noise=5", folders[1], noise)


@pytest.mark.parametrize(
    "made, expected", [([], ""), (["Set5"], "Set5"), (["Set5/x4"], "Set5/x4"), (["Set14"], ""), (["Set5/x2"], "Set5")]
)
def test_results_of_several_sets_lie_in_folders_of_their_names(tmp_path, made, expected):
    for name in made:
        (tmp_path / "out" / name).mkdir(parents=True)
    found = benchmarks.results_folder(tmp_path / "out", tmp_path / "sets" / "Set5" / "x4")
    assert found == tmp_path / "out" / expected
