"""Enlarges picture files: `python -m jsr.infer PICTURE_OR_FOLDER... [-o PATH] [--model NAME|FILE|RUN]`."""

import argparse
import contextlib
import functools
import io
import os
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TextIO

from tqdm import tqdm

from jsr import command_line
from jsr.command_line import Parser
from jsr.devices import compilation, memory
from jsr.errors import Error
from jsr.files import atomic, streams
from jsr.files.cache import default_cache
from jsr.files.streams import Files
from jsr.models import Model
from jsr.ops.observation import MAX_BLUR, MAX_NOISE, Observation
from jsr.pictures import MAX_PIXELS, formats
from jsr.upscaling import comparison, files, tiles
from jsr.upscaling.files import Options, Progress
from jsr.upscaling.jobs import Job, Plan, plan, plan_burst
from jsr.weights import zoo

WRITTEN = ", ".join(kind.name for kind in formats.FORMATS if kind.suffixes)
ANIMATED = " or ".join(kind.name for kind in formats.FORMATS if kind.animation)
DESCRIPTION = f"""Makes pictures larger and sharp. photo.jpg becomes photo_x4.png beside it, replacing an earlier
result. An input is never overwritten. Reads {formats.NAMES}; writes {WRITTEN}. Transparency, grey, 16 bits,
orientation, EXIF and colour profile are kept, and it is said where a format cannot. Animations stay animated as
{ANIMATED}."""


def _run(jobs: list[Job], options: Options, log: "Log") -> int:
    """Upscales file after file and prints a line about each; returns the number that failed."""
    failed, is_announced = 0, False
    for folder in {job.target.parent for job in jobs}:
        atomic.sweep(folder)
    # A bar over the pictures, or over the tiles of a single one.
    for job in tqdm(jobs, unit="picture", leave=False, disable=None if len(jobs) > 1 else True):
        start = time.monotonic()
        with tqdm(unit="tile", leave=False, disable=None if len(jobs) == 1 else True) as bar:

            def report(complete: int, total: int, bar: tqdm = bar) -> None:
                bar.total = total
                bar.update(complete - bar.n)

            def shrunk(tile: int, job: Job = job) -> None:
                nonlocal options, is_announced  # the next files begin with the smaller tile
                if not is_announced:
                    log.say(f"{log.name(job.source)}: out of memory; going on with tiles of {tile} or fewer")
                options, is_announced = options._replace(tile=tile), True

            try:
                result = files.upscale_file(job, options, Progress(report, shrunk))
            except Exception as error:  # one bad picture must not cost the others
                failed += 1
                log.fail(job, error)
                continue
        seconds = time.monotonic() - start
        size = f"{result.width}x{result.height}"
        log.say(f"{log.name(job.source)} -> {log.name(job.target)} ({size}, {seconds:.1f} s)")
        for note in result.notes:
            log.say(f"  {note}")
    return failed


class Log(NamedTuple):
    """What is printed about pictures: lines on a stream, and errors on stderr."""

    stream: TextIO | io.TextIOBase
    name: Callable[[Path], str]  # the name by which the user knows a file

    def say(self, line: str) -> None:
        """Prints a line past the progress bar."""
        _print(line, self.stream)

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
        _print(f"jsr.infer: error: {self.name(job.source)}: {reason}", sys.stderr)


