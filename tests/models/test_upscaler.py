"""Tests ../../jsr/models/upscaler.py: every model keeps what the protocol promises."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jsr import models
from jsr.errors import WeightsError
from jsr.models import Upscaler
from jsr.models.ensemble import Ensemble
from tests.models.networks import FACTORS, init, small

NAMES = [*models.MODELS, "ensemble"]
UPSCALERS = pytest.mark.parametrize("name", NAMES)


def _make(name, factors, **options):
    """Returns a small upscaler; the ensemble is one of a network."""
    return Ensemble(small("espcn", factors, **options)) if name == "ensemble" else small(name, factors, **options)


def _init(upscaler, x, *, gain=1.0):
    return init(upscaler.module if isinstance(upscaler, Ensemble) else upscaler, x, gain=gain)


@UPSCALERS
def test_upscaler_is_met_and_is_a_constant(name):
    """`jax.jit` takes it as a static argument: equal ones must be equal keys."""
    upscaler = _make(name, (2, 2))
    assert isinstance(upscaler, Upscaler)
    assert upscaler == _make(name, (2, 2)) and hash(upscaler) == hash(_make(name, (2, 2)))
    assert upscaler.passes == (8 if name == "ensemble" else 1) and upscaler.dtype == jnp.float32


@FACTORS
@UPSCALERS
def test_apply_enlarges_by_the_scale_and_returns_float32(rng, name, factors):
    upscaler = _make(name, factors)
    assert upscaler.scale == np.prod(factors)
    x = rng.integers(0, 2, size=(2, 7, 9, 3)).astype(np.float32)
    y = jax.jit(upscaler.apply)(_init(upscaler, x, gain=4.0), x)
    assert (y.shape, y.dtype) == ((2, 7 * upscaler.scale, 9 * upscaler.scale, 3), jnp.float32)
    if name in ("srresnet", "exemplars", "interpolation"):  # the last layer of the others is linear
        assert 0.9 < np.abs(y).max() <= 1


@FACTORS
@UPSCALERS
def test_apply_takes_padded_pictures(rng, name, factors):
    """The result is that of the picture alone; what lies beyond the margin plays no part."""
    upscaler = _make(name, factors)
    x = rng.uniform(size=(2, 9, 13, 3)).astype(np.float32)
    variables, apply = _init(upscaler, x, gain=2.0), jax.jit(upscaler.apply)
    for missing in (upscaler.margin, upscaler.margin + 3):
        padded = np.pad(x, ((0, 0), (0, missing), (0, missing + 1), (0, 0)), mode="symmetric")
        y = apply(variables, padded, size=np.array([9, 13], np.int32))
        expected = apply(variables, x)
        assert np.std(expected) > 0.05
        part = y[:, : 9 * upscaler.scale, : 13 * upscaler.scale]
        np.testing.assert_allclose(part, expected, atol=2e-5)


@pytest.mark.parametrize(
    "factors", [pytest.param((2,), marks=pytest.mark.slow), pytest.param((3,), marks=pytest.mark.slow), (2, 2)]
)
@pytest.mark.parametrize(
    "name, method, slack",
    [
        ("srresnet", None, 1),
        ("srcnn", None, 2),
        ("espcn", None, 0),
        ("compact", None, 0),
        ("edsr", None, 0),
        ("exemplars", None, 0),
        ("interpolation", "bicubic", 1),
        ("interpolation", "lanczos", 1),
        ("interpolation", "bilinear", 2),
        ("interpolation", "nearest", 3),
        ("ensemble", None, 0),
    ],
)
def test_halo_is_the_distance_that_a_result_pixel_depends_on(rng, name, method, slack, factors):
    """Tiles overlap by it: too small a halo shows seams, too large a one (by more than `slack`) wastes time."""
    upscaler = _make(name, factors, **({"method": method} if method else {}))
    centre, s = upscaler.halo + 2, upscaler.scale
    x = rng.uniform(size=(1, 2 * centre + 1, 2 * centre + 1, 3)).astype(np.float32)
    variables = _init(upscaler, x)
    apply = jax.jit(upscaler.apply)
    distance = np.abs(np.arange(2 * centre + 1) - centre)
    distance = np.maximum(distance[:, None], distance)[..., None]  # to the pixel in the middle

    def middle(disturbed):
        """Returns the result of the middle pixel when others are disturbed."""
        y = apply(variables, np.where(disturbed, 1 - x, x))
        return np.asarray(y)[:, centre * s : (centre + 1) * s, centre * s : (centre + 1) * s]

    undisturbed = middle(distance < 0)
    np.testing.assert_array_equal(middle(distance > upscaler.halo), undisturbed)
    relevant = [d for d in range(upscaler.halo + 1) if np.any(middle(distance == d) != undisturbed)]
    assert relevant == list(range(max(relevant) + 1))
    assert max(relevant) >= upscaler.halo - slack


@UPSCALERS
def test_folded_is_the_same_function(rng, name):
    x = rng.uniform(size=(1, 9, 8, 3)).astype(np.float32)
    upscaler = _make(name, (2,))
    variables = _init(upscaler, x, gain=0.5)
    fast, folded = upscaler.folded(variables)
    assert isinstance(fast, Upscaler) and (fast.scale, fast.halo) == (upscaler.scale, upscaler.halo)
    assert "batch_stats" not in folded and (fast == upscaler or name == "srresnet")
    expected = upscaler.apply(variables, x)
    np.testing.assert_allclose(np.asarray(fast.apply(folded, x)), np.asarray(expected), atol=1e-5)
    again, unchanged = fast.folded(folded)
    assert again == fast and unchanged.keys() == folded.keys()


@UPSCALERS
def test_with_precision_computes_in_it_with_float32_variables_and_results(rng, name):
    x = rng.uniform(size=(1, 8, 8, 3)).astype(np.float32)
    exact = _make(name, (2, 2))
    half = exact.with_precision("bf16")
    assert isinstance(half, Upscaler) and half.with_precision("fp32") == exact
    variables = _init(exact, x, gain=0.5)
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} <= {jnp.dtype(jnp.float32)}
    y, expected = (jax.jit(upscaler.apply)(variables, x) for upscaler in (half, exact))
    assert y.dtype == jnp.float32
    if name in ("exemplars", "interpolation"):
        assert half == exact
    else:
        assert half.dtype == jnp.bfloat16
        assert 1e-5 < np.abs(y - expected).max() < 0.1


@UPSCALERS
def test_with_scale_gives_the_scale_or_refuses(name):
    upscaler = _make(name, (2, 2))
    assert upscaler.with_scale(4).scale == 4
    if name == "interpolation":
        assert upscaler.with_scale(3).scale == 3 and upscaler.with_scale(3) == _make(name, (3,))
    else:
        assert upscaler.with_scale(4) == upscaler
        with pytest.raises(WeightsError, match="expected its own scale, 4, got 3"):
            upscaler.with_scale(3)
