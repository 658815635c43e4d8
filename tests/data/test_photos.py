"""Tests ../jsr/folders.py."""

from jsr.data import photos
from jsr.pictures import folders


def test_pictures_are_found_in_order_by_their_suffix(folder):
    (folder / "below").mkdir()
    for name in ("below/a.JPG", "z.webp", "notes.txt", "._00.png", "below/.hidden.png"):
        (folder / name).write_bytes(b"")
    names = [p.relative_to(folder).as_posix() for p in folders.list_pictures(folder)]
    assert names == [*(f"{i:02}.png" for i in range(12)), "below/a.JPG", "z.webp"]


def test_links_in_a_circle_end(folder):
    (folder / "again").symlink_to(folder, target_is_directory=True)
    assert len(folders.list_pictures(folder)) == 12


def test_an_items_stamp_changes_with_its_file(folder):
    first, second = photos.items(folder)[:2]
    assert first.name == "00.png"
    with first.open() as file:
        assert file.read() == (folder / "00.png").read_bytes()
    (folder / "00.png").write_bytes(b"longer than it was" * 1000)
    again = photos.items(folder)
    assert again[0].stamp != first.stamp and again[1].stamp == second.stamp
