"""Picture files: `open` and `read` give pictures, `write` takes one; `size` looks at the head of a file only."""

from jsr.pictures.animation import Animation
from jsr.pictures.folders import list_pictures
from jsr.pictures.large import LargePicture
from jsr.pictures.metadata.record import Metadata
from jsr.pictures.picture import MAX_PIXELS, Picture, flatten, rgb, to_8_bits
from jsr.pictures.raster import Raster
from jsr.pictures.reading import decode, open, read, size
from jsr.pictures.writing import write

__all__ = [
    "MAX_PIXELS",
    "Animation",
    "LargePicture",
    "Metadata",
    "Picture",
    "Raster",
    "decode",
    "flatten",
    "list_pictures",
    "open",
    "read",
    "rgb",
    "size",
    "to_8_bits",
    "write",
]
