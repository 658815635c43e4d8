"""Fits the pristine model of NIQE to sharp photographs: `python -m jsr.fit_niqe PHOTO... -o FILE`."""

import sys
from pathlib import Path

from tqdm import tqdm

from jsr import command_line
from jsr.command_line import Parser
from jsr.errors import Error
from jsr.metrics import niqe, niqe_model
from jsr.pictures import reading
from jsr.pictures.picture import rgb


def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns 0, or 1 where a picture cannot be used. Exits with 2 on wrong arguments."""
    parser = make_parser()
    args = parser.parse_args(argv)
    bar = tqdm(args.photos, unit="photo", disable=None)
    try:
        pristine = niqe.fit(rgb(reading.read(path)) for path in bar)
        metadata = {"pictures": len(args.photos), "block": niqe.BLOCK, "sharp": niqe.SHARP}
        niqe_model.save(args.output, pristine, metadata)
    except (Error, OSError) as error:
        print(f"jsr.fit_niqe: error: {error}", file=sys.stderr)
        return 1
    print(f"{args.output}: {len(args.photos)} pictures")
    return 0


def make_parser() -> Parser:
    """Returns the parser of the command line."""
    parser = Parser(prog="jsr.fit_niqe", description="Fits the pristine model of NIQE to sharp photographs.")
    parser.add_argument("photos", nargs="+", type=command_line.path, metavar="PHOTO", help="picture files")
    parser.add_argument(
        "-o",
        "--output",
        type=command_line.path,
        default=Path("niqe.safetensors"),
        metavar="FILE",
        help="for jsr.evaluate --niqe-model (default: %(default)s)",
    )
    return parser


if __name__ == "__main__":
    command_line.run(main)
