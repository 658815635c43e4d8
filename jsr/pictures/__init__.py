"""Picture files."""

from jsr.pictures.picture import Picture
from jsr.pictures.reading import read, size

__all__ = ["Picture", "read", "size"]
