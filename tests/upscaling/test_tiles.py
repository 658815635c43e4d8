"""Tests ../../jsr/upscaling/tiles.py, and jsr.upscale, which hands it on to users."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import jsr
from jsr.errors import PictureError
from jsr.models import Model
from jsr.models.classical.interpolation import Interpolation
from jsr.models.espcn import ESPCN
from jsr.models.srcnn import SRCNN
from jsr.models.srresnet import SRResNet
from jsr.ops import windows
from jsr.upscaling import tiles
from jsr.weights import zoo


def _model_of(module, seed=0):
    """Returns a model with weights far from zero, so that every layer contributes."""
    variables = module.init(jax.random.key(seed), jnp.zeros((1, 8, 8, 3)))
    leaves, tree = jax.tree.flatten(variables)
    keys = jax.random.split(jax.random.key(seed + 1), len(leaves))
    leaves = [x + 0.05 * jax.random.normal(k, x.shape) for x, k in zip(leaves, keys, strict=True)]
    return Model(module, jax.tree.unflatten(tree, leaves), {})


@pytest.mark.parametrize(
    "module",
    [
        pytest.param(SRResNet(features=8, blocks=2), marks=pytest.mark.slow),
        pytest.param(SRResNet(features=8, blocks=1, factors=(3,)), marks=pytest.mark.slow),
        pytest.param(SRCNN(), marks=pytest.mark.slow),
        ESPCN(factors=(2,), features=(8, 8)),
        Interpolation(),
    ],
    ids=lambda m: f"{type(m).__name__}x{m.scale}",
)
def test_upscale_by_tiles_equals_the_whole(module, rng):
    """There are no seams: at most one grey level, in fewer than one value in ten thousand."""
    image = rng.integers(0, 256, (53, 70, 3), np.uint8)
    model = _model_of(module)
    whole = tiles.upscale(model, image)
    assert whole.shape == (53 * module.scale, 70 * module.scale, 3)
    for tile in (7, 16):
        tiled = tiles.upscale(model, image, tile=tile)
        difference = np.abs(tiled.astype(int) - whole)
        assert difference.max() <= 1
        assert (difference > 0).mean() < 1e-4
    direct = jax.jit(module.apply)(model.variables, jnp.asarray(image)[None] / 255.0)[0]
    expected = np.round((np.clip(direct, -1, 1) + 1) * 127.5)
    assert np.abs(whole - expected).max() <= 1


SMALL = _model_of(SRResNet(features=4, blocks=1))


@settings(max_examples=8, deadline=None)
@given(st.integers(1, 90), st.integers(1, 90), st.integers(16, 90), st.integers(0, 2**32 - 1))
def test_upscale_does_not_depend_on_the_tile(height, width, tile, seed):
    """Odd sizes, and tiles from the smallest to the whole picture."""
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    whole = tiles.upscale(SMALL, image, tile=90).astype(int)
    difference = np.abs(tiles.upscale(SMALL, image, tile=tile) - whole)
    assert difference.max() <= 1 and (difference > 0).sum() <= max(1, 1e-4 * whole.size)


@pytest.mark.slow
def test_pictures_of_a_hundred_sizes_share_six_programs(rng, monkeypatch):
    """And each gets what a program of its own makes of it: at most one level off, in one value of ten thousand."""
    module = SRResNet(features=4, blocks=1, factors=(2,), norm=False)
    model = _model_of(module)
    sizes = [*rng.integers(1, 100, (97, 2)), (150, 9), (200, 190), (256, 256)]
    images = [rng.integers(0, 256, (*size, 3), np.uint8) for size in sizes]
    assert len({image.shape for image in images}) == 100
    compiled = tiles._compiled(False)
    before = compiled._cache_size()
    results = [tiles.upscale(model, image, tile=256) for image in images]
    assert 1 <= compiled._cache_size() - before <= 6
    monkeypatch.setattr(tiles, "SIDES", ())
    for image, result in zip(images[:6], results, strict=False):
        difference = np.abs(tiles.upscale(model, image, tile=256).astype(int) - result)
        assert difference.max() <= 1 and (difference > 0).sum() <= max(1, 1e-4 * result.size)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [zoo.DEFAULT, "srcnn", "espcn", "aplus", "sparse", "ne", "map", "pocs", "ibp", "lanczos", "nearest"]
)
@pytest.mark.parametrize("is_ensemble", [False, True])
def test_a_padded_picture_gives_what_it_gives_alone(rng, monkeypatch, name, is_ensemble):
    """By every kind of model, to within the difference of two tilings; noise is the hardest picture."""
    model = zoo.ready(name)
    model = model.ensemble() if is_ensemble else model
    sizes = [(30, 17), (1, 2)] if is_ensemble else [(50, 61), (20, 31), (1, 2), (64, 60)]
    images = [rng.integers(0, 256, (*size, 3), np.uint8) for size in sizes]
    padded = [tiles.upscale(model, image).astype(int) for image in images]
    monkeypatch.setattr(tiles, "SIDES", ())
    for image, result in zip(images, padded, strict=True):
        difference = np.abs(tiles.upscale(model, image) - result)
        assert difference.max() <= 1 and (difference > 0).sum() <= max(1, 3e-4 * result.size)


def test_padded_returns_the_next_side_with_room_for_the_margin():
    assert tiles.padded(1, 1, margin=0, most=594) == 32
    assert tiles.padded(64, 60, margin=9, most=594) == 96, "the shorter side needs the margin"
    assert tiles.padded(64, 60, margin=4, most=594) == 64
    assert tiles.padded(80, 60, margin=0, most=594) == 96
    assert tiles.padded(256, 9, margin=0, most=594) == 256
    assert tiles.padded(257, 9, margin=0, most=594) is None
    assert tiles.padded(80, 60, margin=0, most=95) is None, "a larger window might not fit in memory"


class Device:
    """Replaces the compiled network: windows over a size do not fit in memory, nor does the window of a number."""

    def __init__(self, monkeypatch, largest, last=None, error=None):
        self.largest, self.last, self.sizes = largest, last, []
        self.error = error or RuntimeError("RESOURCE_EXHAUSTED: Out of memory")
        self.enlarge = tiles._compiled(False)
        monkeypatch.setattr(tiles, "_compiled", lambda onednn: self)

    def __call__(self, module, variables, window, size):
        self.sizes.append(window.shape[:2])
        if max(window.shape) > self.largest or len(self.sizes) == self.last:
            raise self.error
        return self.enlarge(module, variables, window, size)


@pytest.mark.parametrize("error", [RuntimeError("RESOURCE_EXHAUSTED: Out of memory"), MemoryError()])
def test_upscale_halves_a_tile_that_does_not_fit(monkeypatch, rng, error):
    image = rng.integers(0, 256, (70, 81, 3), np.uint8)
    whole = tiles.upscale(SMALL, image, tile=90)
    device = Device(monkeypatch, largest=48, error=error)
    sides = []
    halved = tiles.upscale(SMALL, image, tile=80, shrunk=sides.append)
    assert sides == [40, 20] and max(map(max, device.sizes[-4:])) <= 48
    assert np.abs(halved.astype(int) - whole).max() <= 1
    device.largest = 8
    with pytest.raises(type(error)):  # not below the smallest tile
        tiles.upscale(SMALL, image, tile=64, shrunk=sides.append)
    assert sides == [40, 20, 32, 16]


@pytest.mark.parametrize("last", [2, 5, 9])
def test_bands_that_are_finished_stay_when_a_tile_is_halved(monkeypatch, rng, last):
    """When memory runs out midway; rows are requested in order, so that a file can be decoded on the way."""
    image = rng.integers(0, 256, (97, 60, 3), np.uint8)
    whole = tiles.upscale(SMALL, image, tile=97)

    class Rows:
        shape, dtype, asked = image.shape, image.dtype, [0, 0]

        def __getitem__(self, rows):
            assert rows.start >= self.asked[-2]
            self.asked.append(rows.start)
            return image[rows]

    Device(monkeypatch, largest=99, last=last)
    bands = list(tiles.bands(SMALL, Rows(), tile=32))
    assert np.abs(np.concatenate(bands).astype(int) - whole).max() <= 1


def test_upscale_raises_other_errors(monkeypatch, rng):
    Device(monkeypatch, largest=4, error=RuntimeError("INTERNAL: no"))
    with pytest.raises(RuntimeError, match="INTERNAL"):
        tiles.upscale(SMALL, rng.integers(0, 256, (9, 9, 3), np.uint8), tile=32)


def test_fitting_returns_a_tile_that_needs_half_of_the_free_memory():
    for free in (None, 64 << 30, 1 << 30, 500 << 20, 100 << 20, 20 << 20, 0):
        tile = tiles.fitting(free, halo=40)
        need = tiles.NEED * (tile + 80) ** 2
        assert tile in (512, 256, 128, 64, 32, 16)
        assert free is None or tile == 16 or need <= free / 2
        assert tile == 512 or free is not None and 4 * tiles.NEED * (tile + 80) ** 2 > free / 2
    assert tiles.fitting(1 << 30, halo=40, row=10**6) == 128, "wide pictures have wide bands"
    assert tiles.fitting(None, halo=40) == tiles.fitting(8 << 30, halo=40) == 512


@pytest.mark.slow
def test_upscale_bounds_the_memory_by_bands(monkeypatch):
    """The released network of full size; a small one in ../ops/test_windows.py."""
    model = zoo.ready("srresnet")
    window = jax.ShapeDtypeStruct((256, 64, 3), np.uint8)

    def memory(band):
        monkeypatch.setattr(windows, "BAND", band)
        jax.clear_caches()
        lowered = jax.jit(tiles._enlarge, static_argnames="module").lower(model.module, model.variables, window)
        analysis = lowered.compile().memory_analysis()
        assert analysis
        return analysis.temp_size_in_bytes

    assert memory(64) < 0.65 * memory(256)


def test_upscale_of_grey_is_the_luma_of_three_equal_channels(rng):
    grey = rng.integers(0, 256, (20, 24), np.uint8)
    model = _model_of(SRResNet(features=8, blocks=1))
    colour = tiles.upscale(model, np.stack([grey] * 3, axis=-1)).astype(float)
    ours = tiles.upscale(model, grey)
    assert ours.shape == (80, 96) and ours.dtype == np.uint8
    assert np.abs(ours - colour @ [0.299, 0.587, 0.114]).max() <= 1.01


def test_upscale_of_16_bits_keeps_their_depth(rng):
    """The same picture in 8 and 16 bits: equal to one level of 8 bits, with more than 256 levels."""
    image = rng.integers(0, 256, (12, 10, 3), np.uint8)
    model = _model_of(SRResNet(features=8, blocks=1))
    deep = tiles.upscale(model, image.astype(np.uint16) * 257)
    assert deep.dtype == np.uint16
    assert np.abs(deep / 257 - tiles.upscale(model, image)).max() <= 0.51
    assert len(np.unique(deep)) > 1000


def test_upscale_reports_each_tile(rng):
    seen = []
    image = rng.integers(0, 256, (30, 20, 3), np.uint8)
    tiles.upscale(Model(Interpolation(), {}, {}), image, tile=8, report=lambda *done: seen.append(done))
    total = seen[0][1]
    assert total > 1 and seen == [(i + 1, total) for i in range(total)]


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((4, 4, 3), np.int32), "int32"),
        (np.zeros((4, 4, 5), np.uint8), "[4, 4, 5]"),
        (np.zeros((0, 4, 3), np.uint8), "at least one pixel"),
    ],
)
def test_upscale_refuses_arrays_that_are_no_pictures(image, message):
    with pytest.raises(PictureError, match="image: ") as error:
        jsr.upscale(image, "bicubic")
    assert message in str(error.value)


def test_jsr_upscale_takes_a_name_or_a_model(rng):
    image = rng.integers(0, 256, (5, 6, 3), np.uint8)
    assert (jsr.upscale(image, "nearest") == image.repeat(4, axis=0).repeat(4, axis=1)).all()
    model = jsr.load("nearest")
    assert (jsr.upscale(image, model) == jsr.upscale(image, "nearest")).all()


def test_jsr_upscale_takes_a_single_pixel():
    assert jsr.upscale(np.full((1, 1, 3), 77, np.uint8), "bicubic").tolist() == [[[77] * 3] * 4] * 4


@pytest.mark.parametrize("size", [(360, 640), (480, 854), (576, 720), (1080, 1920), (20, 30)])
def test_balanced_tiles_compute_no_more_than_the_largest(size):
    """Of windows that overlap by two halos, as `ops/windows.py` cuts them."""

    def computed(tile):
        return math.prod(window * len(spans) for window, spans in (windows.spans(n, tile=tile, halo=8) for n in size))

    tile = tiles.balanced(*size, halo=8, most=512)
    assert 256 <= tile <= 512
    assert computed(tile) == min(map(computed, range(256, 513)))
    assert size != (360, 640) or computed(tile) < 0.7 * computed(512)
