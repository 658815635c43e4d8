"""Tests ../jsr/tiles.py, and ../jsr/__init__.py, which opens it to users."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import jsr
from jsr.models import Model
from jsr.models.espcn import ESPCN
from jsr.models.interpolation import Interpolation
from jsr.models.srcnn import SRCNN
from jsr.models.srresnet import SRResNet
from jsr.ops import windows
from jsr.upscaling import tiles
from jsr.weights import zoo


def model_of(module, seed=0):
    """A model with weights far from zero, so that every layer reaches as far as it can."""
    variables = module.init(jax.random.key(seed), jnp.zeros((1, 8, 8, 3)))
    leaves, tree = jax.tree.flatten(variables)
    keys = jax.random.split(jax.random.key(seed + 1), len(leaves))
    leaves = [x + 0.05 * jax.random.normal(k, x.shape) for x, k in zip(leaves, keys, strict=True)]
    return Model(module, jax.tree.unflatten(tree, leaves), {})


@pytest.mark.parametrize(
    "module",
    [
        SRResNet(features=8, blocks=2),
        SRResNet(features=8, blocks=1, factors=(3,)),
        SRCNN(),
        ESPCN(factors=(2,)),
        Interpolation(),
    ],
    ids=lambda m: f"{type(m).__name__}x{m.scale}",
)
def test_tiled_equals_whole(module, rng):
    """Seams cannot exist: design.md allows one grey level in fewer than one value in ten thousand."""
    image = rng.integers(0, 256, (53, 70, 3), np.uint8)
    model = model_of(module)
    whole = tiles.upscale(model, image)
    assert whole.shape == (53 * module.scale, 70 * module.scale, 3)
    for tile in (7, 16):
        tiled = tiles.upscale(model, image, tile=tile)
        difference = np.abs(tiled.astype(int) - whole)
        assert difference.max() <= 1
        assert (difference > 0).mean() < 1e-4
    direct = module.apply(model.variables, jnp.asarray(image)[None] / 255.0)[0]
    expected = np.round((np.clip(direct, -1, 1) + 1) * 127.5)
    assert np.abs(whole - expected).max() <= 1


SMALL = model_of(SRResNet(features=4, blocks=1))


@settings(max_examples=8, deadline=None)
@given(st.integers(1, 90), st.integers(1, 90), st.integers(16, 90), st.integers(0, 2**32 - 1))
def test_the_result_does_not_depend_on_the_tile(height, width, tile, seed):
    """Odd sizes, and tiles from the smallest to the whole picture."""
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    whole = tiles.upscale(SMALL, image, tile=90).astype(int)
    difference = np.abs(tiles.upscale(SMALL, image, tile=tile) - whole)
    assert difference.max() <= 1 and (difference > 0).sum() <= max(1, 1e-4 * whole.size)


class Device:
    """Stands for the compiled network: windows over a size do not fit, nor does the one of a number."""

    def __init__(self, monkeypatch, most, last=None, error=None):
        self.most, self.last, self.sizes = most, last, []
        self.error = error or RuntimeError("RESOURCE_EXHAUSTED: Out of memory")
        self.enlarge = tiles._compiled(False)
        monkeypatch.setattr(tiles, "_compiled", lambda onednn: self)

    def __call__(self, module, variables, window):
        self.sizes.append(window.shape[:2])
        if max(window.shape) > self.most or len(self.sizes) == self.last:
            raise self.error
        return self.enlarge(module, variables, window)


@pytest.mark.parametrize("error", [RuntimeError("RESOURCE_EXHAUSTED: Out of memory"), MemoryError()])
def test_a_tile_that_does_not_fit_is_halved(monkeypatch, rng, error):
    image = rng.integers(0, 256, (70, 81, 3), np.uint8)
    whole = tiles.upscale(SMALL, image, tile=90)
    device = Device(monkeypatch, most=48, error=error)
    seen = []
    halved = tiles.upscale(SMALL, image, tile=80, shrunk=seen.append)
    assert seen == [40, 20] and max(map(max, device.sizes[-4:])) <= 48
    assert np.abs(halved.astype(int) - whole).max() <= 1
    with pytest.raises(type(error)):  # there is an end
        device.most = 8
        tiles.upscale(SMALL, image, tile=64, shrunk=seen.append)
    assert seen == [40, 20, 32, 16]


@pytest.mark.parametrize("last", [2, 5, 9])
def test_what_is_done_is_kept_when_a_tile_is_halved(monkeypatch, rng, last):
    """Memory that runs out in the midst; rows are asked for in order, so that a file can give them."""
    image = rng.integers(0, 256, (97, 60, 3), np.uint8)
    whole = tiles.upscale(SMALL, image, tile=97)

    class Rows:
        shape, dtype, asked = image.shape, image.dtype, [0, 0]

        def __getitem__(self, rows):
            assert rows.start >= self.asked[-2]
            self.asked.append(rows.start)
            return image[rows]

    Device(monkeypatch, most=99, last=last)
    bands = list(tiles.bands(SMALL, Rows(), tile=32))
    assert np.abs(np.concatenate(bands).astype(int) - whole).max() <= 1


def test_other_errors_are_raised(monkeypatch, rng):
    Device(monkeypatch, most=4, error=RuntimeError("INTERNAL: no"))
    with pytest.raises(RuntimeError, match="INTERNAL"):
        tiles.upscale(SMALL, rng.integers(0, 256, (9, 9, 3), np.uint8), tile=32)


def test_the_tile_fits_the_free_memory():
    for free in (None, 64 << 30, 1 << 30, 500 << 20, 100 << 20, 20 << 20, 0):
        tile = tiles.fitting(free, halo=40)
        need = tiles.NEED * (tile + 80) ** 2
        assert tile in (512, 256, 128, 64, 32, 16)
        assert free is None or tile == 16 or need <= free / 2
        assert tile == 512 or 4 * tiles.NEED * (tile + 80) ** 2 > free / 2
    assert tiles.fitting(1 << 30, halo=40, row=10**6) == 128, "wide pictures have wide bands"
    assert tiles.fitting(None, halo=40) == tiles.fitting(8 << 30, halo=40) == 512


@pytest.mark.parametrize("factors", [(2,), (3,), (2, 2)], ids=["x2", "x3", "x4"])
@pytest.mark.parametrize("height", [7, 20, 33])
def test_bands_are_what_the_whole_picture_gives(factors, height, rng, monkeypatch):
    """With bands of one row and with a single one: a halo too narrow would show at their edges."""
    model = model_of(SRResNet(features=8, blocks=1, factors=factors))
    x = rng.random((1, height, 9, 3), np.float32)
    monkeypatch.setattr(windows, "BAND", 1)
    banded = model.module.apply(model.variables, x)
    monkeypatch.setattr(windows, "BAND", height)
    whole = model.module.apply(model.variables, x)
    assert np.std(whole) > 0.05
    np.testing.assert_allclose(banded, whole, atol=1e-5)


def test_bands_bound_the_memory(monkeypatch):
    """What is large is computed band by band, and not side by side."""
    model = zoo.ready("srresnet")
    window = jax.ShapeDtypeStruct((256, 64, 3), np.uint8)

    def memory(band):
        monkeypatch.setattr(windows, "BAND", band)
        jax.clear_caches()
        lowered = jax.jit(tiles._enlarge, static_argnames="module").lower(model.module, model.variables, window)
        return lowered.compile().memory_analysis().temp_size_in_bytes

    assert memory(64) < 0.65 * memory(256)


def test_grey_is_the_same_as_three_equal_channels(rng):
    """The mean by luma weights of what the network makes of equal channels."""
    grey = rng.integers(0, 256, (20, 24), np.uint8)
    model = model_of(SRResNet(features=8, blocks=1))
    colour = tiles.upscale(model, np.stack([grey] * 3, axis=-1)).astype(float)
    ours = tiles.upscale(model, grey)
    assert ours.shape == (80, 96) and ours.dtype == np.uint8
    assert np.abs(ours - colour @ [0.299, 0.587, 0.114]).max() <= 1.01


def test_16_bits_keep_their_depth(rng):
    """Twice the same picture in 8 and 16 bits: equal to a level, and finer than 256 levels."""
    image = rng.integers(0, 256, (12, 10, 3), np.uint8)
    model = model_of(SRResNet(features=8, blocks=1))
    deep = tiles.upscale(model, image.astype(np.uint16) * 257)
    assert deep.dtype == np.uint16
    assert np.abs(deep / 257 - tiles.upscale(model, image)).max() <= 0.51
    assert len(np.unique(deep)) > 1000


def test_reports_each_tile(rng):
    seen = []
    image = rng.integers(0, 256, (30, 20, 3), np.uint8)
    tiles.upscale(Model(Interpolation(), {}, {}), image, tile=8, report=lambda *done: seen.append(done))
    total = seen[0][1]
    assert total > 1 and seen == [(i + 1, total) for i in range(total)]


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (np.zeros((4, 4, 3), np.float32), "float32"),
        (np.zeros((4, 4, 4), np.uint8), "[4, 4, 4]"),
        (np.zeros((0, 4, 3), np.uint8), "at least one pixel"),
    ],
)
def test_what_is_no_picture_is_refused(image, said):
    with pytest.raises(ValueError, match="image: ") as error:
        jsr.upscale(image, "bicubic")
    assert said in str(error.value)


def test_python_api_is_two_lines(rng):
    image = rng.integers(0, 256, (5, 6, 3), np.uint8)
    assert (jsr.upscale(image, "nearest") == image.repeat(4, axis=0).repeat(4, axis=1)).all()
    model = jsr.load("nearest")
    assert (jsr.upscale(image, model) == jsr.upscale(image, "nearest")).all()


def test_one_pixel_is_a_picture():
    assert jsr.upscale(np.full((1, 1, 3), 77, np.uint8), "bicubic").tolist() == [[[77] * 3] * 4] * 4