def _print(line: str, stream: TextIO | io.TextIOBase) -> None:
    """Prints a line past the progress bar; characters that the terminal cannot show, as in file names, are escaped."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    tqdm.write(command_line.escaped(line).encode(encoding, "backslashreplace").decode(encoding), file=stream)
    stream.flush()


def _tile(text: str) -> int | None:
    """Parses `--tile`: a number, or None for "auto"."""
    try:
        return None if text == "auto" else int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a number of pixels or auto, got {text}") from None


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="jsr.infer", description=DESCRIPTION)
    parser.add_argument(
        "inputs",
        nargs="+",
        type=command_line.path,
        metavar="PICTURE_OR_FOLDER",
        help="folders are searched with their sub-folders; earlier results and files that are not pictures are left"
        " out, and counted",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=command_line.name,
        metavar="PATH",
        help="a folder for the results, which keep their names there as .png; for one picture also a file, whose"
        " suffix decides the format",
    )
    parser.add_argument(
        "--model",
        type=command_line.name,
        default=zoo.DEFAULT,
        metavar="NAME",
        help=f"one of {', '.join(zoo.NAMES)}, a weights file, or a run's folder (default: %(default)s)",
    )
    parser.add_argument(
        "--tile",
        type=_tile,
        default="auto",
        metavar="N",
        help=f"pixels enlarged at a time, N x N; fewer need less memory (default: auto, as many as the free memory"
        f" allows, up to {tiles.TILE}; halved where it runs out all the same)",
    )
    texture, restore = zoo.shares(zoo.DEFAULT)
    parser.add_argument(
        "--texture",
        type=float,
        metavar="T",
        help=f"from faithful, 0, to painted, 1: sharper, with invented detail (default: {texture:g})",
    )
    # The name of --texture in the first edition, to be removed in the next.
    parser.add_argument("--blend", dest="texture", type=float, help=argparse.SUPPRESS)
    parser.add_argument(
        "--restore",
        type=float,
        metavar="R",
        help="from pictures that were only made smaller, 0, to photographs with JPEG, noise or blur, 1 (default:"
        f" {restore:g})",
    )
    command_line.add_scale(parser)
    parser.add_argument(
        "--psf",
        type=functools.partial(command_line.numbers, limits={"sigma": MAX_BLUR}),
        default={},
        metavar="sigma=S",
        help="for ibp, pocs and map: the picture was blurred by a Gaussian of this standard deviation, in pixels of the"
        " result, before it was made smaller (default: not blurred)",
    )
    parser.add_argument(
        "--noise",
        type=float,
        default=0.0,
        metavar="N",
        help="for ibp, pocs and map: the picture has noise of this standard deviation, in levels of 255 (default: 0)",
    )
    parser.add_argument(
        "--ensemble",
        action="store_true",
        help="average over the eight flips and rotations of a picture: eight times slower, a little more faithful",
    )
    parser.add_argument(
        "--frame",
        type=int,
        metavar="N",
        help="only the frame or page of this number, counted from 0 (default: all frames of an animation, the first of"
        " several pages)",
    )
    parser.add_argument(
        "--max-pixels",
        type=int,
        default=MAX_PIXELS,
        metavar="N",
        help="refuse pictures of more pixels than this, all frames together, before memory is allocated for them"
        " (default: %(default)s)",
    )
    command_line.add_precision(parser)
    parser.add_argument(
        "--burst",
        action="store_true",
        help="make one picture of all, which show one scene and were taken with the camera a little moved; the model is"
        " map (default) or ibp; without --noise, the noise is measured",
    )
    parser.add_argument(
        "--compare",
        action="store_true",
        help="write, instead of the result, photo_compare.png: input, bicubic, SRResNet, the default and what --model,"
        " --texture or --restore ask for, side by side; only the centre of results larger than"
        f" {comparison.SIDE} pixels",
    )
    return parser


def _prepare(args: argparse.Namespace, files: Files) -> tuple[dict[str, Model], Plan]:
    """Loads the models, by their labels, and plans the jobs.

    Raises:
      WeightsError: a model cannot be loaded, or does not have the scale, blur or noise.
      PictureError: as `jobs.plan`.
    """
    model = zoo.ready(args.model, precision=args.precision, scale=args.scale)
    if args.psf or args.noise:
        model = model.with_observation(Observation(blur=args.psf.get("sigma", 0.0), noise=args.noise))
    models = comparison.models(args.model, model, precision=args.precision) if args.compare else {args.model: model}
    if args.ensemble:
        models = {name: model.ensemble() for name, model in models.items()}
    if args.burst:
        return models, plan_burst(files.inputs, files.output, scale=model.scale)
    return models, plan(files.inputs, files.output, scale=model.scale, is_comparison=args.compare)


def _check(parser: Parser, args: argparse.Namespace) -> None:
    """Refuses arguments that do not fit together or lie beyond their limits, and completes the model's name."""
    if args.max_pixels < 1:
        parser.error(f"--max-pixels: expected 1 or more, got {args.max_pixels}")
    if args.tile is not None and args.tile < tiles.MIN_TILE:
        parser.error(f"--tile: expected {tiles.MIN_TILE} or more pixels, got {args.tile}")
    if not 0 <= args.noise <= MAX_NOISE:
        parser.error(f"--noise: expected 0 to {MAX_NOISE:g}, got {args.noise:g}")
    if args.burst:
        if args.compare or args.ensemble:
            parser.error("--burst: expected neither --compare nor --ensemble")
        args.model = "map" if args.model == zoo.DEFAULT else args.model
        if args.model not in ("ibp", "map"):
            parser.error(f"--burst: expected --model ibp or map, got {args.model}")
    if args.texture is not None or args.restore is not None:
        if args.model != zoo.DEFAULT:
            parser.error(f"--texture and --restore: mix bundled models, so expected no --model, got {args.model}")
        texture, restore = zoo.shares(zoo.DEFAULT)
        texture = texture if args.texture is None else args.texture
        restore = restore if args.restore is None else args.restore
        for option, share in (("--texture", texture), ("--restore", restore)):
            if not 0 <= share <= 1:
                parser.error(f"{option}: expected 0 to 1, got {share:g}")
        args.model = zoo.blend_name(texture, restore)
    inputs_of_streams = [path for path in args.inputs if streams.is_stream(path)]
    if inputs_of_streams and args.output is None:
        parser.error(f"{inputs_of_streams[0]}: expected -o with the name of its result, or -o - for standard output")
    if streams.STANDARD in map(str, args.inputs) and sys.stdin.isatty():
        parser.error("-: expected a picture on standard input, got a terminal")
    if args.output and streams.is_stream(args.output):
        if not args.burst and (len(args.inputs) > 1 or args.inputs[0].is_dir()):
            parser.error(f"-o {args.output}: expected one picture")
        if streams.is_stdout(args.output) and sys.stdout.isatty():
            parser.error(f"-o {args.output}: expected a pipe or a file for the picture, got a terminal")


