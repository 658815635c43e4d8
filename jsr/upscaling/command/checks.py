"""Which values of the options of `jsr.infer` are refused, alone and beside others."""

import argparse
import os
import sys

from jsr.command_line import Parser
from jsr.files import streams
from jsr.ops.observation import MAX_NOISE
from jsr.pictures import formats
from jsr.upscaling import tiles
from jsr.upscaling.size import MAX_SCALE

# Options that say nothing about raw frames.
RAW_HAS_NONE = (
    *("frame", "range", "bands", "burst", "format", "quality", "codec", "lossless", "suffix", "skip_existing"),
    *("compare", "json"),
)


def check(parser: Parser, args: argparse.Namespace) -> None:
    """Exits with status 2 and one line on stderr on a mistake."""
    _check_numbers(parser, args)
    _check_output(parser, args)
    _check_raw(parser, args)


def _check_numbers(parser: Parser, args: argparse.Namespace) -> None:
    if args.max_pixels < 1:
        parser.error(f"--max-pixels: expected 1 or more, got {args.max_pixels}")
    if args.range and not args.range[0] < args.range[1]:
        parser.error(f"--range: expected a smaller and a larger number, got {args.range[0]:g} {args.range[1]:g}")
    if args.tile is not None and args.tile < tiles.MIN_TILE:
        parser.error(f"--tile: expected {tiles.MIN_TILE} or more pixels, got {args.tile}")
    if not 0 <= args.noise <= MAX_NOISE:
        parser.error(f"--noise: expected 0 to {MAX_NOISE:g}, got {args.noise:g}")
    if args.scale is not None and not 0 < args.scale <= MAX_SCALE:
        parser.error(f"--scale: expected more than 0 and up to {MAX_SCALE}, got {args.scale:g}")
    if args.scale is not None and (args.width is not None or args.height is not None):
        parser.error("--scale: expected neither --width nor --height beside it")
    for option, side in (("--width", args.width), ("--height", args.height), ("--max-side", args.max_side)):
        if side is not None and side < 1:
            parser.error(f"{option}: expected 1 pixel or more, got {side}")
    if args.compare and (args.scale not in (None, 2, 3, 4) or args.width or args.height or args.max_side):
        parser.error("--compare: shows whole scales, so expected --scale 2, 3 or 4 and no other size")
    if args.quality is not None and not 1 <= args.quality <= 100:
        parser.error(f"--quality: expected 1 to 100, got {args.quality}")
    if args.quality is not None and args.lossless:
        parser.error("--lossless: expected no --quality beside it")


def _check_output(parser: Parser, args: argparse.Namespace) -> None:
    """Refuses names that results cannot have, and streams where there is no place for a result or a message."""
    if args.suffix is not None and ("/" in args.suffix or os.sep in args.suffix):
        parser.error(f"--suffix: expected a part of a name, got {args.suffix}")
    if args.suffix == "" and args.output is None:
        parser.error("--suffix: expected a text, because without it and -o, a result could replace its picture")
    if args.suffix is not None and args.output and formats.written_as(args.output):
        parser.error(f"--suffix: expected none beside -o {args.output}, which names the result")
    if args.compare and (args.format or args.suffix is not None or args.quality is not None):
        parser.error("--compare: writes photo_compare.png, so expected no --format, --quality or --suffix")
    from_stream = [path for path in args.inputs if streams.is_stream(path)]
    if from_stream and args.output is None:
        parser.error(f"{from_stream[0]}: expected -o with the name of its result, or -o - for standard output")
    if streams.STANDARD in map(str, args.inputs) and sys.stdin.isatty():
        parser.error("-: expected a picture on standard input, got a terminal")
    if args.output is None or not streams.is_stream(args.output):
        return
    if not args.burst and (len(args.inputs) > 1 or args.inputs[0].is_dir()):
        parser.error(f"-o {args.output}: expected one picture")
    if streams.is_stdout(args.output):
        if args.json:
            parser.error("--json: expected -o with a file, because standard output is for the picture")
        if sys.stdout.isatty():
            parser.error(f"-o {args.output}: expected a pipe or a file for the picture, got a terminal")


def _check_raw(parser: Parser, args: argparse.Namespace) -> None:
    """Refuses what raw frames have none of."""
    if not args.raw:
        return
    if len(args.inputs) > 1 or args.output is None:
        parser.error("--raw: expected one input and -o, such as: jsr infer - -o - --raw 320x180")
    if os.path.exists(args.output) and os.path.exists(args.inputs[0]) and args.inputs[0].samefile(args.output):
        parser.error(f"-o {args.output}: would overwrite the input")
    if args.raw[0] * args.raw[1] > args.max_pixels:
        parser.error(f"--raw: expected up to {args.max_pixels} pixels, which --max-pixels sets, got {args.raw}")
    for option in RAW_HAS_NONE:
        value = getattr(args, option)
        if value is not None and value is not False:
            parser.error(f"--{option.replace('_', '-')}: is not for raw frames")
