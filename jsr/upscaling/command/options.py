"""The options of `jsr.infer`, read from the command line."""

import argparse
import functools
import re
import sys
import textwrap
from typing import Any, get_args

from jsr import command_line
from jsr.command_line import Parser, number, whole
from jsr.devices.compilation import Precision
from jsr.ops.observation import MAX_BLUR
from jsr.pictures import MAX_PIXELS, formats
from jsr.upscaling import jobs
from jsr.upscaling.command import checks
from jsr.upscaling.command.habits import HABITS
from jsr.video import codecs, containers
from jsr.weights import zoo

WRITTEN = ", ".join(kind.name for kind in formats.FORMATS if kind.suffixes)
VIDEOS = ", ".join(kind.name for kind in containers.CONTAINERS if kind.muxer)
DESCRIPTION = textwrap.fill(
    "Makes pictures and videos larger and sharp: photo.jpg becomes photo_x4.png beside it. An input is never replaced."
    f" Reads {formats.NAMES}, video; writes {WRITTEN}, {VIDEOS}. Depth, transparency, metadata, frames, sound are kept,"
    " or it is said.",
    width=79,
)
EXAMPLES = """examples:
  jsr infer photo.jpg                                     makes photo_x4.png
  jsr infer photos -o large --format jpg --skip-existing  goes on with a folder
  jsr infer scan.tif --width 6000 --texture 0 -o b.tif    invents nothing

status: 0; 1 if files failed; 2 for wrong arguments; 130 if interrupted"""


def parse(argv: list[str] | None) -> tuple[Parser, argparse.Namespace]:
    """Reads a command line, by default the program's; returns its parser too, to report further mistakes by.

    Exits with status 2 and one line on stderr on a mistake.
    """
    parser = make_parser()
    argv = sys.argv[1:] if argv is None else argv
    # Pictures may follow the options; argparse supports that, and it supports --, but not both together.
    args = (parser.parse_args if "--" in argv else parser.parse_intermixed_args)(argv)
    checks.check(parser, args)
    _complete_model(parser, args)
    return parser, args


def make_parser() -> Parser:
    """Returns the parser; what concerns several options, `parse` checks."""
    parser = Parser(
        prog="jsr.infer",
        usage="%(prog)s [OPTION...] FILE_OR_FOLDER...",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        habits=HABITS,
        formatter_class=command_line.HelpFormatter,
    )
    _add_input(parser.add_argument_group("input"))
    _add_output(parser.add_argument_group("output"))
    _add_model(parser.add_argument_group("model"))
    _add_size(parser.add_argument_group("size"))
    _add_speed(parser.add_argument_group("speed"))
    return parser


def _add_input(group: Any) -> None:
    group.add_argument(
        "inputs",
        nargs="+",
        type=command_line.path,
        metavar="FILE_OR_FOLDER",
        help="folders are searched with their sub-folders; - is stdin",
    )
    group.add_argument("--frame", type=whole, metavar="N", help="only this frame or page, counted from 0")
    group.add_argument(
        "--range",
        type=number,
        nargs=2,
        metavar=("LO", "HI"),
        help="values of rasters, such as floats, that a model sees",
    )
    group.add_argument(
        "--bands",
        type=whole,
        nargs=3,
        metavar=("R", "G", "B"),
        help="only three bands of a raster, counted from 0, as colours",
    )
    group.add_argument("--burst", action="store_true", help="one picture of all, which show one scene")
    group.add_argument("--raw", type=_shape, metavar="WxH", help="frames of rgb24 in, larger ones out, as by a pipe")
    group.add_argument(
        "--max-pixels",
        type=whole,
        default=MAX_PIXELS,
        metavar="N",
        help=f"refuse larger pictures (default: {MAX_PIXELS // 10**6} million)",
    )


def _add_output(group: Any) -> None:
    group.add_argument(
        "-o",
        "--output",
        type=command_line.name,
        metavar="PATH",
        help="a folder, or for one picture a file; - is stdout",
    )
    group.add_argument(
        "--format",
        choices=jobs.FORMATS,
        metavar="F",
        help="same as the input's, or a suffix, such as jpg or mkv (default: png, or tif for rasters)",
    )
    group.add_argument(
        "--quality", type=whole, metavar="Q", help="1 to 100 (default: 95); of videos, the CRF, 1 to 51 or 63"
    )
    group.add_argument(
        "--codec", choices=codecs.CODECS, metavar="C", help=f"of videos: {', '.join(codecs.CODECS)} (default: x264)"
    )
    group.add_argument("--lossless", action="store_true", help="lose nothing, in WebP too")
    group.add_argument("--suffix", metavar="TEXT", help="ends the name (default: _x4, or nothing with -o)")
    existing = group.add_mutually_exclusive_group()
    existing.add_argument("--skip-existing", action="store_true", help="leave out pictures that have a result already")
    existing.add_argument("--overwrite", action="store_true", help="replace earlier results (the default)")
    group.add_argument("--compare", action="store_true", help="instead, several models side by side: photo_compare.png")
    loudness = group.add_mutually_exclusive_group()
    loudness.add_argument("-q", "--quiet", action="store_true", help="print errors alone")
    loudness.add_argument("-v", "--verbose", action="store_true", help="print what each picture holds, too")
    loudness.add_argument("--json", action="store_true", help="print a line of JSON for each picture")


