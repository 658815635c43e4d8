"""Enlarges picture and video files: `python -m jsr.infer FILE_OR_FOLDER... [-o PATH] [--model NAME|FILE|RUN]`."""

import argparse
import contextlib
import io
import json
import math
import os
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from tqdm import tqdm

from jsr import command_line
from jsr.devices import compilation, hosts, launchers, memory
from jsr.devices.launchers import Place
from jsr.errors import Error, PictureError, WeightsError
from jsr.files import atomic, streams
from jsr.files.cache import default_cache
from jsr.files.streams import Files
from jsr.models import Model
from jsr.ops.observation import Observation
from jsr.pictures import Picture, writing
from jsr.upscaling import comparison, files, options, raw, shares, tiles
from jsr.upscaling.files import Options, Progress, Result
from jsr.upscaling.jobs import SAME, Job, Naming, Plan, holds_video, plan, plan_burst
from jsr.upscaling.shares import Tally
from jsr.upscaling.size import MAX_SCALE, Size
from jsr.video import segments
from jsr.weights import zoo


class Log(NamedTuple):
    """What is printed about pictures: lines, or JSON for scripts, on a stream; errors on stderr."""

    stream: TextIO | io.TextIOBase
    name: Callable[[Path], str]  # the name by which the user knows a file
    is_quiet: bool
    is_verbose: bool
    is_json: bool

    def say(self, line: str) -> None:
        """Prints a line past the progress bar."""
        if not self.is_quiet:
            _print(line, sys.stderr if self.is_json else self.stream)

    def leave_out(self, reason: str, paths: list[Path]) -> None:
        """Prints how many files are left out and why, and the name of the first, or of each; JSON names each."""
        for path in paths:
            self._record(self.name(path), skipped=reason)
        if paths and self.is_verbose:
            for path in paths:
                self.say(f"left out {reason}: {path}")
        elif paths:
            self.say(f"left out {reason}: {len(paths)}, such as {paths[0]}")

    def finish(self, job: Job, result: Result, seconds: float) -> None:
        """Prints what a picture has become."""
        source, target, size = self.name(job.source), self.name(job.target), f"{result.width}x{result.height}"
        self._record(source, target, result=result, seconds=seconds)
        self.say(f"{source} -> {target} ({size}, {seconds:.1f} s)")
        for note in (*((f"from {result.contents}",) if self.is_verbose else ()), *result.notes):
            self.say(f"  {note}")

    def fail(self, job: Job, error: Exception) -> None:
        """Prints in one line which picture failed and why; of a bug, also the traceback if `JSR_TRACEBACK` is set."""
        if memory.is_exhausted(error):
            reason = "out of memory"
        elif isinstance(error, Error):
            reason = str(error).removeprefix(f"{job.source}: ")
        elif isinstance(error, OSError):
            reason = f"{error.filename or self.name(job.target)}: {error.strerror or error}"
        else:
            if os.environ.get("JSR_TRACEBACK"):
                for line in "".join(traceback.format_exception(error)).splitlines():
                    _print(line, sys.stderr)
            message = next(iter(str(error).splitlines()), "")
            last_line = f"{type(error).__name__}: {message}" if message else type(error).__name__
            reason = f"{last_line} (a bug of jsr: please report it, with the traceback that JSR_TRACEBACK=1 prints)"
        source = self.name(job.source)
        self._record(source, error=reason)
        _print(f"jsr.infer: error: {source}: {reason}", sys.stderr)

    def interrupt(self, job: Job) -> None:
        """Prints what is kept of a video that is not finished."""
        place = segments.folder(job.target)
        count = segments.LENGTH * len(segments.finished(place))
        if job.is_video and count and self.name(job.target) == str(job.target):
            message = f"{count} frames are kept in {place}; the same command goes on with them"
            _print(f"jsr.infer: {self.name(job.source)}: {message}", sys.stderr)

    def _record(
        self,
        source: str,
        target: str | None = None,
        *,
        result: Result | None = None,
        seconds: float | None = None,
        error: str | None = None,
        skipped: str | None = None,
    ) -> None:
        """Prints the line of JSON for a picture."""
        if not self.is_json:
            return
        line: dict[str, Any] = {"input": source, "output": target, "error": error, "skipped": skipped}
        if result and seconds is not None:
            line |= {"width": result.width, "height": result.height, "seconds": round(seconds, 3)}
            line |= {"from": result.contents, "notes": result.notes}
        tqdm.write(json.dumps(line), file=self.stream)
        self.stream.flush()


