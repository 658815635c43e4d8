"""Pictures as browsers show them, and results in the formats that they are downloaded in."""

from pathlib import Path
from typing import NamedTuple

from jsr import pictures
from jsr.errors import PictureError
from jsr.pictures import Animation, LargePicture, Picture, Raster, animation, formats, raster, writing


class View(NamedTuple):
    """The file that a browser shows of a picture, and what the picture is."""

    path: Path | None  # None for rasters without colours, which no browser shows
    height: int  # of the picture, upright
    width: int
    frames: int
    suffixes: tuple[str, ...]  # of the formats that hold all of it: those of animations or of rasters, or all

    @property
    def pixels(self) -> int:
        """The pixels of all frames."""
        return self.height * self.width * self.frames


def create(source: Path, target: Path, *, max_pixels: int) -> View:
    """Reads a picture and writes it as a PNG, upright and of 8 bits; an animation is shown as it is.

    Args:
      target: the PNG.

    Raises:
      PictureError: no picture, or a broken or too large one.
    """
    picture = pictures.open(source, max_pixels=max_pixels, can_stream=False)
    if isinstance(picture, Animation):
        height, width = picture.frames[0].pixels.shape[:2]
        suffixes = tuple(suffix for suffix, kind in formats.WRITTEN.items() if kind.animation)
        return View(source, height, width, len(picture.frames), suffixes)
    suffixes = tuple(kind.suffixes[0] for kind in formats.FORMATS if kind.suffixes)
    if isinstance(picture, Raster):
        height, width = picture.samples.shape[:2]
        picture = raster.colours(picture)
        if picture is None:
            held = tuple(suffix for suffix in suffixes if raster.is_held(Path(f"any{suffix}")))
            return View(None, height, width, 1, held)
    assert not isinstance(picture, LargePicture)
    pictures.write(target, pictures.to_8_bits(picture))
    height, width = picture.pixels.shape[:2]
    return View(target, height, width, 1, suffixes)


def lossless_suffix(source: Path) -> str:
    """Returns the suffix of a result that keeps all that there is in a picture file."""
    with open(source, "rb") as file:
        kind = formats.beginning_as(file.read(formats.HEAD))
    if kind is None:
        return ".png"
    return ".tif" if kind.name == "TIFF" else kind.result


def downloads(view: View, height: int, width: int) -> list[str]:
    """Returns the formats that a result of a size can be downloaded in, by their suffixes without dots."""
    found = []
    for suffix in view.suffixes:
        try:
            writing.check(f"result{suffix}", height, width)
        except PictureError:  # too large for it, or an encoder that is not installed
            continue
        found.append(suffix.removeprefix("."))
    return found


def convert(source: Path, result: Path, target: Path, *, max_pixels: int) -> tuple[str, ...]:
    """Writes a result in the format of another suffix, as `jsr infer` writes it.

    Args:
      source: the picture, whose metadata are written, because no format holds those of all others.
      result: its result, without loss.
      max_pixels: of the result.

    Returns:
      notes of all that the format cannot hold.

    Raises:
      PictureError: a format that cannot hold it.
    """
    kind = formats.written_as(target)
    can_animate = kind is not None and bool(kind.animation)
    small, large = (
        pictures.open(path, max_pixels=max_pixels, can_animate=can_animate, can_stream=False)
        for path in (source, result)
    )
    if isinstance(small, Animation) and isinstance(large, Animation):
        frames = [_enlarged(*pair) for pair in zip(small.frames, large.frames, strict=True)]
        return small.metadata.notes + animation.write(target, frames, durations=small.durations, loop=small.loop)
    if isinstance(small, Raster) and isinstance(large, Raster):
        if raster.is_held(target):
            return raster.write(target, large)
        small, large = raster.colours(small), raster.colours(large)
    assert isinstance(small, Picture) and isinstance(large, Picture)
    return small.metadata.notes + pictures.write(target, _enlarged(small, large))


def _enlarged(small: Picture, large: Picture) -> Picture:
    return small._replace(pixels=large.pixels, alpha=large.alpha)


def media_type(path: Path) -> str:
    """Returns the media type of a file that a browser shows."""
    with open(path, "rb") as file:
        kind = formats.beginning_as(file.read(formats.HEAD))
    assert kind is not None
    return f"image/{kind.name.lower()}"