def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns 0, 1 if pictures failed, 130 if interrupted. Wrong arguments exit with 2."""
    parser = _parser()
    argv = sys.argv[1:] if argv is None else argv
    # Pictures may follow the options; argparse supports that, and it supports --, but not both together.
    args = (parser.parse_args if "--" in argv else parser.parse_intermixed_args)(argv)
    _check(parser, args)
    compilation.keep(default_cache() / "compiled", onednn=args.precision == "bf16")
    try:
        with contextlib.ExitStack() as stack:
            try:
                files = stack.enter_context(streams.as_files(args.inputs, args.output, suffix=".png"))
                models, (jobs, earlier_results, others) = _prepare(args, files)
            except (Error, OSError) as error:
                parser.error(command_line.reason(error, path=args.output or "."))
            is_piped = args.output is not None and streams.is_stdout(args.output)
            log = Log(sys.stderr if is_piped else sys.stdout, files.name)
            for reason, paths in (("as earlier results", earlier_results), ("because they are not pictures", others)):
                if paths:
                    log.say(f"left out {reason}: {len(paths)}, such as {paths[0]}")
            options = Options(models, args.compare, args.tile, args.frame, args.max_pixels)
            failed = _run(jobs, options, log)
    except BrokenPipeError:
        raise
    except OSError as error:  # of a stream
        print(f"jsr.infer: error: {command_line.reason(error, path=args.output or '.')}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("jsr.infer: interrupted; what was finished is kept", file=sys.stderr)
        return 130
    if failed and len(jobs) > 1:
        print(f"jsr.infer: {failed} of {len(jobs)} pictures failed", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    command_line.run(main)
