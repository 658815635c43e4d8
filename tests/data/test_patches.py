"""Tests ../../jsr/data/patches.py."""

import io
import os
import shutil
import subprocess
import sys
import types

import numpy as np
import pytest
from PIL import Image

from jsr.data import collection, patch_files, patch_layout, patches
from jsr.errors import DataError
from jsr.pictures import folders
from tests.encoders import png_of

SIZE = 24


def _pixels(rng, height, width):
    return rng.integers(0, 256, (height, width, 3), np.uint8)


def _save(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)


def _load(folder, tmp_path, **options):
    options = {"size": SIZE, "cache_dir": tmp_path / "cache", **options}
    return patches.load(str(folder), **options)


def test_load_cuts_all_pictures_whole(folder, tmp_path):
    """Each original can be put together again from its patches."""
    pictures = _load(folder, tmp_path)
    assert isinstance(pictures.patches, np.memmap) and not pictures.patches.flags.writeable
    assert pictures.patches.dtype == np.uint8 and pictures.patches.shape[1:] == (*[pictures.patches.shape[1]] * 2, 3)
    assert pictures.sizes.dtype == np.int32
    side = pictures.patches.shape[1]
    held_out = patch_layout.spaced(1, 12)
    originals = [np.asarray(Image.open(path)) for path in sorted(folder.iterdir())]
    originals = [original for i, original in enumerate(originals) if i not in held_out]
    index = 0
    for original in originals:
        for y in patch_layout.origins(original.shape[0], side=side, size=SIZE):
            for x in patch_layout.origins(original.shape[1], side=side, size=SIZE):
                part = original[y : y + side, x : x + side]
                assert tuple(pictures.sizes[index]) == part.shape[:2]
                assert np.array_equal(pictures.patches[index, : part.shape[0], : part.shape[1]], part)
                index += 1
    assert index == len(pictures.patches)


def test_load_holds_pictures_out(tmp_path, rng):
    """Evenly spaced, a tenth at most, cut to their middles, and never among the patches."""
    for i in range(30):
        _save(tmp_path / "set" / f"{i:02}.png", _pixels(rng, 61 + i, 50))
    _save(tmp_path / "set" / "05.png", _pixels(rng, 400, 600))
    pictures = _load(tmp_path / "set", tmp_path)
    originals = [np.asarray(Image.open(p)) for p in folders.list_pictures(tmp_path / "set")]
    assert [v.shape for v in pictures.validation] == [(384, 384, 3), (72, 48, 3), (84, 48, 3)]
    assert np.array_equal(pictures.validation[0], originals[5][8:392, 108:492])
    assert np.array_equal(pictures.validation[1], originals[15][2:74, 1:49])
    for index in (5, 15, 25):
        corner = originals[index][:8, :8]
        assert not (pictures.patches[:, :8, :8] == corner).all((1, 2, 3)).any()
    assert pictures.description.startswith("27 pictures, ")
    assert len(_load(tmp_path / "set", tmp_path, holdout=2).validation) == 2
    assert _load(tmp_path / "set", tmp_path, holdout=0).validation == []


def test_load_takes_a_cached_set(folder, tmp_path, monkeypatch):
    first = _load(folder, tmp_path)
    monkeypatch.setattr(patch_files, "write_patches", lambda *_, **__: pytest.fail("cut a second time"))
    second = _load(folder, tmp_path)
    assert np.array_equal(first.patches, second.patches)
    assert np.array_equal(first.sizes, second.sizes)
    assert first.description == second.description
    assert all(map(np.array_equal, first.validation, second.validation))


def test_load_cuts_anew_when_pictures_or_options_change(folder, tmp_path):
    def count():
        return len(list((tmp_path / "cache").iterdir()))

    _load(folder, tmp_path)
    os.utime(folder / "00.png", (1, 1))
    _load(folder, tmp_path)
    assert count() == 2
    (folder / "00.png").rename(folder / "12.png")
    _load(folder, tmp_path)
    assert count() == 3
    _load(folder, tmp_path, size=SIZE + 1)
    assert count() == 4
    _load(folder, tmp_path, holdout=0)
    assert count() == 5
    assert not list((tmp_path / "cache").glob("unfinished-*"))


