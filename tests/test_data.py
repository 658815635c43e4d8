"""Tests ../jsr/data.py."""

import io
import os
import subprocess
import sys
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from PIL import Image

from jsr import data

SIZE = 24
BATCH = 8


def _pixels(rng, height, width):
    return rng.integers(0, 256, (height, width, 3), np.uint8)


def _save(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)


def _load(folder, tmp_path, **options):
    options = {"size": SIZE, "patch": 64, "cache_dir": tmp_path / "cache", **options}
    return data.load(str(folder), **options)


@pytest.fixture
def folder(tmp_path, rng):
    """Twelve pictures of noise, where a window is found in one place only; some are small."""
    for i in range(12):
        _save(tmp_path / "set" / f"{i:02}.png", _pixels(rng, 40 + 7 * i, 150 - 9 * i))
    return tmp_path / "set"


def _windows(picture, crop):
    """Returns how many of a picture's windows, in all eight positions, equal the crop."""
    size = crop.shape[0]
    count = 0
    for turn in range(8):
        turned = np.rot90(crop, turn % 4)
        turned = turned[::-1] if turn >= 4 else turned
        starts = np.argwhere((picture == turned[0, 0]).all(-1))
        for y, x in starts:
            count += np.array_equal(picture[y : y + size, x : x + size], turned)
    return count


@pytest.mark.parametrize("length", [24, 63, 64, 65, 104, 105, 200, 1001])
@pytest.mark.parametrize("size, side", [(24, 64), (96, 256), (33, 66)])
def test_every_window_lies_in_a_patch(length, size, side):
    """Else some windows could never be drawn; that is why patches overlap."""
    stride = (side - size + 1) // 4 * 4
    starts = data.origins(length, side=side, stride=stride)
    assert starts[-1] == max(0, length - side)
    for window in range(length - size + 1):
        assert any(s <= window and window + size <= s + side for s in starts)


def test_crops_are_windows_of_the_pictures(folder, tmp_path):
    pictures = _load(folder, tmp_path)
    assert pictures.patches.dtype == np.uint8 and isinstance(pictures.patches, np.memmap)
    assert pictures.patches.shape[1:] == (64, 64, 3) and pictures.sizes.dtype == np.int32
    originals = [np.asarray(Image.open(p)) for p in data.list_pictures(folder)]
    source = data.resident(pictures, jax.random.key(1))
    for step in range(3):
        for crop in np.asarray(data.crops(source, step, batch=BATCH, size=SIZE)):
            assert crop.shape == (SIZE, SIZE, 3)
            assert sum(_windows(original, crop) for original in originals) == 1


def test_all_turns_and_places_are_drawn():
    """A picture one pixel larger than a crop has 4 windows in 8 positions: all 32 turn up."""
    patches = np.zeros((1, 8, 8, 3), np.uint8)
    patches[0, :5, :5] = np.arange(75).reshape(5, 5, 3)
    source = data.Resident(jax.random.key(0), jnp.asarray(patches), jnp.array([[5, 5]]))
    images = np.asarray(data.crops(source, 0, batch=1000, size=4))
    kinds, counts = np.unique(images.reshape(1000, -1), axis=0, return_counts=True)
    assert len(kinds) == 32 and counts.min() > 10
    assert kinds.max() == 74  # no padding: 0 is a value of the picture's first pixel only
    assert (kinds == 0).sum() == 8


def test_patches_are_drawn_evenly():
    sizes = jnp.full((10, 2), 64)
    indices, _, _ = data.draw(jax.random.key(0), 0, sizes, batch=10000, size=SIZE)
    assert np.bincount(indices, minlength=10).min() > 850  # 1000 expected, standard deviation 30


def test_steps_differ_and_repeat(folder, tmp_path):
    source = data.resident(_load(folder, tmp_path), jax.random.key(1))
    crops = [np.asarray(data.crops(source, s, batch=BATCH, size=SIZE)) for s in (0, 1, 0)]
    assert np.array_equal(crops[0], crops[2])
    assert not np.array_equal(crops[0], crops[1])


