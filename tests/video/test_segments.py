"""Tests ../../jsr/video/segments.py."""

import pytest

from jsr.errors import VideoError
from jsr.video import segments


def test_a_folder_goes_on_with_its_own_run_alone(tmp_path):
    place = segments.folder(tmp_path / "clip.mp4")
    assert place == tmp_path / "clip.mp4.jsr"
    run = {"source": "1", "model": "2"}
    segments.prepare(place, run)
    segments.prepare(place, run | {"model": "3"})  # nothing is lost, because nothing was finished
    segments.prepare(place, run)
    segments.path(place, 0).write_bytes(b"")
    segments.path(place, 12).write_bytes(b"")
    (place / ".jsr-abcdefgh.part").write_bytes(b"")  # of a killed process
    segments.prepare(place, run)
    assert segments.finished(place) == {0, 12}
    assert sorted(file.name for file in place.iterdir()) == ["000000.nut", "000012.nut", "run.json"]
    with pytest.raises(VideoError, match="another source and model: repeat that command"):
        segments.prepare(place, {"source": "4", "model": "5"})
    (place / "run.json").write_text("{")
    with pytest.raises(VideoError, match="another source and model"):
        segments.prepare(place, run)
    segments.remove(place)
    assert not place.exists()
