"""What happens to a photograph before it is enlarged: pure functions of a random key and a picture."""

from jsr.degradation.pipeline import Bicubic, Degradation, Photo

__all__ = ["Bicubic", "Degradation", "Photo"]
