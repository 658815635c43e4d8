"""The options of `jsr.evaluate`, read from the command line."""

import argparse
from typing import Any, get_args

from jsr import command_line
from jsr.command_line import Parser, whole
from jsr.devices.compilation import Precision
from jsr.metrics.fidelity import Channel
from jsr.ops.observation import MAX_BLUR, MAX_NOISE, Observation
from jsr.weights import zoo

TIMED = 256  # pixels of a side of the picture that is timed
DESCRIPTION = """Scores models, and pictures of other programs, on benchmark sets: PSNR, SSIM,
NIQE and, after `jsr fetch lpips`, LPIPS."""
WORDS = "sets are given by --data, models by --model, pictures of another program by --results"
EXAMPLES = """examples:
  jsr evaluate --model bicubic srgan --data Set5/x4 Set14/x4
  jsr evaluate --results out --data Set5/x4 --channel rgb --shave 0
  jsr evaluate --model map --data Set5/x4 --degrade sigma=2,noise=5 --verbose

status: 0; 1 if a picture cannot be scored; 2 for wrong arguments"""
METRICS = "all metrics are measured"
RESULTS = "folders of pictures to score are given by --results"
ORIGINALS = "originals are given by --data"
# What pyiqa, BasicSR and other programs call the options.
HABITS = {
    "-t": RESULTS,
    "--target": RESULTS,
    "-i": RESULTS,
    "--input": RESULTS,
    "--restored": RESULTS,
    "-r": ORIGINALS,
    "--ref": ORIGINALS,
    "--gt": ORIGINALS,
    "--hr": ORIGINALS,
    "-m": METRICS + ", and a model is --model",
    "-l": METRICS + "; a line above the table names them",  # of -ls
    "--metric": METRICS,
    "--metric_mode": METRICS,
    "--metric-mode": METRICS,
    "--crop_border": "the border is cut by --shave N, by default as many pixels as the scale",
    "--crop-border": "the border is cut by --shave N, by default as many pixels as the scale",
    "--test_y_channel": "luma is the default, --channel y",
    "--test-y-channel": "luma is the default, --channel y",
    "--launcher": "one process scores a set in minutes",
    "--correct_mean_var": "results are scored as they are",
    "--suffix": "results are found with what is after their names",
    "-o": "sets are given by --data, models by --model",  # of -opt
    "--save_file": "scores are written by --json",
    "-s": "the scale is --scale",
    "-v": "the scores of each picture are printed by --verbose",
    "--device": "JAX takes the device that it finds; JAX_PLATFORMS=cpu chooses",
}


def parse(argv: list[str] | None) -> tuple[Parser, argparse.Namespace]:
    """Reads a command line, by default the program's; returns its parser too, to report further mistakes by.

    Exits with status 2 and one line on stderr on a mistake.
    """
    parser = make_parser()
    args = parser.parse_args(argv)
    if not args.model and not args.results:
        parser.error(f"expected --model, --results or both; {WORDS}")
    if args.results and args.degrade:
        parser.error("--degrade: makes low-resolution pictures that --results are not of; expected one of the two")
    if args.tile is not None and args.tile < 1:
        parser.error(f"--tile: expected 1 or more pixels, got {args.tile}")
    if args.json and not args.json.absolute().parent.is_dir():
        parser.error(f"--json: {args.json.parent} is not a folder")
    return parser, args


def make_parser() -> Parser:
    """Returns the parser; what concerns several options, `parse` checks."""
    parser = Parser(
        prog="jsr.evaluate",
        usage="%(prog)s [OPTION...] --data SET_DIR...",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        habits=HABITS,
        words=WORDS,
        formatter_class=command_line.HelpFormatter,
    )
    _add_input(parser.add_argument_group("input"))
    _add_metrics(parser.add_argument_group("metrics"))
    _add_output(parser.add_argument_group("output"))
    _add_speed(parser.add_argument_group("speed"))
    return parser


def _add_input(group: Any) -> None:
    group.add_argument(
        "--data",
        nargs="+",
        required=True,
        type=command_line.path,
        metavar="SET_DIR",
        help="sets: folders with hr and, optionally, lr (also HR, LR_bicubic/X4, GTmod12, LRbicx4, or *_HR and *_LR"
        " pictures), or with originals alone",
    )
    group.add_argument(
        "--model",
        nargs="+",
        default=[],
        metavar="NAME",
        help=f"{', '.join(zoo.NAMES)}, a weights file, a run's folder or hf://owner/name",
    )
    group.add_argument(
        "--results",
        nargs="+",
        default=[],
        type=command_line.path,
        metavar="FOLDER",
        help="pictures of another program, named as the originals, also baby_x4 or baby_out; of several sets, in"
        " FOLDER/Set5 and so on",
    )
    group.add_argument(
        "--scale",
        type=whole,
        choices=(2, 3, 4),
        metavar="S",
        help="2, 3 or 4, for models that have several (default: 4, or the model's)",
    )
    group.add_argument(
        "--degrade",
        nargs="+",
        type=_observation,
        default=[],
        metavar="sigma=S,noise=N",
        help="make lr from hr: a blur of S pixels, the bicubic reduction, noise of N levels; ibp, pocs and map are"
        " told; several make a column each",
    )


def _add_metrics(group: Any) -> None:
    group.add_argument(
        "--channel",
        choices=get_args(Channel),
        default="y",
        metavar="C",
        help="of PSNR and SSIM: y, BT.601 luma, or rgb (default: y)",
    )
    group.add_argument(
        "--shave",
        type=_shave,
        default="scale",
        metavar="N",
        help="pixels to cut from each border, or scale for as many as that (default: scale)",
    )
    group.add_argument(
        "--niqe-model",
        type=command_line.path,
        metavar="FILE",
        help="modelparameters.mat of NIQE's authors, or a file of jsr.fit_niqe (default: ours; values of two models"
        " cannot be compared)",
    )
    group.add_argument("--grid", action="store_true", help="the grid of sub-pixel layers too, in grey levels")
    group.add_argument("--time", action="store_true", help=f"the time for {TIMED}x{TIMED} pixels too")


def _add_output(group: Any) -> None:
    group.add_argument("--verbose", action="store_true", help="print the scores of each picture")
    group.add_argument("--json", type=command_line.path, metavar="FILE", help="write all scores to a file as well")


def _add_speed(group: Any) -> None:
    group.add_argument("--tile", type=whole, metavar="N", help="N x N pixels at a time; fewer need less memory")
    group.add_argument("--ensemble", action="store_true", help="score the mean over eight flips and turns")
    group.add_argument(
        "--precision",
        choices=get_args(Precision),
        default="fp32",
        metavar="P",
        help="fp32, or bf16: faster on GPUs and newer CPUs",
    )


def _observation(text: str) -> Observation:
    found = command_line.numbers(text, {"sigma": MAX_BLUR, "noise": MAX_NOISE})
    return Observation(blur=found.get("sigma", 0.0), noise=found.get("noise", 0.0))


def _shave(text: str) -> int | None:
    """Parses `--shave`: a number, or None for "scale"."""
    try:
        border = None if text == "scale" else whole(text)
    except argparse.ArgumentTypeError:
        border = -1
    if border is not None and border < 0:
        raise argparse.ArgumentTypeError(f"expected 0 or more pixels, or scale, got {text}")
    return border
