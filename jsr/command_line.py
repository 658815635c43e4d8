"""The command lines of the programs: their parser, their common options, and errors in one line."""

import argparse
import difflib
import functools
import itertools
import os
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from jsr.version import __version__

CLOSED_PIPE = 141  # the status of a program that SIGPIPE ends, 128 + 13
# Controls and line separators, by which a file's name could break a line or steer a terminal.
CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

# Of help in groups: examples keep their lines, and what options do begins near their names.
HelpFormatter = functools.partial(argparse.RawDescriptionHelpFormatter, max_help_position=19)


class Parser(argparse.ArgumentParser):
    """A parser with `--version`, which reports a mistake in one line and exits with status 2."""

    def __init__(self, *, habits: Mapping[str, str] | None = None, words: str = "", **options: Any) -> None:
        """Makes a parser.

        Args:
          habits: what to write instead of the options of other programs, where it is not spelt alike.
          words: which options take the words that are given without one; by default, the help lists them.
          options: as `argparse.ArgumentParser` takes them.
        """
        super().__init__(**options)
        self.habits = habits or {}
        self.words = words or f"{self.prog} --help lists them"
        self.add_argument("--version", action="version", version=f"jsr {__version__}")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Parses arguments, after a look at the options, because argparse does not say which one may be meant."""
        words = itertools.takewhile(lambda word: word != "--", sys.argv[1:] if args is None else args)
        for word in words if self._subparsers is None else ():  # a command has options of its own
            self._check_option(word)
        return super().parse_known_args(args, namespace)

    def _check_option(self, word: str) -> None:
        option = word.partition("=")[0] if word.startswith("--") else word[:2]
        is_option = re.match(r"-[^\d.]", word) and " " not in word  # as argparse tells an option from a value
        # Long options may be abbreviated.
        if not is_option or any(known == option or known.startswith(option) for known in self._option_string_actions):
            return
        if os.path.exists(word):
            self.error(f"{word}: no such option; the file of this name is ./{word}")
        if option in self.habits:
            self.error(f"{option}: no such option; {self.habits[option]}")
        if not word.startswith("--"):
            self.error(f"{word}: no such option; a value that begins with - is given as --OPTION={word}")
        names = [name for name in self._option_string_actions if name.startswith("--")]
        nearest = difflib.get_close_matches(option, names, n=1)
        hint = f", perhaps {nearest[0]}" if nearest else f"; {self.prog} --help lists them"
        self.error(f"{option}: no such option{hint}")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Names the choice that may be meant, in the place of argparse's message."""
        if action.choices is not None and value not in action.choices:
            choices = [str(choice) for choice in action.choices]
            nearest = difflib.get_close_matches(str(value).lower(), choices, n=1)
            hint = f", perhaps {nearest[0]}" if nearest else ""
            raise argparse.ArgumentError(action, f"expected one of {', '.join(choices)}, got {value}{hint}")

    def error(self, message: str) -> NoReturn:
        """Prints the message without the usage, which would bury it."""
        stray = message.removeprefix("unrecognized arguments: ")
        if stray != message:
            message = f"{stray}: no such argument; {self.words}"
        elif message.startswith("the following arguments are required"):
            message += f"; {self.words}"
        self.exit(2, f"{self.prog}: error: {escaped(message.removeprefix('argument '))}\n")


def run(main: Callable[[], int | None]) -> NoReturn:
    """Runs a program and exits with its status, quietly where the reader of its output has gone, as `head` does."""
    for stream, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, stream) is None:  # closed, as by `>&-`
            setattr(sys, stream, open(os.devnull, mode, encoding="utf-8"))
    try:
        try:
            status = main()
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        # Without this, Python flushes once more at its end and prints a traceback.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = CLOSED_PIPE
    sys.exit(status)


def escaped(line: str) -> str:
    """Returns a line that stays one, whatever the names in it: controls are escaped."""
    return CONTROLS.sub(lambda match: match[0].encode("unicode_escape").decode(), line)


def name(text: str) -> str:
    """Parses the name of a file or folder, and replaces `~` as a shell does where it is not quoted.

    Raises:
      argparse.ArgumentTypeError: an empty text, which is what a shell makes of an unset variable. As a path, it would
        be the current folder.
    """
    if not text:
        raise argparse.ArgumentTypeError("expected a path, got an empty text")
    return os.path.expanduser(text)


def path(text: str) -> Path:
    """Parses a path as `name` does."""
    return Path(name(text))


def whole(text: str) -> int:
    """Parses a whole number, also one such as 1e9.

    Raises:
      argparse.ArgumentTypeError: another text.
    """
    try:
        return int(text) if text.strip("+-_0123456789") == "" else _exact(float(text))
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(f"expected a whole number, got {text}") from None


def number(text: str) -> float:
    """Parses a number.

    Raises:
      argparse.ArgumentTypeError: another text.
    """
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a number, got {text}") from None


def _exact(value: float) -> int:
    if value != int(value):
        raise ValueError
    return int(value)


def numbers(text: str, limits: Mapping[str, float]) -> dict[str, float]:
    """Parses "sigma=1.2,noise=5": numbers by name, each from 0 to a limit.

    Raises:
      argparse.ArgumentTypeError: another name, or a number beyond its limit; argparse names the option before it.
    """
    expected = " and ".join(f"{name}=N with N from 0 to {limit:g}" for name, limit in limits.items())
    found = {}
    for part in text.split(","):
        name, _, number = part.partition("=")
        try:
            found[name] = float(number)
            is_valid = 0 <= found[name] <= limits[name]
        except (KeyError, ValueError):
            is_valid = False
        if not is_valid:
            raise argparse.ArgumentTypeError(f"expected {expected}, got {text}")
    return found


def reason(error: Exception, *, path: str | os.PathLike[str]) -> str:
    """Returns the line that explains an `errors.Error` or `OSError` to the user.

    Args:
      path: the file or folder to name where the system names none, as for a full disk.
    """
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or os.fspath(path)}: {error.strerror}"
    return str(error)
