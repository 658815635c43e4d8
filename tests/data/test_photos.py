"""Tests ../../jsr/data/photos.py."""

from jsr.data import photos


def test_in_folder_names_photos_by_relative_path(folder):
    (folder / "below").mkdir()
    (folder / "00.png").rename(folder / "below" / "00.png")
    names = [photo.name for photo in photos.in_folder(folder)]
    assert names == [*(f"{i:02}.png" for i in range(1, 12)), "below/00.png"]
    assert [photo.name for photo in photos.in_folder(folder / "01.png")] == ["01.png"]


def test_in_folder_stamps_a_photo_anew_when_its_file_changes(folder):
    first, second = photos.in_folder(folder)[:2]
    with first.open() as file:
        assert file.read() == (folder / "00.png").read_bytes()
    (folder / "00.png").write_bytes(b"longer than it was" * 1000)
    again = photos.in_folder(folder)
    assert again[0].stamp != first.stamp and again[1].stamp == second.stamp


def test_in_folder_lists_a_dangling_link(folder):
    """So that it is counted as broken when it is opened, and not passed over in silence."""
    (folder / "gone.png").symlink_to(folder / "nowhere.png")
    assert photos.in_folder(folder)[-1].stamp == (0, 0)


def test_from_bytes_reads_when_it_is_opened():
    content = [b"first"]
    photo = photos.from_bytes("name", (1,), lambda: content[0])
    content[0] = b"second"
    with photo.open() as file:
        assert file.read() == b"second"
