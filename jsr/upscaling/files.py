"""Upscales one file into another: a picture, an animation, a picture larger than memory, or a video."""

import functools
import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from jsr import pictures
from jsr.errors import PictureError, VideoError
from jsr.models import Model
from jsr.pictures import Animation, LargePicture, Picture, Raster, animation, formats, large, writing
from jsr.pictures import raster as rasters
from jsr.pictures.large import Rows
from jsr.upscaling import burst, comparison, size, tiles
from jsr.upscaling import raster as raster_upscaling
from jsr.upscaling.jobs import Job
from jsr.upscaling.picture import enlarge
from jsr.upscaling.size import Size, resized

BICUBIC = "bicubic"  # the model's name
ALONE = "bicubic alone, without the model"


class Options(NamedTuple):
    """The settings that all files of one command share."""

    models: dict[str, Model]  # by label: a single one, or those of a comparison
    is_comparison: bool = False
    tile: int | None = None  # low-resolution pixels of a tile's side; None for as many as the free memory allows
    frame: int | None = None  # number of the only frame to upscale
    max_pixels: int = pictures.MAX_PIXELS
    size: Size = Size()
    quality: int | None = None  # of a lossy format, as `writing.write` takes it
    is_lossless: bool = False
    limits: tuple[float, float] | None = None  # of the values of rasters, as `raster.enlarge` takes them
    bands: tuple[int, ...] | None = None  # the three of a raster that are taken as its colours
    video_models: dict[str, Model] | None = None  # by label: that of videos, if it is another
    codec: str | None = None  # of videos, as `codecs.choose` takes it

    @property
    def model(self) -> Model:
        """The single model, or the first of a comparison."""
        return next(iter(self.models.values()))


class Progress(NamedTuple):
    """The calls that a file makes while it is upscaled."""

    report: Callable[[int, int | None], None]  # with the tiles or frames that are complete, and their total if known
    shrunk: Callable[[int], None]  # with the new tile, after the memory ran out
    resumed: Callable[[int], None] = lambda count: None  # with the frames that an earlier run has finished


class Result(NamedTuple):
    """The size of a written file in pixels, the notes to print of it, and what there was to keep."""

    height: int
    width: int
    notes: tuple[str, ...]
    contents: str  # of the source, in words


def upscale_file(job: Job, options: Options, progress: Progress) -> Result:
    """Upscales one file and writes the result.

    Raises:
      PictureError, VideoError: a source that cannot be read, or a target that cannot be written.
    """
    if job.is_video:
        return _upscale_video(job, options._replace(models=options.video_models or options.models), progress)
    if job.frames:
        return _upscale_burst(job, options, progress)
    # A comparison shows one whole picture, and only some formats hold an animation or are written by rows.
    target = None if options.is_comparison else formats.written_as(job.target)
    picture = pictures.open(
        job.source,
        frame=options.frame,
        max_pixels=options.max_pixels,
        can_animate=target is not None and bool(target.animation),
        can_stream=target is not None and target.has_rows,
    )
    if isinstance(picture, Animation):
        return _upscale_animation(job, options, progress, picture)
    if isinstance(picture, LargePicture):
        return _upscale_rows(job, options, progress, picture)
    if isinstance(picture, Raster) and options.bands:
        picture = rasters.chosen(picture, options.bands)
    if isinstance(picture, Raster) and not rasters.is_held(job.target):
        picture = rasters.colours(picture) or picture
    if isinstance(picture, Raster):
        return _upscale_raster(job, options, progress, picture)
    return _upscale_whole(job, options, progress, picture)


def _upscale_whole(job: Job, options: Options, progress: Progress, picture: Picture) -> Result:
    if options.is_comparison:
        _check_folder(job)
        result = comparison.draw(options.models, picture, tile=options.tile)
    else:
        _check_size(job, options, picture)
        _check_folder(job)
        result = enlarged(picture, options, progress)
    notes = writing.write(job.target, result, quality=options.quality, is_lossless=options.is_lossless)
    height, width = result.pixels.shape[:2]
    return Result(height, width, result.metadata.notes + notes, _contents(picture))


