"""What `jsr infer` makes of its arguments, before any work: the models, and the jobs that they agree with."""

import argparse
import contextlib
import math

from jsr.errors import PictureError, WeightsError
from jsr.files.streams import Files
from jsr.models import Model
from jsr.ops.observation import Observation
from jsr.pictures import writing
from jsr.upscaling import comparison
from jsr.upscaling.jobs import SAME, Job, Naming, Plan, plan, plan_burst
from jsr.upscaling.size import MAX_SCALE, Size
from jsr.weights import zoo


def prepare(args: argparse.Namespace, stored: Files) -> tuple[dict[str, Model], dict[str, Model], Plan]:
    """Loads the models of pictures and of videos, by their labels, and plans the jobs.

    Raises:
      WeightsError: a model cannot be loaded, or does not have the scale, blur or noise.
      PictureError: as `jobs.plan`, a format without the quality that was asked for, or an option of pictures alone.
    """
    models = load(args, args.model)
    suffix = "_compare" if args.compare else args.suffix
    mark = size(args).mark(next(iter(models.values())).scale)
    naming = Naming(mark if suffix is None else suffix, suffix or "", args.format)
    planned = (plan_burst if args.burst else plan)(stored.inputs, stored.output, naming)
    videos = [job for job in planned.jobs if job.is_video]
    _check_videos(args, planned.jobs, videos)
    _check_encoding(args, planned.jobs)
    return models, load(args, args.video_model) if videos and args.video_model else models, planned


def load(args: argparse.Namespace, name: str) -> dict[str, Model]:
    """Loads a model, or those of a comparison, by their labels, with what the options add.

    Raises:
      WeightsError: as `prepare`.
    """
    model = _model(args, name)
    if args.psf or args.noise:
        model = model.with_observation(Observation(blur=args.psf.get("sigma", 0.0), noise=args.noise))
    models = comparison.models(name, model, precision=args.precision) if args.compare else {name: model}
    return {name: model.ensemble() for name, model in models.items()} if args.ensemble else models


def _model(args: argparse.Namespace, name: str) -> Model:
    """Loads a model: of the scale that is asked for or the next larger one, if it has such a scale.

    Raises:
      WeightsError: it cannot be loaded, or a comparison is not of its scale.
    """
    model = zoo.ready(name, precision=args.precision)
    if args.scale is None:
        return model
    for scale in range(max(2, math.ceil(args.scale)), MAX_SCALE + 1):
        if scale == model.scale:
            break
        with contextlib.suppress(WeightsError):
            if name in zoo.BUNDLED:
                model = zoo.ready(name, precision=args.precision, scale=scale)
            else:
                model = model.with_scale(scale)
            break
    if args.compare and args.scale != model.scale:
        raise WeightsError(f"--compare: expected the scale of {name}, {model.scale}, got {args.scale:g}")
    return model


def size(args: argparse.Namespace) -> Size:
    return Size(args.scale, args.width, args.height, args.max_side)


def _check_encoding(args: argparse.Namespace, jobs: list[Job]) -> None:
    """Refuses `--quality` and `--lossless` where the format of a result has no such thing.

    Raises:
      PictureError: it has none.
    """
    for job in jobs:
        if job.is_video:
            continue
        kind = writing.check(job.target, 1, 1)
        if args.lossless and kind.name not in writing.LOSSLESS:
            raise PictureError(f"--lossless: {job.target} would be {kind.name}, which always loses detail")
        # Of pictures that keep their formats, some may have a quality.
        if args.quality is not None and args.format != SAME and "quality" not in writing.OPTIONS.get(kind.name, {}):
            names = ", ".join(name for name, given in writing.OPTIONS.items() if "quality" in given)
            raise PictureError(f"--quality: {job.target} would be {kind.name}; expected --format or -o for {names}")


def _check_videos(args: argparse.Namespace, jobs: list[Job], videos: list[Job]) -> None:
    """Refuses options that are for pictures alone or for videos alone, where there is the other kind.

    Raises:
      PictureError: there is.
    """
    for option in ("compare", "burst", "frame", "range", "bands"):
        value = getattr(args, option)
        if videos and value is not None and value is not False:
            raise PictureError(f"--{option}: is for pictures, got the video {videos[0].source}")
    pictures = [job for job in jobs if not job.is_video]
    if args.codec and not videos:
        raise PictureError(f"--codec: is for videos, got {jobs[0].source}")
    if args.quality is not None and videos and pictures:
        kinds = f"{pictures[0].source} and {videos[0].source}"
        raise PictureError(f"--quality: is another number for pictures and videos, so expected one kind, got {kinds}")
    if args.format not in (None, SAME) and f".{args.format}" not in {job.target.suffix.lower() for job in jobs}:
        raise PictureError(f"--format: nothing can be written as {args.format}, got {jobs[0].source}")
