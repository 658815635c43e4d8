"""Enlarges picture and video files: `python -m jsr.infer FILE_OR_FOLDER... [-o PATH] [--model NAME|FILE|RUN]`."""

import argparse
import contextlib
import sys
import time
from pathlib import Path

from tqdm import tqdm

from jsr import command_line
from jsr.devices import compilation, hosts, launchers
from jsr.devices.launchers import Place
from jsr.errors import Error, PictureError
from jsr.files import atomic, streams
from jsr.files.cache import default_cache
from jsr.pictures import Picture
from jsr.upscaling import files, raw, tiles
from jsr.upscaling.command import options, preparation, shares
from jsr.upscaling.command.log import Log
from jsr.upscaling.command.shares import Tally
from jsr.upscaling.files import Options, Progress
from jsr.upscaling.jobs import Job, Naming, holds_video


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


def _run_raw(args: argparse.Namespace) -> int:
    """Upscales raw frames; returns 0, or 1 after an error.

    Raises:
      WeightsError: as `preparation.load`.
      OSError: a stream cannot be read or written.
    """
    models = preparation.load(args, args.video_model or args.model)
    width, height = args.raw
    halo = next(iter(models.values())).halo
    tile = args.tile or tiles.balanced(height, width, halo=halo, most=tiles.TILE)
    settings = Options(models, tile=tile, size=preparation.size(args))
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
                models, video_models, planned = preparation.prepare(args, stored)
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
                size=preparation.size(args),
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