@pytest.mark.parametrize("kind", ["resident", "streamed"])
def test_crops_do_not_depend_on_the_number_of_devices(folder, tmp_path, kind):
    """So that a run continued on more devices sees the pictures it would have seen."""
    pictures, key = _load(folder, tmp_path), jax.random.key(2)
    if kind == "resident":
        source = data.resident(pictures, key)
    else:
        source = data.stream(pictures, key, 3, 2, batch=BATCH, size=SIZE)
    whole = data.crops(source, 4, batch=BATCH, size=SIZE)
    shares = [data.crops(source, 4, batch=BATCH, size=SIZE, share=i, shares=4) for i in range(4)]
    assert np.array_equal(np.concatenate(shares), whole)

    def device(source, _):
        return data.crops(
            source, jnp.int32(4), batch=BATCH, size=SIZE, share=lax.axis_index("d"), shares=4
        )

    mapped = jax.pmap(device, axis_name="d", in_axes=(None, 0))(source, np.zeros(4))
    assert np.array_equal(np.reshape(mapped, whole.shape), whole)


@pytest.mark.parametrize("first", [0, 7])
def test_streamed_equals_resident(folder, tmp_path, first):
    """Which kind a machine's memory allows must not change what is learnt."""
    pictures, key = _load(folder, tmp_path), jax.random.key(3)
    source = data.resident(pictures, key)
    streamed = data.stream(pictures, key, first, 5, batch=BATCH, size=SIZE)
    assert streamed.images.shape == (5, BATCH, SIZE, SIZE, 3)
    crops = jax.jit(data.crops, static_argnames=("batch", "size"))
    for step in range(first, first + 5):
        expected = data.crops(source, step, batch=BATCH, size=SIZE)
        assert np.array_equal(crops(streamed, step, batch=BATCH, size=SIZE), expected)
        assert np.array_equal(crops(source, step, batch=BATCH, size=SIZE), expected)


def test_a_split_streamed_source_is_taken_whole(folder, tmp_path):
    """Each device is sent only its own part of the batches, so it has no share left to take."""
    source = data.stream(_load(folder, tmp_path), jax.random.key(2), 3, 2, batch=BATCH, size=SIZE)

    def device(images):
        return data.crops(data.Streamed(images, source.first), 4, batch=BATCH, size=SIZE)

    parts = np.stack(np.split(source.images, 4, axis=1))
    assert np.array_equal(np.concatenate(jax.pmap(device)(parts)), source.images[1])


def test_an_odd_batch_is_refused(folder, tmp_path):
    source = data.resident(_load(folder, tmp_path), jax.random.key(0))
    with pytest.raises(ValueError, match="batch: expected a multiple of the 4 shares, got 6"):
        data.crops(source, 0, batch=6, size=SIZE, shares=4)


def test_held_out_pictures(tmp_path, rng):
    """Evenly spaced, a tenth at most, cut to their middles, and never among the patches."""
    for i in range(30):
        _save(tmp_path / "set" / f"{i:02}.png", _pixels(rng, 61 + i, 50))
    _save(tmp_path / "set" / "05.png", _pixels(rng, 400, 600))
    pictures = _load(tmp_path / "set", tmp_path)
    originals = [np.asarray(Image.open(p)) for p in data.list_pictures(tmp_path / "set")]
    assert [v.shape for v in pictures.validation] == [(384, 384, 3), (72, 48, 3), (84, 48, 3)]
    assert np.array_equal(pictures.validation[0], originals[5][8:392, 108:492])
    assert np.array_equal(pictures.validation[1], originals[15][2:74, 1:49])
    for index in (5, 15, 25):
        corner = originals[index][:8, :8]
        assert not (pictures.patches[:, :8, :8] == corner).all((1, 2, 3)).any()
    assert pictures.description.startswith("27 pictures, ")
    assert len(_load(tmp_path / "set", tmp_path, holdout=2).validation) == 2
    assert _load(tmp_path / "set", tmp_path, holdout=0).validation == []