def test_load_finds_the_sets_of_earlier_versions(tmp_path):
    """The name of a cached set is recorded here; another one would have users cut all pictures again."""
    photograph = tmp_path / "set" / "a.png"
    photograph.parent.mkdir()
    Image.fromarray(np.full((30, 40, 3), 7, np.uint8)).save(photograph)
    photograph.write_bytes(photograph.read_bytes().ljust(1000))
    os.utime(photograph, ns=(10**18, 10**18))
    _load(tmp_path / "set", tmp_path)
    (home,) = (tmp_path / "cache").iterdir()
    assert home.name == "e524e4615461aaa2c63608f8b111c4cbf46fc0792698e2927c95ab49bb273178"
    assert {path.name for path in home.iterdir()} == {"patches.npy", "sizes.npy", "validation.npz", "about.json"}


def test_load_leaves_nothing_when_it_is_interrupted(folder, tmp_path, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(patch_layout, "cut", interrupted)
    with pytest.raises(KeyboardInterrupt):
        _load(folder, tmp_path)
    assert not list((tmp_path / "cache").iterdir())


def test_load_uses_the_users_cache_by_default(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    _load(folder, tmp_path, cache_dir=None)
    assert len(list((tmp_path / "xdg" / "jsr" / "patches").iterdir())) == 1


def test_load_names_skipped_pictures(folder, tmp_path, rng):
    _save(folder / "deep" / "narrow.png", _pixels(rng, 90, SIZE - 1))
    (folder / "text.jpg").write_text("no picture")
    whole = io.BytesIO()
    Image.fromarray(_pixels(rng, 90, 90)).save(whole, "PNG")
    (folder / "cut.png").write_bytes(whole.getvalue()[:9000])  # its head is sound
    (folder / "gone.png").symlink_to(folder / "nowhere.png")
    (folder / ".hidden.png").write_text("left out")
    (folder / "notes.txt").write_text("named, because it may be a picture with a wrong suffix")
    for _ in range(2):  # the second time from the cache
        description = _load(folder, tmp_path).description
        assert description.endswith(
            ", 4 skipped (small: deep/narrow.png; broken: gone.png, text.jpg, cut.png), 1 other file (notes.txt)"
        )
        assert description.startswith("11 pictures, ")


def test_load_counts_skipped_pictures_beyond_ten(folder, tmp_path):
    for i in range(15):
        (folder / f"broken{i:02}.png").write_text("no picture")
    description = _load(folder, tmp_path).description
    assert "15 skipped (broken: broken00.png" in description
    assert description.endswith("broken09.png and 5 more)")


@pytest.mark.parametrize("suffix", ["png", "webp", "bmp", "tif", "TIFF", "PNG"])
def test_load_reads_every_format(tmp_path, rng, suffix):
    pixels = _pixels(rng, 40, 30)
    options = {"lossless": True} if suffix == "webp" else {}
    _save(tmp_path / "set" / f"a.{suffix}", pixels, **options)
    pictures = _load(tmp_path / "set", tmp_path)
    assert pictures.sizes.tolist() == [[40, 30]]
    assert np.array_equal(pictures.patches[0, :40, :30], pixels)
    assert not pictures.patches[0, 40:].any() and not pictures.patches[0, :, 30:].any()
    assert pictures.description == "1 picture, 0.0 Mpx"


def test_load_takes_a_collection_without_listing_it_again(folder, tmp_path, monkeypatch):
    expected = _load(folder, tmp_path)
    found = collection.find(folder)
    monkeypatch.setattr(collection, "find", lambda *_, **__: pytest.fail("listed a second time"))
    again = patches.load(found, size=SIZE, cache_dir=tmp_path / "other")
    assert np.array_equal(again.patches, expected.patches) and again.description == expected.description


def test_load_takes_a_single_file(folder, tmp_path):
    assert _load(folder / "03.png", tmp_path).description.startswith("1 picture,")


def test_load_without_a_usable_picture_fails_in_one_line(tmp_path, rng):
    (tmp_path / "set").mkdir()
    with pytest.raises(DataError, match=r"set: expected pictures .* 24x24 pixels, got none$"):
        _load(tmp_path / "set", tmp_path)
    _save(tmp_path / "set" / "a.png", _pixels(rng, 20, 90))
    with pytest.raises(DataError, match=r"got none, 1 skipped \(small: a.png\)$") as caught:
        _load(tmp_path / "set", tmp_path)
    assert "\n" not in str(caught.value)
    (tmp_path / "set" / "b.jpg_large").write_text("")
    with pytest.raises(DataError, match=r"got none, 1 skipped \(small: a.png\), 1 other file \(b.jpg_large\)$"):
        _load(tmp_path / "set", tmp_path)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "RGBA;16"])
