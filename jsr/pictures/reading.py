"""Picture files, read without loss of depth, alpha, colour profile, EXIF or orientation.

Pixels are uint8 or uint16, RGB `[h, w, 3]` or grey `[h, w]`, upright. Notes, of one line each, name all that a file or
format cannot give. Files may be hostile: their size is checked before
memory is allocated for it, and only the decoders of `formats` are tried.
"""

import builtins
import contextlib
import io
import os
from pathlib import Path
from typing import BinaryIO

from jsr.errors import PictureError
from jsr.pictures import animation, formats, large, raster
from jsr.pictures.animation import Animation
from jsr.pictures.codecs import arrays, bmp, jxl_reader, pillow
from jsr.pictures.codecs.png import png_reader
from jsr.pictures.codecs.png.png_writer import SIGNATURE
from jsr.pictures.codecs.tiff import tiff
from jsr.pictures.decoding import guarded, naming
from jsr.pictures.large import LargePicture
from jsr.pictures.metadata import of_jxl
from jsr.pictures.picture import MAX_PIXELS, Picture, choose_frame
from jsr.pictures.raster import Raster


def open(
    path: str | os.PathLike[str],
    *,
    frame: int | None = None,
    max_pixels: int = MAX_PIXELS,
    can_animate: bool = True,
    can_stream: bool = True,
) -> Picture | Animation | LargePicture | Raster:
    """Reads a picture file as the kind of picture that it is.

    Args:
      frame: number of the frame or page to read, from 0; None for all frames of an animation, else the first.
      max_pixels: the limit, of all frames together.
      can_animate: whether the caller can use an `Animation`; otherwise its first frame is read.
      can_stream: whether the caller can use a `LargePicture`; otherwise it is read as a whole.

    Raises:
      PictureError: no such file or frame, no picture, or a broken or too large one.
    """
    with naming(path):
        with builtins.open(path, "rb") as file:
            if can_stream and frame is None and file.read(4) in tiff.SIGNATURES:
                with guarded():
                    large_picture = large.from_tiff(path, file, max_pixels=max_pixels)
                if large_picture:
                    return large_picture
            file.seek(0)
            content = file.read()
        with guarded():
            picture = _decode(content, frame, max_pixels, can_animate=can_animate)
    if can_stream and isinstance(picture, Picture):
        return large.from_whole(picture) or picture
    return picture


def read(path: str | os.PathLike[str], *, frame: int | None = None, max_pixels: int = MAX_PIXELS) -> Picture:
    """Reads a picture file as one whole picture.

    Args:
      frame: number of the frame or page to read, from 0; None for the first, and a note that there are others.
      max_pixels: the limit, of this frame.

    Raises:
      PictureError: as `open`, and for a raster without colours of 8 or 16 bits.
    """
    with naming(path):
        return decode(Path(path).read_bytes(), frame=frame, max_pixels=max_pixels)


def decode(content: bytes, *, frame: int | None = None, max_pixels: int = MAX_PIXELS) -> Picture:
    """Decodes the content of a picture file, as `read` does; its errors do not name the file."""
    with guarded():
        picture = _decode(content, frame, max_pixels, can_animate=False)
    if isinstance(picture, Raster):
        coloured = raster.colours(picture)
        if coloured is None:
            raise PictureError(f"expected grey or RGB of 8 or 16 bits, got {raster.describe(picture)}")
        return coloured
    assert isinstance(picture, Picture)
    return picture


def size(file_or_path: str | os.PathLike[str] | BinaryIO | io.BytesIO) -> tuple[int, int]:
    """Returns height and width of the stored picture from the head of its file.

    They are those before EXIF turns the picture, except in a TIFF, whose orientation Pillow applies to the head too.

    Raises:
      PictureError: no such file, or no picture.
    """
    if isinstance(file_or_path, (str, os.PathLike)):
        with naming(file_or_path), builtins.open(file_or_path, "rb") as file:
            return size(file)
    with guarded():
        image = pillow.opened(file_or_path)
        return image.height, image.width


def result_suffix(path: str | os.PathLike[str]) -> str:
    """Returns the suffix of a file's result, unless the user asks for another: .png, or .tif for what PNG cannot hold.

    The head of a TIFF is looked at, if there is one; of other files, the suffix is enough.
    """
    kind = formats.READ.get(Path(path).suffix.lower())
    if kind is not None and kind.name != "TIFF":
        return kind.result
    if os.path.isfile(path):  # a named pipe would be waited for
        with contextlib.suppress(OSError, PictureError), builtins.open(path, "rb") as file, guarded():
            if file.read(4) in tiff.SIGNATURES and tiff.is_raster(file):
                return formats.BY_NAME["TIFF"].suffixes[0]
    return formats.BY_NAME["PNG"].result


def _decode(content: bytes, frame: int | None, max_pixels: int, *, can_animate: bool) -> Picture | Animation | Raster:
    if content[:4] in tiff.SIGNATURES:
        return tiff.decode(content, frame, max_pixels)
    if content.startswith(arrays.NPY):
        return arrays.decode_npy(content, max_pixels)
    if content[arrays.DICOM_AT :].startswith(arrays.DICOM):
        return arrays.decode_dicom(content, frame, max_pixels)
    if animation.is_composed(content):
        return animation.compose(content, frame, max_pixels, can_animate=can_animate)
    if content.startswith(SIGNATURE):
        choose_frame(frame, 1)
        return png_reader.decode(content, max_pixels=max_pixels)
    if content.startswith((of_jxl.CODESTREAM, of_jxl.CONTAINER)):
        return jxl_reader.decode(content, frame, max_pixels)
    if bmp.has_bit_fields(content):
        return bmp.decode(content, frame, max_pixels)
    file = io.BytesIO(content)
    with pillow.opened(file) as image:
        if can_animate and frame is None and animation.is_animation(image):
            return animation.decode(image, file, max_pixels=max_pixels)
        return pillow.decode_opened(image, content, frame, max_pixels)