def test_the_cache_is_used_again(folder, tmp_path, monkeypatch):
    first = _load(folder, tmp_path)
    build = data._build
    monkeypatch.setattr(data, "_build", lambda *_: pytest.fail("cut a second time"))
    second = _load(folder, tmp_path)
    assert np.array_equal(first.patches, second.patches)
    assert np.array_equal(first.sizes, second.sizes)
    assert first.description == second.description
    assert all(map(np.array_equal, first.validation, second.validation))

    # Not where the pictures or the cutting changed, though.
    calls = []
    monkeypatch.setattr(data, "_build", lambda *a: (calls.append(a), build(*a)))
    os.utime(folder / "00.png", (1, 1))
    _load(folder, tmp_path)
    (folder / "00.png").rename(folder / "12.png")
    _load(folder, tmp_path)
    _load(folder, tmp_path, size=SIZE + 1)
    _load(folder, tmp_path, holdout=0)
    assert len(calls) == 4
    assert not list((tmp_path / "cache").glob("unfinished-*"))


def test_an_interrupted_cut_leaves_nothing(folder, tmp_path, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(data, "cut", interrupted)
    with pytest.raises(KeyboardInterrupt):
        _load(folder, tmp_path)
    assert not list((tmp_path / "cache").iterdir())


def test_the_users_cache(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    _load(folder, tmp_path, cache_dir=None)
    assert len(list((tmp_path / "xdg" / "jsr" / "patches").iterdir())) == 1


def test_skipped_pictures_are_named_once(folder, tmp_path, rng):
    _save(folder / "deep" / "narrow.png", _pixels(rng, 90, SIZE - 1))
    (folder / "text.jpg").write_text("no picture")
    whole = io.BytesIO()
    Image.fromarray(_pixels(rng, 90, 90)).save(whole, "PNG")
    (folder / "cut.png").write_bytes(whole.getvalue()[:9000])  # its head is sound
    (folder / "gone.png").symlink_to(folder / "nowhere.png")
    (folder / ".hidden.png").write_text("left out")
    (folder / "notes.txt").write_text("left out")
    for _ in range(2):  # the second time from the cache
        description = _load(folder, tmp_path).description
        assert description.endswith(
            ", 4 skipped (small: deep/narrow.png; broken: gone.png, text.jpg, cut.png)"
        )
        assert description.startswith("11 pictures, ")


def test_many_skipped_pictures_are_counted(folder, tmp_path):
    for i in range(15):
        (folder / f"broken{i:02}.png").write_text("no picture")
    description = _load(folder, tmp_path).description
    assert "15 skipped (broken: broken00.png" in description
    assert description.endswith("broken09.png and 5 more)")


@pytest.mark.parametrize("suffix", ["png", "webp", "bmp", "tif", "TIFF", "PNG"])
def test_formats(tmp_path, rng, suffix):
    pixels = _pixels(rng, 40, 30)
    options = {"lossless": True} if suffix == "webp" else {}
    _save(tmp_path / "set" / f"a.{suffix}", pixels, **options)
    pictures = _load(tmp_path / "set", tmp_path)
    assert pictures.sizes.tolist() == [[40, 30]]
    assert np.array_equal(pictures.patches[0, :40, :30], pixels)
    assert not pictures.patches[0, 40:].any() and not pictures.patches[0, :, 30:].any()
    assert pictures.description == "1 picture, 0.0 Mpx"


def _decoded(image, kind="PNG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return data.decode(io.BytesIO(file.getvalue()))


def test_other_modes_become_rgb(rng):
    pixels = _pixels(rng, 5, 7)
    image = Image.fromarray(pixels)
    grey = pixels[..., 0]
    assert np.array_equal(_decoded(Image.fromarray(grey)), np.stack([grey] * 3, -1))
    transparent = image.copy()
    transparent.putalpha(Image.fromarray(grey))
    assert np.array_equal(_decoded(transparent), pixels)
    assert np.array_equal(
        _decoded(image.quantize(16)), np.asarray(image.quantize(16).convert("RGB"))
    )
    assert _decoded(image.convert("CMYK"), "JPEG").shape == (5, 7, 3)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled(kind):
    """Pillow's own conversion would clip them at 255."""
    grey = np.array([[0, 128, 129, 257, 32896, 65535]], np.uint16)
    expected = np.repeat(np.array([[0, 0, 1, 1, 128, 255]], np.uint8)[..., None], 3, -1)
    assert np.array_equal(_decoded(Image.fromarray(grey), kind), expected)


def test_sixteen_bit_colour_is_scaled(rng):
    tifffile, png = pytest.importorskip("tifffile"), pytest.importorskip("png")
    pixels = rng.integers(0, 65536, (5, 7, 3), np.uint16)
    file = io.BytesIO()
    png.Writer(7, 5, bitdepth=16, greyscale=False).write(file, pixels.reshape(5, -1).tolist())
    decoded = data.decode(io.BytesIO(file.getvalue()))
    assert np.abs(decoded - pixels / 257).max() <= 1
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, photometric="rgb")
    decoded = data.decode(io.BytesIO(file.getvalue()))
    assert np.abs(decoded - pixels / 257).max() <= 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(rng, orientation):
    """The reference is the TIFF standard's list of where row 0 and column 0 are."""
    pixels = _pixels(rng, 5, 7)
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright = {
        1: pixels,
        2: pixels[:, ::-1],
        3: pixels[::-1, ::-1],
        4: pixels[::-1],
        5: pixels.swapaxes(0, 1),
        6: np.rot90(pixels, -1),
        7: pixels[::-1, ::-1].swapaxes(0, 1),
        8: np.rot90(pixels, 1),
    }[orientation]
    assert np.array_equal(_decoded(Image.fromarray(pixels), exif=exif), upright)


def test_links_in_a_circle_end(folder):
    (folder / "again").symlink_to(folder, target_is_directory=True)
    assert len(data.list_pictures(folder)) == 12


def test_a_single_file(folder, tmp_path):
    assert _load(folder / "03.png", tmp_path).description.startswith("1 picture,")


def test_nothing_usable_is_said_in_one_line(tmp_path, rng):
    (tmp_path / "set").mkdir()
    with pytest.raises(data.DataError, match=r"set: expected pictures .* 24x24 pixels, got none$"):
        _load(tmp_path / "set", tmp_path)
    _save(tmp_path / "set" / "a.png", _pixels(rng, 20, 90))
    with pytest.raises(data.DataError, match=r"got none, 1 skipped \(small: a.png\)$") as caught:
        _load(tmp_path / "set", tmp_path)
    assert "\n" not in str(caught.value)


def test_no_room_is_said_in_one_line(folder, tmp_path, monkeypatch):
    usage = types.SimpleNamespace(free=1000)
    monkeypatch.setattr(data.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(data.DataError, match="expected room for .* GB of patches, got 0.0 GB"):
        _load(folder, tmp_path)
    with pytest.raises(data.DataError, match="cannot keep patches there"):
        _load(folder, tmp_path, cache_dir=folder / "00.png")


def test_damaged_patches_are_said_in_one_line(folder, tmp_path):
    _load(folder, tmp_path)
    (home,) = (tmp_path / "cache").iterdir()
    (home / "sizes.npy").write_bytes(b"")
    with pytest.raises(data.DataError, match="damaged; delete that folder"):
        _load(folder, tmp_path)


def test_fits(folder, tmp_path, monkeypatch):
    pictures = _load(folder, tmp_path)
    need = pictures.patches.nbytes

    def limited(limit):
        device = types.SimpleNamespace(memory_stats=lambda: {"bytes_limit": limit})
        monkeypatch.setattr(data.jax, "local_devices", lambda: [device])
        return data.fits(pictures)

    assert data.fits(pictures)[0]  # of the physical memory: the CPU has no limit of its own
    assert limited(need / 0.39)[0]
    fit, reason = limited(need / 0.41)
    assert not fit and "not under 40% of the device's" in reason


def test_folders_do_without_tensorflow_datasets(folder, tmp_path):
    """Its import takes as long as jax's."""
    program = (
        "import sys; from jsr import data; "
        f"data.load({str(folder)!r}, size=24, cache_dir={str(tmp_path / 'cache')!r}); "
        "assert 'tensorflow_datasets' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_research_pictures(jsr_data, tmp_path):
    """Five photographs, of which the woman's, 228x344, is smaller than a patch one way only."""
    pictures = data.load(jsr_data / "eval" / "Set5" / "x4" / "hr", size=96, cache_dir=tmp_path)
    assert pictures.description.startswith("5 pictures, ")
    assert [228, 256] in pictures.sizes.tolist() or [256, 228] in pictures.sizes.tolist()
