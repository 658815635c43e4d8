"""Enlarges picture files: `python -m jsr.infer PICTURE_OR_FOLDER... [-o PATH] [--model NAME|FILE|RUN]`."""

import argparse
import sys
import time
from pathlib import Path

from tqdm import tqdm

from jsr import command_line
from jsr.command_line import Parser
from jsr.devices import compilation, memory
from jsr.files import atomic
from jsr.files.cache import default_cache
from jsr.pictures.picture import MAX_PIXELS
from jsr.upscaling import comparison, files, tiles
from jsr.upscaling.files import Way
from jsr.upscaling.jobs import plan
from jsr.weights import zoo

DESCRIPTION = """Makes pictures larger and sharp. photo.jpg becomes photo_x4.png beside it, replacing an earlier result.
An input is never overwritten. PNG, JPEG, WebP, TIFF and BMP; transparency, grey, 16 bits, orientation, EXIF and colour
profile are kept, and it is said where a format cannot. Animated GIF, WebP and PNG come out animated, as PNG or WebP."""


def _run(jobs, way, *, tile):
    """Does the jobs and tells of each; returns how many failed."""
    failed, is_said = 0, False
    for folder in {job.target.parent for job in jobs}:
        atomic.sweep(folder)
    # A bar over the pictures, or over the tiles of a single one.
    for job in tqdm(jobs, unit="picture", leave=False, disable=None if len(jobs) > 1 else True):
        start = time.monotonic()
        with tqdm(unit="tile", leave=False, disable=None if len(jobs) == 1 else True) as bar:

            def report(done, total, bar=bar):
                bar.total = total
                bar.update(done - bar.n)

            def shrunk(smaller, job=job):
                nonlocal tile, is_said  # what follows begins with it
                if not is_said:
                    _say(
                        f"{job.source}: out of memory; going on with tiles of {smaller} or fewer",
                        sys.stdout,
                    )
                tile, is_said = smaller, True

            try:
                large = files.upscale_file(job, way, tile=tile, report=report, shrunk=shrunk)
            except Exception as error:  # one bad picture must not cost the others
                failed += 1
                _say(f"jsr.infer: error: {_reason(job, error)}", sys.stderr)
                continue
        height, width = large.pixels.shape[:2]
        seconds = time.monotonic() - start
        _say(f"{job.source} -> {job.target} ({width}x{height}, {seconds:.1f} s)", sys.stdout)
        for note in large.notes:
            _say(f"  {note}", sys.stdout)
    return failed


def _reason(job, error):
    """Says in one line what went wrong with which picture."""
    if memory.is_exhausted(error):
        return f"{job.source}: out of memory"
    if isinstance(error, OSError):
        return f"{job.source}: {error.filename or job.target}: {error.strerror or error}"
    lines = str(error).splitlines() or [type(error).__name__]
    return lines[0] if lines[0].startswith(str(job.source)) else f"{job.source}: {lines[0]}"


def _say(line, stream):
    """Prints a line past the progress bar; names of files may hold what the terminal cannot."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    tqdm.write(line.encode(encoding, "backslashreplace").decode(encoding), file=stream)
    stream.flush()


def _tile(text):
    """Reads `--tile`: a number, or None for "auto"."""
    return None if text == "auto" else int(text)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="jsr.infer", description=DESCRIPTION)
    parser.add_argument(
        "inputs",
        nargs="+",
        type=Path,
        metavar="PICTURE_OR_FOLDER",
        help="folders are searched with their sub-folders; earlier results in them are left out",
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="PATH",
        help="a folder for the results, which keep their names there as .png; for one picture also a file, whose"
        " suffix decides the format",
    )
    parser.add_argument(
        "--model",
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
    parser.add_argument(
        "--blend",
        type=float,
        metavar="T",
        help="weights between those of srresnet, 0, and srgan, 1 (default: 0.8)",
    )
    parser.add_argument(
        "--ensemble",
        action="store_true",
        help="the mean over the eight flips and turns of a picture: eight times slower, a little more faithful",
    )
    parser.add_argument(
        "--frame",
        type=int,
        metavar="N",
        help="of several frames or pages the one of this number, counted from 0 (default: all frames of what moves, the"
        " first of pages)",
    )
    parser.add_argument(
        "--max-pixels",
        type=int,
        default=MAX_PIXELS,
        metavar="N",
        help="refuse pictures of more pixels than this, all frames together, before memory is taken for them"
        " (default: %(default)s)",
    )
    command_line.add_precision(parser)
    parser.add_argument(
        "--compare",
        action="store_true",
        help="write, instead of the result, photo_compare.png: input, bicubic, SRResNet, SRGAN and another --model side"
        f" by side; of pictures that come out larger than {comparison.SIDE} pixels, the centre",
    )
    return parser


def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns 0, 1 where pictures failed, 130 where interrupted. Wrong arguments exit with 2."""
    parser = _parser()
    argv = sys.argv[1:] if argv is None else argv
    # Pictures may follow the options; argparse knows that and -- apart, but not together.
    args = (parser.parse_args if "--" in argv else parser.parse_intermixed_args)(argv)
    compilation.keep(default_cache() / "compiled", onednn=args.precision == "bf16")
    if args.max_pixels < 1:
        parser.error(f"--max-pixels: expected 1 or more, got {args.max_pixels}")
    if args.tile is not None and args.tile < tiles.MIN_TILE:
        parser.error(f"--tile: expected {tiles.MIN_TILE} or more pixels, got {args.tile}")
    if args.blend is not None:
        if not 0 <= args.blend <= 1:
            parser.error(f"--blend: expected 0 to 1, got {args.blend:g}")
        if args.model != zoo.DEFAULT:
            parser.error(f"--blend: mixes srresnet and srgan, so expected no --model, got {args.model}")
        args.model = f"{zoo.BLEND}{args.blend:g}"
    try:
        try:
            if args.compare:
                models = comparison.models(args.model, precision=args.precision)
            else:
                models = {args.model: zoo.ready(args.model, precision=args.precision)}
            scale = next(iter(models.values())).module.scale
            jobs, left_out = plan(args.inputs, args.output, scale=scale, comparing=args.compare)
        except (ValueError, OSError) as error:
            parser.error(str(error))
        if left_out:
            _say(f"left out as earlier results: {len(left_out)}, such as {left_out[0]}", sys.stdout)
        if args.ensemble:
            models = {name: model.ensemble() for name, model in models.items()}
        way = Way(models, args.compare, args.frame, args.max_pixels)
        failed = _run(jobs, way, tile=args.tile)
    except KeyboardInterrupt:
        print("jsr.infer: interrupted; what was finished is kept", file=sys.stderr)
        return 130
    if failed and len(jobs) > 1:
        print(f"jsr.infer: {failed} of {len(jobs)} pictures failed", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
