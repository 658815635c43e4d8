"""Tests ../../jsr/upscaling/jobs.py."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from jsr.errors import PictureError
from jsr.pictures import formats
from jsr.upscaling.jobs import FORMATS, Job, Naming, plan, plan_burst

pytestmark = pytest.mark.usefixtures("place")


def _files(*names):
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()


X4 = Naming("_x4")


def _targets(inputs, output=None, naming=X4):
    jobs = plan([Path(name) for name in inputs], output, naming).jobs
    return {str(job.source): str(job.target) for job in jobs}


def test_plan_puts_results_beside_their_inputs():
    _files("a.jpg", "in/b.png")
    assert _targets(["a.jpg", "in"]) == {"a.jpg": "a_x4.png", "in/b.png": "in/b_x4.png"}
    assert _targets(["a.jpg"], naming=Naming("_large", format="webp")) == {"a.jpg": "a_large.webp"}


@pytest.mark.parametrize("output", ["out", "out/", "out.d/", "exists.png"])
def test_plan_keeps_names_in_a_folder_of_results(output):
    _files("a.jpg", "in/below/b.gif", "exists.png/c.txt")
    expected = {"a.jpg": str(Path(output, "a.png"))}
    assert _targets(["a.jpg"], output) == expected
    assert _targets(["in"], output) == {"in/below/b.gif": str(Path(output, "below/b.png"))}


def test_plan_takes_a_file_for_one_picture():
    _files("a.jpg")
    assert _targets(["a.jpg"], "new/b.webp") == {"a.jpg": "new/b.webp"}
    with pytest.raises(PictureError, match="-o b.v2: expected a name that ends in one of .png, .*, or in / for a fo"):
        _targets(["a.jpg"], "b.v2")
    with pytest.raises(PictureError, match="-o b.webp: names a WEBP, so expected no --format jpg"):
        _targets(["a.jpg"], "b.webp", Naming("_x4", format="jpg"))
    assert _targets(["a.jpg"], "b.jpeg", Naming("_x4", format="jpg")) == {"a.jpg": "b.jpeg"}
    with pytest.raises(PictureError, match="-o b.png: expected a folder for several pictures, got a file"):
        _targets(["a.jpg", "a.jpg"], "b.png")


def test_plan_leaves_out_earlier_results_and_other_files():
    """A name alone does not make a result: there must be an input for it."""
    _files("in/a.gif", "in/a_x4.png", "in/a_x2.png", "in/a_compare.png", "in/b_x4.png", "in/c.txt", "in/.d.png")
    jobs, earlier_results, others, _ = plan([Path("in")], None, X4)
    assert jobs == [
        Job(Path("in/a.gif"), Path("in/a_x4.png")),
        Job(Path("in/b_x4.png"), Path("in/b_x4_x4.png")),
    ]
    assert earlier_results == [Path("in/a_compare.png"), Path("in/a_x2.png"), Path("in/a_x4.png")]
    assert others == [Path("in/c.txt")]


def test_plan_leaves_the_folder_of_results_out_of_its_inputs():
    """Its pictures are no inputs, and none of its files is counted."""
    _files("in/a.png", "in/large/a.png", "in/large/notes.txt")
    jobs, _, others, _ = plan([Path("in")], "in/large", X4)
    assert [job.source for job in jobs] == [Path("in/a.png")] and others == []


def test_plan_reads_each_file_once():
    _files("in/a.png")
    Path("link").symlink_to("in")
    assert list(_targets(["in/a.png", "in", "./in/../in/a.png", "link/a.png"])) == ["in/a.png"]


@pytest.mark.parametrize("output", ["a.png", ".", "link.png", "hard.png"])
def test_plan_refuses_to_overwrite_an_input(output):
    """Under any name of the file."""
    _files("a.png")
    Path("link.png").symlink_to("a.png")
    Path("hard.png").hardlink_to("a.png")
    with pytest.raises(PictureError, match="^a.png: its result .* would overwrite an input$"):
        _targets(["a.png"], output)


def test_plan_names_a_second_picture_of_one_stem_by_its_whole_name():
    """So that a folder is not refused for it; and the next command on that folder leaves both results out."""
    _files("in/a.gif", "in/a.png", "in/b.png")
    targets = _targets(["in"])
    assert list(targets.values()) == ["in/a_x4.png", "in/a.png_x4.png", "in/b_x4.png"]
    assert list(_targets(["in"], "out").values()) == ["out/a.png", "out/a.png.png", "out/b.png"]
    _files(*targets.values())
    assert _targets(["in"]) == targets


def test_plan_tells_results_of_one_name_apart():
    """From several folders, and where a name that was made up for one is the natural name of another."""
    _files("a.png", "b/a.png", "c/a.png", "d/a.png")
    targets = _targets(["a.png", "b", "c", "d"], "out")
    assert list(targets.values()) == ["out/a.png", "out/a.png.png", "out/a.png_2.png", "out/a.png_3.png"]
    _files("in/a.gif", "in/a.png", "in/a.png.jpg")
    assert list(_targets(["in"]).values()) == ["in/a_x4.png", "in/a.png_x4.png", "in/a.png.jpg_x4.png"]


def test_plan_names_the_results_of_rasters_by_a_format_that_holds_them():
    """Floats, signed numbers, many bands, a place on the earth; told by the head, so the pixels need not be there."""
    samples = np.zeros((20, 30, 3), np.uint8)
    place = (33550, "d", 3, (10.0, 10.0, 0.0), True)
    infrared = np.zeros((20, 30, 4), np.uint16)
    Path("in").mkdir()
    tifffile.imwrite("in/colours.tif", samples, photometric="rgb")
    tifffile.imwrite("in/floats.tif", samples[..., 0].astype(np.float32))
    tifffile.imwrite("in/heights.TIFF", samples[..., 0].astype(np.int16))
    tifffile.imwrite("in/infrared.tif", infrared, photometric="rgb", extrasamples=["unspecified"])
    tifffile.imwrite("in/inks.tif", infrared, photometric="separated")
    Image.new("LAB", (30, 20)).save("in/lab.tif")
    tifffile.imwrite("in/no_suffix", samples[..., 0].astype(np.float32))
    tifffile.imwrite("in/place.tif", samples, photometric="rgb", extratags=[place])
    for name in ("broken.tif", "array.npy", "scan.dcm", "photo.jpg"):
        Path("in", name).touch()
    content = Path("in/floats.tif").read_bytes()
    Path("in/floats.tif").write_bytes(content[:-1000])
    targets = {Path(source).name: Path(target).name for source, target in _targets(["in"]).items()}
    assert targets == {
        "array.npy": "array_x4.npy",
        "broken.tif": "broken_x4.png",
        "colours.tif": "colours_x4.png",
        "floats.tif": "floats_x4.tif",
        "heights.TIFF": "heights_x4.tif",
        "infrared.tif": "infrared_x4.tif",
        "inks.tif": "inks_x4.png",
        "lab.tif": "lab_x4.png",
        "no_suffix": "no_suffix_x4.tif",
        "photo.jpg": "photo_x4.png",
        "place.tif": "place_x4.tif",
        "scan.dcm": "scan_x4.tif",
    }
    assert _targets(["in/floats.tif"], naming=Naming("", format="png")) == {"in/floats.tif": "in/floats.png"}


def test_plan_refuses_folders_without_pictures():
    Path("in").mkdir()
    with pytest.raises(PictureError, match="^in: no pictures or videos in this folder$"):
        _targets(["in"])
    _files("in/b.txt", "in/a.txt", "full/a.png")
    with pytest.raises(
        PictureError, match="^in: no pictures or videos in this folder; other files: 2, such as in/a.txt$"
    ):
        _targets(["in"])


def test_plan_leaves_out_an_empty_folder_among_others():
    """It must not cost the others."""
    _files("in/a.txt", "full/a.png", "done/a.png")
    planned = plan([Path("in"), Path("full"), Path("done")], None, X4)
    assert [job.source for job in planned.jobs] == [Path("full/a.png"), Path("done/a.png")]
    assert (planned.empty, planned.others) == ([Path("in")], [Path("in/a.txt")])


def test_plan_knows_results_of_names_with_a_newline():
    _files("in/a\nb.png", "in/a\nb_x4.png")
    assert list(_targets(["in"]).values()) == ["in/a\nb_x4.png"]


def test_plan_burst_makes_one_job_of_all_frames():
    _files("burst/b.png", "burst/a.png", "burst/notes.txt", "c.png")
    planned = plan_burst([Path("burst"), Path("c.png")], None, X4)
    assert planned.jobs == [Job(Path("burst/a.png"), Path("burst/a_x4.png"), (Path("burst/b.png"), Path("c.png")))]
    assert planned.others == [Path("burst/notes.txt")]
    assert plan_burst([Path("burst")], "large.jpg", X4).jobs[0].target == Path("large.jpg")


def test_plan_burst_refuses_to_overwrite_any_frame():
    _files("a.png", "b.png")
    with pytest.raises(PictureError, match="would overwrite an input"):
        plan_burst([Path("a.png"), Path("b.png")], "b.png", X4)


@pytest.mark.parametrize(
    "mark", ["_x4", "_x1.5", "_w1920", "_h1080", "_w1920h1080", "_max4000", "_compare", "-large", "_x4.v2"]
)
def test_plan_leaves_out_results_of_any_mark_and_format(mark):
    """Those of all commands, and those of its own suffix; a photograph that is only called alike is no result."""
    _files("in/a.jpg", f"in/a{mark}.jpg", f"in/a{mark}.png", f"in/a.jpg{mark}.TIF", f"in/b{mark}.jpg", "in/a.b.png")
    planned = plan([Path("in")], None, Naming(mark if mark[0] == "-" or "v2" in mark else "_x4"))
    assert [job.source.name for job in planned.jobs] == ["a.b.png", "a.jpg", f"b{mark}.jpg"]
    assert len(planned.earlier_results) == 3


def test_naming_keeps_the_format_where_it_is_written():
    """As the suffix names it; formats that are only read, and files without a suffix, become PNG."""
    naming = Naming("", format="same")
    names = {"a.JPG": ".jpg", "a.jpeg": ".jpeg", "a.jfif": ".jpg", "a.webp": ".webp", "a.ppm": ".png", "a": ".png"}
    assert {name: naming.suffix(Path(name)) for name in names} == names
    assert Naming("").suffix(Path("a.jpg")) == ".png"


@pytest.mark.parametrize("name", FORMATS[1:])
def test_every_format_names_a_suffix_that_is_written(name):
    assert formats.written_as(f"a{Naming('', format=name).suffix(Path('b'))}") is not None
