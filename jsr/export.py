"""Exports a model for other runtimes: `python -m jsr.export MODEL FILE.onnx`.

`jsr/weights/to_onnx.py` says which networks, and what goes in and out. Needs onnx: `pip install 'jax-srgan[onnx]'`.
"""

import sys

from jsr import command_line
from jsr.command_line import Parser
from jsr.errors import Error


def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns 0, or 1 where the file cannot be made. Exits with 2 on wrong arguments."""
    parser = Parser(prog="jsr.export", description="Exports a model as ONNX, for other runtimes.")
    parser.add_argument("model", metavar="MODEL", help="as in jsr.infer --model")
    parser.add_argument("file", metavar="FILE.onnx", type=command_line.path, help="the file to write")
    args = parser.parse_args(argv)
    if args.file.suffix != ".onnx":
        parser.error(f"{args.file}: expected a file named .onnx")

    from jsr.files import atomic
    from jsr.weights import to_onnx, zoo

    try:
        model = zoo.load(args.model)
        content = to_onnx.convert(model).SerializeToString()
    except ModuleNotFoundError as error:
        if error.name != "onnx":
            raise
        print("jsr.export: error: needs onnx: pip install 'jax-srgan[onnx]'", file=sys.stderr)
        return 1
    except (Error, OSError) as error:
        parser.error(str(error))
    try:
        with atomic.replacing(args.file) as file:
            file.write(content)
    except OSError as error:
        print(f"jsr.export: error: {args.file}: cannot be written: {error.strerror or error}", file=sys.stderr)
        return 1
    print(f"{args.model} -> {args.file}")
    return 0


if __name__ == "__main__":
    command_line.run(main)
