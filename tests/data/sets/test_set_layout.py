"""Tests ../../../jsr/data/sets/set_layout.py."""

import re

import pytest
from PIL import Image

from jsr.data.sets import set_layout
from jsr.errors import DataError


def _write(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(folder / name)


def _names(layout, folder):
    """Returns the paths of the originals and of the low-resolution pictures, below the set."""
    return [
        None if listing is None else [path.relative_to(folder).as_posix() for path in listing.pictures]
        for listing in layout
    ]


@pytest.mark.parametrize(
    "hr, lr, others",
    [
        ("hr/a.png", "lr/a.png", []),
        ("hr/city/a.png", "lr/city/ax4.png", []),
        ("HR/a.png", "LR_bicubic/X4/ax4.png", ["LR_bicubic/X2/ax2.png", "LR_bicubic/X3/ax3.png"]),  # EDSR
        ("HR/x4/a.png", "LRBI/x4/a.png", ["HR/x2/a.png", "LRBI/x2/a.png"]),
        ("DIV2K_valid_HR/0801.png", "DIV2K_valid_LR_bicubic/X4/0801x4.png", []),  # DIV2K
        ("GTmod12/a.png", "LRbicx4/a.png", ["LRbicx2/a.png", "LRbicx3/a.png", "original.txt"]),  # BasicSR
        ("HR_x4/a.png", "LR_x4/a.png", ["HR_x2/a.png", "LR_x2/a.png"]),
        ("gt/a.png", None, ["results/a.png"]),
        ("img_001_SRF_4_HR.png", "img_001_SRF_4_LR.png", ["img_001_SRF_4_bicubic.png"]),  # SelfExSR
        ("Nikon_001_HR.png", "Nikon_001_LR4.png", []),  # RealSR
    ],
)
def test_sets_of_other_projects_are_found(tmp_path, hr, lr, others):
    _write(tmp_path, hr, *filter(None, [lr]))
    for name in others:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((tmp_path / hr).read_bytes())
    layout = set_layout.locate(tmp_path, scale=4)
    assert _names(layout, tmp_path) == [[hr], [lr] if lr else None]


def test_originals_alone_are_those_of_the_folder_itself(tmp_path):
    """Those below it may be results that were made from them."""
    _write(tmp_path, "a.png", "b.jpg", "out/a.png")
    assert _names(set_layout.locate(tmp_path, scale=4), tmp_path) == [["a.png", "b.jpg"], None]


def test_a_folder_of_both_resolutions_needs_both(tmp_path):
    """HR at the end of a name says nothing where no LR is there."""
    _write(tmp_path, "a_HR.png", "b_HR.png", "c.png")
    assert _names(set_layout.locate(tmp_path, scale=4), tmp_path)[0] == ["a_HR.png", "b_HR.png", "c.png"]


@pytest.mark.parametrize("names, both", [(["hr", "GT"], "GT hr"), (["hr", "lr", "LRbicx4"], "LRbicx4 lr")])
def test_two_folders_of_one_kind_are_both_named(tmp_path, names, both):
    _write(tmp_path, *(f"{name}/a.png" for name in names))
    first, second = (tmp_path / name for name in both.split())
    message = f"{tmp_path}: expected one sub-folder like 'hr' or 'lr', got {first} and {second}"
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        set_layout.locate(tmp_path, scale=4)


def test_what_is_no_set_is_refused(tmp_path):
    (tmp_path / "empty" / "hr").mkdir(parents=True)
    for name, message in (
        ("nowhere", "is not a folder; expected SET_DIR/hr and, optionally, SET_DIR/lr$"),
        ("", "has no sub-folder 'hr'; expected"),
        ("empty", "hr: no pictures$"),
    ):
        with pytest.raises(DataError, match=message):
            set_layout.locate(tmp_path / name, scale=4)


@pytest.mark.parametrize("given", ["", "x4/hr", "x4/lr"])
def test_the_set_that_may_be_meant_is_named(tmp_path, given):
    """Pictures or not: what lies in x4/hr would otherwise be scored without what lies in x4/lr."""
    _write(tmp_path, "x2/hr/a.png", "x4/hr/a.png", "x4/lr/a.png", "preview.png")
    with pytest.raises(DataError, match=f"{re.escape(str(tmp_path / given))} has no .*, perhaps {tmp_path / 'x4'}$"):
        set_layout.locate(tmp_path / given, scale=4)