def _upscale_burst(job: Job, options: Options, progress: Progress) -> Result:
    """Upscales the frames of a burst into one picture, which has the metadata of the first."""
    read = [pictures.read(path, max_pixels=options.max_pixels) for path in (job.source, *job.frames)]
    for path, picture in zip(job.frames, read[1:], strict=True):
        if picture.alpha is not None or picture.pixels.shape != read[0].pixels.shape:
            raise PictureError(
                f"{path}: expected a frame as the first, without transparency, {_size(read[0])}, got {_size(picture)}"
            )
    height, width = _check_size(job, options, read[0])
    _check_folder(job)
    pixels = burst.upscale(options.model, [picture.pixels for picture in read], report=progress.report)
    result = read[0]._replace(pixels=pixels)
    if pixels.shape[:2] != (height, width):
        result = resized(result, height, width)
    notes = writing.write(job.target, result, quality=options.quality, is_lossless=options.is_lossless)
    return Result(height, width, (f"{len(read)} frames", *read[0].metadata.notes, *notes), _contents(read[0]))


def _upscale_rows(job: Job, options: Options, progress: Progress, picture: LargePicture) -> Result:
    """Upscales a large picture; each band of rows is written as soon as it is computed."""
    rows = large.Grey(picture.rows) if picture.is_grey else picture.rows
    own, (height, width) = _own_size(rows, options), _check_size(job, options, picture)
    _check_folder(job)
    if _is_bicubic_alone(rows, options):
        bands, remarks = size.bands(rows, height, width), (ALONE,)
    else:
        bands = tiles.bands(options.model, rows, tile=options.tile, report=progress.report, shrunk=progress.shrunk)
        remarks = ()
        if own != (height, width):
            enlarged = large.FileRows((*own, *rows.shape[2:]), rows.dtype, bands)
            bands = size.bands(enlarged, height, width)
    notes = large.write(job.target, picture, bands, height=height, width=width)
    return Result(height, width, picture.metadata.notes + remarks + notes, _contents(picture))


def _upscale_animation(job: Job, options: Options, progress: Progress, source: Animation) -> Result:
    """Upscales an animation; each frame is written as soon as it is computed."""
    first = source.frames[0]
    height, width = _check_size(job, options, first)
    _check_folder(job)
    quietly = progress._replace(report=lambda finished, total: None)  # of a frame's tiles
    remarks = (ALONE,) * _is_bicubic_alone(first.pixels, options)

    def upscaled() -> Iterator[Picture]:
        for i, frame in enumerate(source.frames):
            result = enlarged(frame, options, quietly)
            progress.report(i + 1, len(source.frames))
            yield result

    notes = animation.write(
        job.target,
        upscaled(),
        durations=source.durations,
        loop=source.loop,
        quality=options.quality,
        is_lossless=options.is_lossless,
    )
    contents = f"{len(source.frames)} frames of {_contents(first)}"
    return Result(height, width, source.metadata.notes + remarks + notes, contents)


def _upscale_video(job: Job, options: Options, progress: Progress) -> Result:
    """Upscales a video; each segment of it is written as soon as it is computed."""
    try:
        from jsr.upscaling import video
    except ModuleNotFoundError as error:
        if error.name != "av":
            raise
        raise VideoError("videos need a package that is not installed: pip install 'jax-srgan[video]'") from error
    quietly = progress._replace(report=lambda finished, total: None)  # of a frame's tiles
    _check_folder(job)

    def size(height: int, width: int) -> tuple[int, int]:
        return options.size.of(height, width, scale=options.model.scale)

    def enlarge(pixels: np.ndarray) -> np.ndarray:
        return enlarged(Picture(pixels), options._replace(tile=options.tile or tile(*pixels.shape[:2])), quietly).pixels

    @functools.cache
    def tile(height: int, width: int) -> int:
        # Not by the free memory, on which the last bits of a resumed run would depend.
        return tiles.balanced(height, width, halo=options.model.halo, most=tiles.TILE)

    target = video.Target(
        job.target,
        size,
        enlarge,
        {"model": video.fingerprint(options.model), "tile": str(options.tile)},
        codec=options.codec,
        crf=options.quality,
        is_lossless=options.is_lossless,
    )
    summary = video.upscale(
        job.source, target, max_pixels=options.max_pixels, report=progress.report, resumed=progress.resumed
    )
    return Result(*summary)