def test_load_lays_transparent_pictures_over_white(tmp_path, rng, mode):
    """The colours that alpha hides are not seen, whatever they are; half hidden, they are mixed with white."""
    colours = _pixels(rng, 40, 30)
    alpha = np.full((40, 30), 255, np.uint8)
    alpha[:, :9], alpha[:, 9:15] = 0, 102
    path = tmp_path / "set" / "a.png"
    path.parent.mkdir()
    if mode == "P":
        image = Image.fromarray(colours).quantize(16)
        colours = np.asarray(image.convert("RGB"))
        hidden = np.asarray(image)[0, 0]
        alpha = np.where(np.asarray(image) == hidden, 0, 255).astype(np.uint8)
        image.save(path, transparency=int(hidden))
    elif mode == "RGBA;16":
        samples = np.dstack([colours, alpha]).astype(np.uint16) * 257
        path.write_bytes(png_of(samples, bitdepth=16))
    elif mode == "LA":
        colours = np.repeat(colours[..., :1], 3, axis=-1)
        Image.merge("LA", [Image.fromarray(colours[..., 0]), Image.fromarray(alpha)]).save(path)
    else:
        Image.fromarray(np.dstack([colours, alpha])).save(path)
    expected = colours * (alpha[..., None] / 255) + 255 * (1 - alpha[..., None] / 255)
    pictures = _load(tmp_path / "set", tmp_path)
    assert np.abs(pictures.patches[0, :40, :30] - expected).max() <= 0.5 + 1e-3
    assert (alpha == 0).any() and (pictures.patches[0, :40, :30][alpha == 0] == 255).all()
    assert pictures.description == "1 picture, 0.0 Mpx, 1 transparent, laid over white (a.png)"


def test_load_lays_held_out_pictures_over_white(tmp_path, rng):
    for i in range(10):
        pixels = np.dstack([_pixels(rng, 48, 48), np.full((48, 48), 255, np.uint8)])
        if i == 5:
            pixels[:24] = 0
        _save(tmp_path / "set" / f"{i}.png", pixels)
    pictures = _load(tmp_path / "set", tmp_path)
    assert (pictures.validation[0][:24] == 255).all()
    assert np.array_equal(pictures.validation[0][24:], np.asarray(Image.open(tmp_path / "set" / "5.png"))[24:, :, :3])
    # Wholly opaque ones are used as they are, alpha or not.
    assert pictures.description.endswith("1 more held out, 1 transparent, laid over white (5.png)")


def test_load_without_space_fails_in_one_line(folder, tmp_path, monkeypatch):
    usage = types.SimpleNamespace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DataError, match="expected room for .* GB of patches, got 0.0 GB"):
        _load(folder, tmp_path)
    with pytest.raises(DataError, match="cannot keep patches there"):
        _load(folder, tmp_path, cache_dir=folder / "00.png")