def _print(line: str, stream: TextIO | io.TextIOBase) -> None:
    """Prints a line past the progress bar; characters that the terminal cannot show, as in file names, are escaped."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    tqdm.write(command_line.escaped(line).encode(encoding, "backslashreplace").decode(encoding), file=stream)
    stream.flush()


def _run(jobs: list[Job], settings: Options, log: Log) -> int:
    """Upscales file after file and prints a line about each; returns the number that failed."""
    failed, is_announced = 0, False
    for folder in {job.target.parent for job in jobs}:
        atomic.sweep(folder)
    hidden = True if log.is_quiet else None  # None hides a bar where stderr is no terminal
    # A bar over the files, and over the frames of a video or the tiles of a single picture.
    for job in tqdm(jobs, unit="file", leave=False, disable=hidden if len(jobs) > 1 else True):
        start = time.monotonic()
        unit, is_shown = "frame" if job.is_video else "tile", job.is_video or len(jobs) == 1
        with tqdm(unit=unit, leave=False, disable=hidden if is_shown else True) as bar:

            def report(complete: int, total: int | None, bar: tqdm = bar) -> None:
                bar.total = total
                bar.update(complete - bar.n)

            def resumed(count: int, bar: tqdm = bar) -> None:
                bar.n = bar.initial = bar.last_print_n = count  # which the speed leaves out

            def shrunk(tile: int, job: Job = job) -> None:
                nonlocal settings, is_announced  # the next files begin with the smaller tile
                if not is_announced:
                    log.say(f"{log.name(job.source)}: out of memory; going on with tiles of {tile} or fewer")
                settings, is_announced = settings._replace(tile=tile), True

            try:
                result = files.upscale_file(job, settings, Progress(report, shrunk, resumed))
            except BrokenPipeError:  # of a message: nobody reads them any more
                raise
            except KeyboardInterrupt:
                log.interrupt(job)
                raise
            except Exception as error:  # one bad picture must not cost the others
                failed += 1
                log.fail(job, error)
                continue
        log.finish(job, result, time.monotonic() - start)
    return failed


def _run_share(place: Place, folder: Path, jobs: list[Job], settings: Options, log: Log) -> int:
    """Upscales the share of one of several processes; returns the number that failed.

    The first process waits for the others and prints the sum. It counts a process that is gone as a failure.

    Args:
      folder: in which they leave their tallies.
    """
    with shares.alive(folder, place):
        failed = _run(jobs, settings, log)
    shares.finish(folder, place, Tally(len(jobs) - failed, failed))
    if not place.is_first:
        return failed
    tallies = shares.gather(folder, place.count)
    present = [tally for tally in tallies if tally]
    made, failed = sum(tally.made for tally in present), sum(tally.failed for tally in present)
    log.say(f"all {place.count} processes: {made} files made, {failed} failed")
    for index, tally in enumerate(tallies):
        if tally is None:
            text = f"{Place(index, place.count)} is gone; --skip-existing makes what it has not"
            print(f"jsr.infer: error: {text}", file=sys.stderr)
            failed += 1
    return failed


def _prepare(args: argparse.Namespace, stored: Files) -> tuple[dict[str, Model], dict[str, Model], Plan]:
    """Loads the models of pictures and of videos, by their labels, and plans the jobs.

    Raises:
      WeightsError: a model cannot be loaded, or does not have the scale, blur or noise.
      PictureError: as `jobs.plan`, a format without the quality that was asked for, or an option of pictures alone.
    """
    models = _models(args, args.model)
    suffix = "_compare" if args.compare else args.suffix
    mark = _size(args).mark(next(iter(models.values())).scale)
    naming = Naming(mark if suffix is None else suffix, suffix or "", args.format)
    planned = (plan_burst if args.burst else plan)(stored.inputs, stored.output, naming)
    videos = [job for job in planned.jobs if job.is_video]
    _check_videos(args, planned.jobs, videos)
    _check_encoding(args, planned.jobs)
    return models, _models(args, args.video_model) if videos and args.video_model else models, planned


def _models(args: argparse.Namespace, name: str) -> dict[str, Model]:
    """Loads a model, or those of a comparison, by their labels, with what the options add.

    Raises:
      WeightsError: as `_prepare`.
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


