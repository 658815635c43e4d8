"""Fetches or stores a dataset, so that `python -m jsr.train --data NAME` finds it.

    python -m jsr.prepare div2k        downloads 4.0 GB
    python -m jsr.prepare coco2014     downloads 13.5 GB
    python -m jsr.prepare FOLDER       stores the folder's pictures under the folder's name

An interrupted download is resumed by the same command. `jsr.train --data FOLDER` reads a folder as it is, so a folder
need not be prepared.
"""

import sys

from jsr import command_line
from jsr.command_line import Parser
from jsr.errors import Error


def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns 0, 1 where it fails, 130 where it is interrupted. Exits with 2 on wrong arguments."""
    parser = make_parser()
    args = parser.parse_args(argv)

    from jsr.data import datasets

    try:
        home = datasets.prepare(args.name, data_dir=args.data_dir)
        pictures = datasets.source(home.parent.name, data_dir=args.data_dir)
    except (Error, OSError) as error:
        print(f"jsr.prepare: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("jsr.prepare: interrupted; the same command goes on", file=sys.stderr)
        return 130
    print(f"{home.parent.name}: {len(pictures)} pictures to train on, in {home}")
    return 0


def make_parser() -> Parser:
    """Returns the parser of the command line."""
    parser = Parser(prog="jsr.prepare", description="Fetches or stores a dataset for jsr.train --data NAME.")
    parser.add_argument(
        "name", metavar="NAME|FOLDER", help="div2k (4.0 GB), coco2014 (13.5 GB), or a folder of pictures"
    )
    parser.add_argument(
        "--data-dir", metavar="DIR", help="where to keep it (default: TFDS_DATA_DIR, or ~/tensorflow_datasets)"
    )
    return parser


if __name__ == "__main__":
    command_line.run(main)