def _add_model(group: Any) -> None:
    texture, restore = zoo.shares(zoo.DEFAULT)
    group.add_argument(
        "--model",
        type=command_line.name,
        metavar="NAME",
        help=f"{', '.join(zoo.NAMES)}, a weights file, run or hf://owner/name (default: a mixture;"
        f" videos: {zoo.VIDEO})",
    )
    group.add_argument(
        "--texture",
        type=number,
        metavar="T",
        help=f"from 0, faithful, to 1, invented detail (default: {texture:g})",
    )
    # The name of --texture in the first edition, to be removed in the next.
    group.add_argument("--blend", dest="texture", type=number, help=argparse.SUPPRESS)
    group.add_argument(
        "--restore",
        type=number,
        metavar="R",
        help=f"from 0, clean, to 1, JPEG, noise, blur (default: {restore:g})",
    )
    group.add_argument(
        "--psf",
        type=functools.partial(command_line.numbers, limits={"sigma": MAX_BLUR}),
        default={},
        metavar="sigma=S",
        help="ibp, pocs, map: the Gaussian blur, in pixels of the result",
    )
    group.add_argument(
        "--noise", type=number, default=0.0, metavar="N", help="ibp, pocs, map: the noise, in levels of 255"
    )


def _add_size(group: Any) -> None:
    group.add_argument(
        "-s", "--scale", type=number, metavar="S", help="times larger, also 1.5 (default: the model's, mostly 4)"
    )
    group.add_argument("--width", type=whole, metavar="N", help="of the result, in pixels; its shape is kept")
    group.add_argument("--height", type=whole, metavar="N", help="with a width too, the result fits in both")
    group.add_argument("--max-side", type=whole, metavar="N", help="no side of a result is longer")


def _add_speed(group: Any) -> None:
    group.add_argument(
        "--tile",
        type=_tile,
        default="auto",
        metavar="N",
        help="N x N pixels at a time; fewer need less memory",
    )
    group.add_argument(
        "--ensemble", action="store_true", help="mean over 8 flips and turns: 8 times slower, more faithful"
    )
    group.add_argument(
        "--precision",
        choices=get_args(Precision),
        default="fp32",
        metavar="P",
        help="fp32, or bf16: faster on GPUs and newer CPUs",
    )


def _tile(text: str) -> int | None:
    """Parses `--tile`: a number, or None for "auto"."""
    if text == "auto":
        return None
    try:
        return whole(text)
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(f"expected a number of pixels or auto, got {text}") from None


def _shape(text: str) -> tuple[int, int]:
    """Parses `--raw`: 320x180, width by height."""
    match = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"expected width and height, such as 320x180, got {text}")
    return int(match[1]), int(match[2])


def _complete_model(parser: Parser, args: argparse.Namespace) -> None:
    """Gives the model its full name, by `--burst`, `--texture` and `--restore`; without any, videos have their own."""
    args.video_model = zoo.VIDEO if args.model is args.texture is args.restore is None else None
    args.model = args.model or zoo.DEFAULT
    if args.burst:
        if args.compare or args.ensemble:
            parser.error("--burst: expected neither --compare nor --ensemble")
        args.model = "map" if args.model == zoo.DEFAULT else args.model
        if args.model not in ("ibp", "map"):
            parser.error(f"--burst: expected --model ibp or map, got {args.model}")
    if args.texture is None and args.restore is None:
        return
    if args.model != zoo.DEFAULT:
        parser.error(f"--texture and --restore: mix bundled models, so expected no --model, got {args.model}")
    texture, restore = zoo.shares(zoo.DEFAULT)
    texture = texture if args.texture is None else args.texture
    restore = restore if args.restore is None else args.restore
    for option, share in (("--texture", texture), ("--restore", restore)):
        if not 0 <= share <= 1:
            parser.error(f"{option}: expected 0 to 1, got {share:g}")
    args.model = zoo.blend_name(texture, restore)
