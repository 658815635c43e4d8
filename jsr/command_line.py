"""What the programs' command lines have in common."""

import argparse
from typing import NoReturn, get_args


class Parser(argparse.ArgumentParser):
    """Reads arguments; a mistake gets one line and status 2."""

    def error(self, message: str) -> NoReturn:
        """Says what is wrong without the usage, which would bury it."""
        self.exit(2, f"{self.prog}: error: {message}\n")


def add_precision(parser: argparse.ArgumentParser) -> None:
    """Adds `--precision` to a program that upscales."""
    from jsr.devices.compilation import Precision  # here, because it imports JAX, which `jsr --help` does not need

    parser.add_argument(
        "--precision",
        choices=get_args(Precision),
        default="fp32",
        help="what the network computes in; bf16 is faster on a GPU, and on a CPU that has AVX512-BF16 or AMX"
        " (default: %(default)s)",
    )