def _upscale_raster(job: Job, options: Options, progress: Progress, source: Raster) -> Result:
    """Upscales bands of any type of number; the result has the same type."""
    contents = f"{source.samples.shape[1]}x{source.samples.shape[0]}, {rasters.describe(source)}"
    if options.is_comparison:
        raise PictureError(f"--compare: expected grey or RGB of 8 or 16 bits, got {contents}")
    rasters.check(job.target, source)
    _check_folder(job)
    height, width = options.size.of(*source.samples.shape[:2], scale=options.model.scale)
    if _is_bicubic_alone(source.samples, options):
        result = raster_upscaling.resized(source, height, width).noted(ALONE)
    else:
        result = raster_upscaling.enlarge(
            options.model,
            source,
            limits=options.limits,
            tile=options.tile,
            report=progress.report,
            shrunk=progress.shrunk,
        )
        if result.samples.shape[:2] != (height, width):
            result = raster_upscaling.resized(result, height, width)
    return Result(height, width, result.metadata.notes + rasters.write(job.target, result), contents)


def enlarged(picture: Picture, options: Options, progress: Progress) -> Picture:
    """Upscales a picture to the size that is asked for, by the model and then bicubic, or by bicubic alone."""
    height, width = options.size.of(*picture.pixels.shape[:2], scale=options.model.scale)
    if _is_bicubic_alone(picture.pixels, options):
        return resized(picture, height, width).noted(ALONE)
    result = enlarge(options.model, picture, tile=options.tile, report=progress.report, shrunk=progress.shrunk)
    return result if result.pixels.shape[:2] == (height, width) else resized(result, height, width)


def _own_size(rows: Rows, options: Options) -> tuple[int, int]:
    """Returns height and width of the model's result."""
    return options.model.scale * rows.shape[0], options.model.scale * rows.shape[1]


def _is_bicubic_alone(rows: Rows, options: Options) -> bool:
    """Tells whether a size is reached without the model: a result that is not larger, or another size of bicubic."""
    height, width = options.size.of(*rows.shape[:2], scale=options.model.scale)
    if height <= rows.shape[0] and width <= rows.shape[1]:
        return True
    return BICUBIC in options.models and (height, width) != _own_size(rows, options)


def _check_size(job: Job, options: Options, picture: Picture | LargePicture) -> tuple[int, int]:
    """Returns height and width of the result; refuses one too large for its format, before minutes are spent on it."""
    samples = picture.pixels if isinstance(picture, Picture) else picture.rows
    height, width = options.size.of(*samples.shape[:2], scale=options.model.scale)
    writing.check(job.target, height, width)
    return height, width


def _size(picture: Picture) -> str:
    height, width = picture.pixels.shape[:2]
    alpha = ", transparent" if picture.alpha is not None else ""
    return f"{width}x{height}{' in grey' if picture.pixels.ndim == 2 else ''}{alpha}"


def _contents(picture: Picture | LargePicture) -> str:
    """Describes the pixels and the metadata of a picture: 32x24 RGB of 8 bits, with transparency, icc, exif."""
    samples = picture.pixels if isinstance(picture, Picture) else picture.rows
    colours, bits = "grey" if len(samples.shape) == 2 else "RGB", 8 * samples.dtype.itemsize
    parts = ["transparency"] if isinstance(picture, Picture) and picture.alpha is not None else []
    parts += [name for name, value in picture.metadata._asdict().items() if value and name != "notes"]
    size = f"{samples.shape[1]}x{samples.shape[0]}"
    return f"{size} {colours} of {bits} bits" + (f", with {', '.join(parts)}" if parts else "")


def _check_folder(job: Job) -> None:
    """Makes the folder of a result, or refuses one that cannot be written to, before minutes are spent."""
    job.target.parent.mkdir(parents=True, exist_ok=True)
    if not os.access(job.target.parent, os.W_OK):
        raise PictureError(f"{job.target}: cannot be written: the folder is read-only")
