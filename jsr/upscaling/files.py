"""Upscales one file into another: a picture, an animation, or a picture larger than memory."""

import os
from typing import NamedTuple

import numpy as np

from jsr.errors import PictureError
from jsr.models import Model
from jsr.pictures import Picture, reading, writing
from jsr.pictures import animation as animations
from jsr.pictures import large as large_pictures
from jsr.upscaling import comparison, tiles
from jsr.upscaling.picture import enlarge


class Way(NamedTuple):
    """How all pictures of a run are enlarged."""

    models: dict[str, Model]  # one, or those that are compared
    comparing: bool
    frame: int | None
    max_pixels: int


def upscale_file(job, way, **how):
    """Does one job; returns what was written, with all its notes. `how` is `tile`, `report` and `shrunk`."""
    model = next(iter(way.models.values()))
    all_frames = way.frame is None and not way.comparing
    if all_frames and animations.holds(job.target):
        animation = animations.read(job.source, max_pixels=way.max_pixels)
        if animation:
            return _animate(job, model, animation, **how)
    may_stream = large_pictures.holds(job.target)
    if all_frames and may_stream:
        large = large_pictures.open(job.source, max_pixels=way.max_pixels)
        if large:
            return _stream(job, model, large, **how)
    picture = reading.read(job.source, frame=way.frame, max_pixels=way.max_pixels)
    if may_stream and not way.comparing and large_pictures.is_large(picture):
        return _stream(job, model, large_pictures.of(picture), **how)
    if not way.comparing:
        _check(job, model, picture)
    _check_folder(job)
    if way.comparing:
        large = comparison.draw(way.models, picture, tile=how["tile"])
    else:
        large = enlarge(model, picture, **how)
    notes = writing.write(job.target, large)
    return large._replace(notes=large.notes + notes)


def _stream(job, model, large, **how):
    """Enlarges what is too large for the memory, rows for rows; returns its notes, and a picture of its size."""
    _check_folder(job)
    rows = large_pictures.Grey(large.rows) if large.is_grey else large.rows
    parts = tiles.bands(model, rows, **how)
    notes = large_pictures.write(job.target, large, parts, scale=model.module.scale)
    size = [model.module.scale * n for n in large.rows.shape[:2]]
    nothing = np.broadcast_to(np.uint8(0), size)
    return Picture(nothing, notes=large.notes + notes)


def _check(job, model, picture):
    writing.check(job.target, *(model.module.scale * n for n in picture.pixels.shape[:2]))


def _check_folder(job):
    """Makes the folder of a result, or says that it cannot be written to, before minutes are spent."""
    job.target.parent.mkdir(parents=True, exist_ok=True)
    if not os.access(job.target.parent, os.W_OK):
        raise PictureError(f"{job.target}: cannot be written: the folder is read-only")


def _animate(job, model, animation, *, tile, report, shrunk):
    """Enlarges every frame; returns the last, with the notes of all."""
    _check(job, model, animation.frames[0])
    _check_folder(job)
    last = animation.frames[-1]

    def enlarged():
        nonlocal last
        for i, frame in enumerate(animation.frames):
            last = enlarge(model, frame, tile=tile, shrunk=shrunk)
            report(i + 1, len(animation.frames))
            yield last

    notes = animations.write(job.target, enlarged(), durations=animation.durations, loop=animation.loop)
    return last._replace(notes=last.notes + notes)
