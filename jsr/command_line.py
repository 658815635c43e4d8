"""The command lines of the programs: their parser, their common options, and errors in one line."""

import argparse
import os
from typing import NoReturn, get_args


class Parser(argparse.ArgumentParser):
    """A parser that reports a mistake in one line and exits with status 2."""

    def error(self, message: str) -> NoReturn:
        """Prints the message without the usage, which would bury it."""
        self.exit(2, f"{self.prog}: error: {message}\n")


def add_precision(parser: argparse.ArgumentParser) -> None:
    """Adds `--precision` to the parser of a program that upscales."""
    from jsr.devices.compilation import Precision  # here, because it imports JAX, which `jsr --help` does not need

    parser.add_argument(
        "--precision",
        choices=get_args(Precision),
        default="fp32",
        help="precision of the network's arithmetic; bf16 is faster on a GPU, and on a CPU that has AVX512-BF16 or AMX"
        " (default: %(default)s)",
    )


def reason(error: Exception, *, path: str | os.PathLike[str]) -> str:
    """Returns the line that explains an `errors.Error` or `OSError` to the user.

    Args:
      path: the file or folder to name where the system names none, as for a full disk.
    """
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or os.fspath(path)}: {error.strerror}"
    return str(error)