def _size(args: argparse.Namespace) -> Size:
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


def _run_raw(args: argparse.Namespace) -> int:
    """Upscales raw frames; returns 0, or 1 after an error.

    Raises:
      WeightsError: as `_prepare`.
      OSError: a stream cannot be read or written.
    """
    models = _models(args, args.video_model or args.model)
    width, height = args.raw
    halo = next(iter(models.values())).halo
    tile = args.tile or tiles.balanced(height, width, halo=halo, most=tiles.TILE)
    settings = Options(models, tile=tile, size=_size(args))
    quietly = Progress(lambda finished, total: None, lambda tile: None)
    with (
        streams.reader(args.inputs[0]) as source,
        streams.writer(args.output) as target,
        tqdm(unit="frame", leave=False, disable=True if args.quiet else None) as bar,
    ):
        try:
            raw.upscale(
                source,
                target,
                lambda pixels: files.enlarged(Picture(pixels), settings, quietly).pixels,
                height=height,
                width=width,
                report=bar.update,
            )
        except Error as error:
            print(f"jsr.infer: error: {args.inputs[0]}: {error}", file=sys.stderr)
            return 1
    return 0


def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns 0, 1 if files failed, 130 if interrupted. Wrong arguments exit with 2."""
    parser, args = options.parse(argv)
    try:
        place = launchers.place()
    except Error as error:
        parser.error(str(error))
    hosts.keep_to_gpu(place)
    compilation.keep(default_cache() / "compiled", onednn=args.precision == "bf16")
    try:
        if args.raw:
            try:
                return _run_raw(args)
            except Error as error:
                parser.error(str(error))
        with contextlib.ExitStack() as stack:
            try:
                first = args.inputs[0]
                suffix = Naming("", format=args.format).suffix(first, is_video=holds_video(first))
                stored = stack.enter_context(streams.as_files(args.inputs, args.output, suffix=suffix))
                if stored.streams and place.count > 1:
                    stream = next(iter(stored.streams.values()))
                    raise PictureError(f"{stream}: expected a file or folder for {place.count} processes")
                models, video_models, planned = _prepare(args, stored)
            except (Error, OSError) as error:
                parser.error(command_line.reason(error, path=args.output or "."))
            is_piped = args.output is not None and streams.is_stdout(args.output)
            log = Log(sys.stderr if is_piped else sys.stdout, stored.name, args.quiet, args.verbose, args.json)
            share = planned.jobs[place.index :: place.count]  # before others' results are left out: they come meanwhile
            done = {job for job in share if args.skip_existing and job.target.exists()}
            jobs = [job for job in share if job not in done]
            if place.is_first:
                log.leave_out("as earlier results", planned.earlier_results)
                log.leave_out("because they are neither pictures nor videos", planned.others)
                log.leave_out("because there are no pictures or videos in them", planned.empty)
            log.leave_out("because they have results", [job.source for job in share if job in done])
            settings = Options(
                models,
                is_comparison=args.compare,
                tile=args.tile,
                frame=args.frame,
                max_pixels=args.max_pixels,
                size=_size(args),
                quality=args.quality,
                is_lossless=args.lossless,
                limits=tuple(args.range) if args.range else None,
                bands=tuple(args.bands) if args.bands else None,
                video_models=video_models,
                codec=args.codec,
            )
            if place.count == 1:
                failed = _run(jobs, settings, log)
            else:
                failed = _run_share(place, planned.jobs[0].target.parent, jobs, settings, log)
    except BrokenPipeError:
        raise
    except OSError as error:  # of a stream
        print(f"jsr.infer: error: {command_line.reason(error, path=args.output or '.')}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("jsr.infer: interrupted; what was finished is kept", file=sys.stderr)
        return 130
    if failed and len(jobs) > 1 and place.count == 1:
        print(f"jsr.infer: {failed} of {len(jobs)} files failed", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    command_line.run(main)
