"""Exports a model for other runtimes: `jsr export MODEL [FILE] [--to onnx|stablehlo] [--uint8]`.

    jsr export espcn                            espcn_x4.onnx, for ONNX Runtime, OpenVINO, browsers
    jsr export srgan --to stablehlo             srgan_x4.stablehlo, for JAX without jsr
    jsr export espcn web.onnx --uint8           takes and returns the levels of picture files

It is the bare network: `jsr infer` also holds colours to those of the picture. `jsr/weights/to_onnx.py` and
`to_stablehlo.py` say which networks, and what goes in and out. ONNX needs `pip install 'jax-srgan[onnx]'`.
"""

import sys
from pathlib import Path

from jsr import command_line
from jsr.command_line import Parser
from jsr.errors import Error

FORMATS = ("onnx", "stablehlo")  # each is the suffix of its files


def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns 0, or 1 where the file cannot be made. Exits with 2 on wrong arguments."""
    parser = make_parser()
    args = parser.parse_args(argv)
    suffix = args.file.suffix.removeprefix(".") if args.file else args.to or "onnx"
    if suffix not in FORMATS or args.to not in (None, suffix):
        names = [f".{name}" for name in FORMATS if args.to in (None, name)]
        parser.error(f"{args.file}: expected a file named {' or '.join(names)}")

    from jsr.files import atomic
    from jsr.weights import to_onnx, to_stablehlo, zoo

    try:
        model = zoo.load(args.model)
        if suffix == "onnx":
            content = to_onnx.convert(model, is_uint8=args.uint8).SerializeToString()
        else:
            content = to_stablehlo.convert(model, is_uint8=args.uint8)
    except ModuleNotFoundError as error:
        if error.name not in ("onnx", "flatbuffers"):
            raise
        package = "'jax-srgan[onnx]'" if error.name == "onnx" else error.name
        print(f"jsr.export: error: needs {error.name}: pip install {package}", file=sys.stderr)
        return 1
    except (Error, OSError) as error:
        parser.error(str(error))
    file = args.file or Path(f"{_stem(args.model, model.scale)}.{suffix}")
    try:
        with atomic.replacing(file) as stream:
            stream.write(content)
    except OSError as error:
        print(f"jsr.export: error: {file}: cannot be written: {error.strerror or error}", file=sys.stderr)
        return 1
    print(f"{args.model} -> {file}")
    return 0


def make_parser() -> Parser:
    """Returns the parser of the command line."""
    parser = Parser(prog="jsr.export", description="Exports a model as ONNX or StableHLO, for other runtimes.")
    parser.add_argument("model", metavar="MODEL", help="as in jsr infer --model")
    parser.add_argument(
        "file",
        metavar="FILE",
        nargs="?",
        type=command_line.path,
        help="the file to write, .onnx or .stablehlo (default: srgan_x4.onnx in the current folder, for example)",
    )
    parser.add_argument("--to", choices=FORMATS, help="the format (default: by FILE's suffix, or onnx)")
    parser.add_argument(
        "--uint8", action="store_true", help="pictures are uint8 [n, h, w, 3], as their files hold them"
    )
    return parser


def _stem(model: str, scale: int) -> str:
    """Names a file after a model, which may be a file or a folder itself: `srgan_x4` of `runs/srgan/`."""
    name = Path(model).resolve().name.removesuffix(".safetensors").removesuffix(f"_x{scale}")
    return f"{name.replace(':', '_')}_x{scale}"


if __name__ == "__main__":
    command_line.run(main)
