"""Tests ../../jsr/models/model.py."""

import jax
import numpy as np
import pytest

from jsr.errors import WeightsError
from jsr.models import Interpolation, Model, SRResNet
from jsr.models.ensemble import Ensemble
from tests.models.networks import init


@pytest.fixture
def model():
    module = SRResNet(features=4, blocks=1, factors=(2,))
    return Model(module, init(module, np.zeros((1, 8, 8, 3), np.float32)), {"step": 3})


def test_model_has_the_scale_and_halo_of_its_module(model):
    assert (model.scale, model.halo) == (2, model.module.halo)


def test_model_folded_has_other_variables_and_the_same_metadata(model):
    folded = model.folded()
    assert folded.module == SRResNet(features=4, blocks=1, factors=(2,), norm=False)
    assert "batch_stats" not in folded.variables and folded.metadata == {"step": 3}
    assert all(isinstance(leaf, np.ndarray) for leaf in jax.tree.leaves(folded.variables))


def test_model_with_precision_and_ensemble_keep_their_variables(model):
    half = model.with_precision("bf16")
    assert half.module == model.module.with_precision("bf16") and half.variables is model.variables
    mean = model.ensemble()
    assert mean.module == Ensemble(model.module) and mean.variables is model.variables


def test_model_with_scale_is_for_interpolations(model):
    assert Model(Interpolation(), {}, {}).with_scale(3).scale == 3
    with pytest.raises(WeightsError, match="SRResNet: expected its own scale, 2, got 3"):
        model.with_scale(3)
