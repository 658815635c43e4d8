"""Long tests of robustness: `python -m scripts.torture pictures|training|large [COUNT] [--seed N]`.

Prints one line of counts. The exit status is 1 where anything was wrong, hung, crashed or lost.
"""

import re
import sys

from jsr.command_line import Parser
from scripts.torture import hostile, kills, large

BAD = re.compile(r"\b[1-9]\d* (wrong|hung|crashed|lost)\b")


def main(argv: list[str] | None = None) -> int:
    """Runs one of the three tests; returns 1 where the program failed any of its cases."""
    parser = Parser(prog="torture", description="Tests for minutes or hours what the quick tests try for seconds.")
    kinds = parser.add_subparsers(dest="kind", required=True, parser_class=Parser)
    pictures = kinds.add_parser("pictures", help="damaged files, given to jsr.infer")
    pictures.set_defaults(run=hostile.run)
    pictures.add_argument("count", nargs="?", type=int, default=5000, help="(default: %(default)s)")
    training = kinds.add_parser("training", help="kill -9 at random moments of a run")
    training.set_defaults(run=kills.run)
    training.add_argument("count", nargs="?", type=int, default=50, help="(default: %(default)s)")
    training.add_argument("--processes", type=int, default=1, help="of which one is killed (default: %(default)s)")
    largest = kinds.add_parser("large", help="pictures whose results are larger than the memory")
    largest.set_defaults(run=large.run)
    largest.add_argument("count", nargs="?", type=int, default=1, help="(default: %(default)s)")
    for kind in kinds.choices.values():
        kind.add_argument("--seed", type=int, default=0)
    args = vars(parser.parse_args(argv))
    run = args.pop("run")
    del args["kind"]
    summary = run(args.pop("count"), **args)
    print(summary)
    return 1 if BAD.search(summary) else 0


if __name__ == "__main__":
    sys.exit(main())
