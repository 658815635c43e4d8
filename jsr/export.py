"""Exports a model for other runtimes, or for the Hugging Face Hub.

    jsr export espcn                            espcn_x4.onnx, for ONNX Runtime, OpenVINO, browsers
    jsr export srgan --to stablehlo             srgan_x4.stablehlo, for JAX without jsr
    jsr export espcn web.onnx --uint8           takes and returns the levels of picture files
    jsr export runs/srgan --to hub mine         a folder that `hf upload OWNER/mine mine` publishes

ONNX and StableHLO hold the bare network: `jsr infer` also holds colours to those of the picture. `to_onnx.py`,
`to_stablehlo.py` and `to_hub.py` in `jsr/weights` say which networks, and what goes in and out. ONNX needs
`pip install 'jax-srgan[onnx]'`.
"""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from jsr import command_line
from jsr.command_line import Parser
from jsr.errors import Error

if TYPE_CHECKING:
    from jsr.models import Model

FILES = ("onnx", "stablehlo")  # each is the suffix of its files
HUB = "hub"
DESCRIPTION = """Exports a model as ONNX or StableHLO, for other runtimes, or as a folder for the
Hugging Face Hub, which jsr takes as a model too."""
EXAMPLES = """examples:
  jsr export espcn web.onnx --uint8           for browsers
  jsr export srgan --to stablehlo             for JAX without jsr
  jsr export runs/srgan mine --to hub         then: hf upload OWNER/mine mine"""


def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns 0, or 1 where it cannot be written. Exits with 2 on wrong arguments."""
    parser = make_parser()
    args = parser.parse_intermixed_args(argv)
    suffix = args.target.suffix.removeprefix(".") if args.target else ""
    to = args.to or suffix or "onnx"
    if to == HUB and (args.target is None or args.target.is_file() or args.uint8):
        parser.error("--to hub: expected the folder to write behind MODEL, and no --uint8")
    if to != HUB and (to not in FILES or args.target and suffix != to):
        names = [f".{name}" for name in FILES if args.to in (None, name)]
        parser.error(f"{args.target}: expected a file named {' or '.join(names)}")

    from jsr.weights import zoo

    try:
        model = zoo.load(args.model)
    except (Error, OSError) as error:
        parser.error(str(error))
    target = args.target or Path(f"{_stem(args.model, model.scale)}.{to}")
    try:
        _write(model, target, to, args)
    except ModuleNotFoundError as error:
        if error.name not in ("onnx", "flatbuffers"):
            raise
        package = "'jax-srgan[onnx]'" if error.name == "onnx" else error.name
        print(f"jsr.export: error: needs {error.name}: pip install {package}", file=sys.stderr)
        return 1
    except Error as error:
        parser.error(str(error))
    except OSError as error:
        print(f"jsr.export: error: {target}: cannot be written: {error.strerror or error}", file=sys.stderr)
        return 1
    print(f"{args.model} -> {target}")
    return 0


def make_parser() -> Parser:
    """Returns the parser of the command line."""
    parser = Parser(
        prog="jsr.export",
        usage="%(prog)s [OPTION...] MODEL [FILE_OR_FOLDER]",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=command_line.HelpFormatter,
    )
    parser.add_argument("model", metavar="MODEL", help="as in jsr infer --model")
    parser.add_argument(
        "target",
        metavar="FILE_OR_FOLDER",
        nargs="?",
        type=command_line.path,
        help="what to write: .onnx, .stablehlo, or with --to hub a folder (default: for example srgan_x4.onnx in the"
        " current folder)",
    )
    parser.add_argument(
        "--to",
        choices=(*FILES, HUB),
        metavar="FORMAT",
        help=f"{', '.join((*FILES, HUB))} (default: that of the file's suffix, or onnx)",
    )
    parser.add_argument(
        "--uint8", action="store_true", help="pictures are uint8 [n, h, w, 3], as their files hold them"
    )
    return parser


def _write(model: "Model", target: Path, to: str, args: argparse.Namespace) -> None:
    """Writes the file or the folder, in the format `to`."""
    from jsr.files import atomic
    from jsr.weights import to_hub, to_onnx, to_stablehlo

    if to == HUB:
        if not to_hub.write(model, target, name=args.model):
            print(f"{target / to_hub.CARD_FILE}: kept as it is", file=sys.stderr)
        return
    if to == "onnx":
        content = to_onnx.convert(model, is_uint8=args.uint8).SerializeToString()
    else:
        content = to_stablehlo.convert(model, is_uint8=args.uint8)
    with atomic.replacing(target) as stream:
        stream.write(content)


def _stem(model: str, scale: int) -> str:
    """Names a file after a model, which may be a file or a folder itself: `srgan_x4` of `runs/srgan/`."""
    name = Path(model).resolve().name.removesuffix(".safetensors").removesuffix(f"_x{scale}")
    return f"{name.replace(':', '_')}_x{scale}"


if __name__ == "__main__":
    command_line.run(main)
