"""Tests ../../jsr/web/choices.py."""

import pytest

from jsr.errors import ConfigError, WeightsError
from jsr.web import choices
from jsr.weights import zoo


@pytest.mark.parametrize(
    "model, chosen, texture, restore, loaded",
    [
        (zoo.DEFAULT, "blend", 0.8, 0.8, zoo.DEFAULT),
        ("blend:0.5,0.2", "blend", 0.5, 0.2, "blend:0.5,0.2"),
        ("blend:1", "blend", 1, 0, "srgan"),
        ("srresnet", "blend", 0, 0, "srresnet"),
        ("srgan-photo", "blend", 1, 1, "srgan-photo"),
        ("espcn", "espcn", 0.8, 0.8, "espcn"),
        ("runs/mine", "runs/mine", 0.8, 0.8, "runs/mine"),
        ("lanczos", "lanczos", 0.8, 0.8, "lanczos"),
    ],
)
def test_page_begins_with_the_model_of_the_command(model, chosen, texture, restore, loaded):
    offer = choices.offer(model)
    assert (offer.chosen, offer.texture, offer.restore) == (chosen, texture, restore)
    assert offer.model({"model": offer.chosen, "texture": offer.texture, "restore": offer.restore}) == loaded


def test_every_choice_can_be_loaded():
    offer = choices.offer(zoo.DEFAULT)
    for choice in offer.choices:
        model = zoo.ready(offer.model({"model": choice.name, "texture": 0.3, "restore": 1}))
        assert model.scale == 4 and choice.purpose.endswith(".")


def test_sliders_mix_as_the_command_does():
    offer = choices.offer(zoo.DEFAULT)
    assert offer.model({"model": "blend", "texture": 0.8, "restore": 0.8}) == zoo.DEFAULT
    assert offer.model({"model": "blend", "texture": 1, "restore": 0}) == "srgan"
    with pytest.raises(ConfigError, match="restore: expected a number from 0 to 1, got -1"):
        offer.model({"model": "blend", "texture": 1, "restore": -1})
    with pytest.raises(ConfigError, match="model: expected one of blend, light-photo, .*, got runs/mine"):
        offer.model({"model": "runs/mine"})
    with pytest.raises(WeightsError):
        choices.offer("blend:2")