def _shortened(path):
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1])


def _emptied(path):
    path.chmod(0o644)
    path.write_bytes(b"")


def _lengthened(path):
    path.chmod(0o644)
    path.write_bytes(path.read_bytes() + b"0")


def _pickled(path):
    class Malicious:
        def __reduce__(self):
            return pytest.fail, ("a pickle was loaded",)

    path.unlink()
    with path.open("wb") as file:
        np.save(file, np.array([Malicious()]), allow_pickle=True)


@pytest.mark.parametrize("name", ["patches.npy", "sizes.npy", "validation.npz", "about.json"])
@pytest.mark.parametrize("spoil", [_shortened, _emptied, _pickled, os.unlink])
def test_load_cuts_damaged_patches_again(folder, tmp_path, name, spoil):
    first = _load(folder, tmp_path)
    expected = np.array(first.patches), first.sizes, first.description
    (home,) = (tmp_path / "cache").iterdir()
    spoil(home / name)
    again = _load(folder, tmp_path)
    assert np.array_equal(again.patches, expected[0])
    assert np.array_equal(again.sizes, expected[1])
    assert again.description == expected[2]


def test_load_cuts_patches_of_another_set_again(folder, tmp_path):
    """Each file is whole, but they do not belong together."""
    sizes = _load(folder, tmp_path).sizes
    (home,) = (tmp_path / "cache").iterdir()
    for wrong in (sizes[:-1], sizes + 2000, sizes - SIZE, sizes.ravel()):
        np.save(home / "sizes.npy", wrong)
        assert np.array_equal(_load(folder, tmp_path).sizes, sizes)
    _lengthened(home / "patches.npy")
    _load(folder, tmp_path)
    assert (home / "patches.npy").stat().st_mode & 0o222 == 0  # read-only again


def test_load_names_pictures_that_vanish_or_change_meanwhile(folder, tmp_path, monkeypatch):
    """After the scan of the headers one is gone, one broken, one smaller than a crop, and so is a held-out one."""
    best_side = patch_layout.best_side

    def spoil_first(shapes, **options):
        shapes = list(shapes)
        (folder / "01.png").unlink()
        (folder / "02.png").write_bytes((folder / "02.png").read_bytes()[:-2000])
        for name in ("03.png", "06.png"):
            Image.new("RGB", (3, 3)).save(folder / name)
        return best_side(shapes, **options)

    monkeypatch.setattr(patch_layout, "best_side", spoil_first)
    pictures = _load(folder, tmp_path)
    assert pictures.description.startswith("8 pictures, ")
    assert pictures.description.endswith("4 skipped (broken: 01.png, 02.png, 03.png, 06.png)")
    assert pictures.validation == []


def test_load_deletes_what_a_killed_process_left_a_day_ago(folder, tmp_path):
    for name in ("unfinished-old", "unfinished-new"):
        (tmp_path / "cache" / name).mkdir(parents=True)
        (tmp_path / "cache" / name / "patches.npy").write_bytes(b"half")
    os.utime(tmp_path / "cache" / "unfinished-old" / "patches.npy", (1, 1))
    os.utime(tmp_path / "cache" / "unfinished-old", (1, 1))
    _load(folder, tmp_path)
    assert not (tmp_path / "cache" / "unfinished-old").exists()
    assert (tmp_path / "cache" / "unfinished-new").exists()


