"""The models that the page offers, each with a line on what it is for."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from jsr.errors import ConfigError
from jsr.weights import zoo

BLEND = "blend"  # the choice that texture and restore belong to


class Choice(NamedTuple):
    """A model to choose, and what it is for."""

    name: str
    label: str
    purpose: str


CHOICES = (
    Choice(BLEND, "Blend of four networks", "For photographs. The sliders fit it to the picture."),
    Choice("light-photo", "Light, for photographs", "Four times faster than the blend, and softer."),
    Choice(
        "light", "Light, for clean pictures", "Four times faster than the blend; keeps noise and the blocks of JPEG."
    ),
    Choice("espcn", "ESPCN", "Some twenty times faster than the blend, and softer; for clean pictures."),
    Choice("aplus", "A+", "The best method before networks; for clean pictures."),
    Choice("srcnn", "SRCNN", "The first network for the purpose, of 2014; for comparison."),
    Choice("bicubic", "Bicubic", "What picture editors do; for comparison."),
    Choice("nearest", "Nearest neighbour", "Repeats each pixel; for pixel art."),
)


class Offer(NamedTuple):
    """The choices of one server, and the one that the page begins with."""

    choices: tuple[Choice, ...]
    chosen: str
    texture: float
    restore: float

    def describe(self) -> dict[str, Any]:
        """Describes the choices to the page."""
        return self._asdict() | {"choices": [choice._asdict() for choice in self.choices]}

    def model(self, request: Mapping[str, Any]) -> str:
        """Returns the model's name that a request asks for, as `zoo.load` takes it.

        A request cannot name a file, because only names of the choices are taken.

        Raises:
          ConfigError: a name that is not offered, or a texture or restore that is no number from 0 to 1.
        """
        name = request.get("model")
        if name not in [choice.name for choice in self.choices]:
            raise ConfigError(f"model: expected one of {', '.join(choice.name for choice in self.choices)}, got {name}")
        if name != BLEND:
            return name
        return zoo.blend_name(_share(request, "texture"), _share(request, "restore"))


def _share(request: Mapping[str, Any], name: str) -> float:
    value = request.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ConfigError(f"{name}: expected a number from 0 to 1, got {value}")
    return float(value)


def offer(model: str) -> Offer:
    """Returns the choices, with a model of the user's own in front if it is none of them.

    Args:
      model: the one to begin with, as `zoo.load` takes it.

    Raises:
      WeightsError: a blend with a wrong number.
    """
    corners = {name: shares for shares, name in zoo.CORNERS.items()}
    texture, restore = zoo.shares(zoo.DEFAULT)
    if model in corners or model.startswith(zoo.BLEND):
        texture, restore = corners.get(model) or zoo.shares(model)
        return Offer(CHOICES, BLEND, texture, restore)
    if model in [choice.name for choice in CHOICES]:
        return Offer(CHOICES, model, texture, restore)
    own = Choice(model, Path(model).name or model, "The model that jsr serve was started with.")
    return Offer((own, *CHOICES), model, texture, restore)
