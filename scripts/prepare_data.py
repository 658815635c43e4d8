"""Prepares a dataset, so that `python -m jsr.train --data NAME` finds it.

    python scripts/prepare_data.py div2k        fetches 4.0 GB
    python scripts/prepare_data.py coco2014     fetches 13.5 GB
    python scripts/prepare_data.py DIR          stores the folder's pictures under the folder's name

Fetching goes on where it was cut off. Training needs no preparing of a folder: `--data DIR` reads
it as it is.
"""

import sys

from jsr.command_line import Parser
from jsr.data import datasets
from jsr.errors import DataError


def main(arguments: list[str] | None = None) -> int:
    """Prepares what is asked for; returns the exit status."""
    parser = Parser(description="Prepares a dataset for jsr.train --data NAME.")
    parser.add_argument("name", metavar="NAME|FOLDER", help=", ".join(datasets.DATASETS))
    parser.add_argument("--data-dir", metavar="DIR", help=f"where to keep it (default: {datasets.default_dir()})")
    options = parser.parse_args(arguments)
    try:
        home = datasets.prepare(options.name, data_dir=options.data_dir)
        source = datasets.open(home.parent.name, data_dir=options.data_dir)
    except DataError as e:
        print(f"prepare_data: error: {e}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("prepare_data: interrupted; run it again to go on", file=sys.stderr)
        return 130
    print(f"{home.parent.name}: {len(source)} pictures to train on, in {home}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