def test_load_of_a_folder_does_not_import_tensorflow_datasets(folder, tmp_path):
    """It takes as long to import as jax."""
    program = (
        "import sys; from jsr.data import patches; "
        f"patches.load({str(folder)!r}, size=24, cache_dir={str(tmp_path / 'cache')!r}); "
        "assert 'tensorflow_datasets' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_load_of_photographs(jsr_data, tmp_path):
    """Of the five, one of 228x344 pixels is narrower than a patch, but not lower."""
    pictures = patches.load(jsr_data / "eval" / "Set5" / "x4" / "hr", size=96, cache_dir=tmp_path)
    assert pictures.description.startswith("5 pictures, ")
    side = pictures.patches.shape[1]
    assert 228 < side <= 344 and [side, 228] in pictures.sizes.tolist()


@pytest.fixture
def pair_folders(tmp_path, rng):
    """Writes twelve low-resolution pictures of noise, and originals that repeat their pixels three times."""
    for i in range(12):
        low = _pixels(rng, 20 + 7 * i, 110 - 6 * i)
        _save(tmp_path / "low" / f"{i:02}.png", low)
        _save(tmp_path / "high" / f"{i:02}.png", low.repeat(3, axis=0).repeat(3, axis=1))
    return tmp_path / "high", tmp_path / "low"


def _load_pairs(folders, tmp_path):
    return patches.load(collection.find_pairs(*folders, scale=3), size=SIZE, cache_dir=tmp_path / "cache")


def test_load_of_pairs_cuts_both_at_the_same_places(pair_folders, tmp_path, monkeypatch):
    """An original's patch repeats its low-resolution patch, and so do the pictures held out; also from the cache."""
    first = _load_pairs(pair_folders, tmp_path)
    monkeypatch.setattr(patch_files, "write_patches", lambda *_, **__: pytest.fail("cut a second time"))
    for pictures in (first, _load_pairs(pair_folders, tmp_path)):
        assert isinstance(pictures.patches.lr, np.memmap)
        assert len(pictures.patches.hr) == len(pictures.patches.lr) == len(pictures.sizes)
        assert not (pictures.sizes % 3).any()
        (middle,) = pictures.validation
        for hr, lr in (pictures.patches, middle):
            assert np.array_equal(hr, lr.repeat(3, axis=-3).repeat(3, axis=-2)) and lr.any()
        assert pictures.description.startswith("11 pictures, ")


def test_load_of_pairs_names_both_of_two_sizes_that_do_not_fit(pair_folders, tmp_path, rng):
    high, low = pair_folders
    _save(low / "03.png", _pixels(rng, 41, 91))
    with pytest.raises(DataError) as error:
        _load_pairs(pair_folders, tmp_path)
    assert str(error.value) == (
        f"{low / '03.png'}: expected a picture 3 times smaller than {high / '03.png'} of 276x123 pixels, got 91x41"
    )
    _save(low / "03.png", _pixels(rng, 92, 41))  # turned: only the pixels tell, because a header may say so
    with pytest.raises(DataError, match="03.png: expected a picture 3 times smaller .* of 276x123 pixels, got 41x92"):
        _load_pairs(pair_folders, tmp_path)
    assert not list((tmp_path / "cache").glob("*"))


def test_load_of_pairs_skips_a_pair_of_which_one_is_broken(pair_folders, tmp_path):
    (pair_folders[1] / "03.png").write_text("no picture")
    assert _load_pairs(pair_folders, tmp_path).description.endswith("1 skipped (broken: 03.png)")


@pytest.mark.parametrize("spoil", [_shortened, _emptied, os.unlink])
def test_load_of_pairs_cuts_damaged_patches_again(pair_folders, tmp_path, spoil):
    expected = np.array(_load_pairs(pair_folders, tmp_path).patches.lr)
    (home,) = (tmp_path / "cache").iterdir()
    spoil(home / "low_patches.npy")
    assert np.array_equal(_load_pairs(pair_folders, tmp_path).patches.lr, expected)


def test_load_of_pairs_cuts_anew_when_a_low_resolution_picture_changes(pair_folders, tmp_path):
    _load_pairs(pair_folders, tmp_path)
    os.utime(pair_folders[1] / "03.png", (1, 1))
    _load_pairs(pair_folders, tmp_path)
    assert len(list((tmp_path / "cache").iterdir())) == 2
