"""Shell completion: a script that shtab makes from the parsers of the commands.

It holds all words, so that no Python starts when the Tab key is pressed.
"""

import argparse
from collections.abc import Mapping, Sequence

import shtab

from jsr import command_line

SHELLS = ("bash", "zsh", "fish")
MODELS = ("model", "init")  # what takes the name of a model or a path, by its name in the parsers
PATHS = (None, str, command_line.path, command_line.name)  # the types of what takes a path, or any other text


def script(shell: str, commands: Mapping[str, tuple[str, argparse.ArgumentParser]], models: Sequence[str]) -> str:
    """Returns the script that completes `jsr` in a shell.

    Args:
      shell: one of `SHELLS`.
      commands: a summary and the parser of each, by their names; shtab's marks are set in the parsers.
      models: the names that are offered where a model is expected, beside files.
    """
    root = argparse.ArgumentParser(prog="jsr", description="Makes photographs larger and sharp.")
    root.add_argument("--version", action="store_true", help="print the version")
    subparsers = root.add_subparsers(metavar="COMMAND", parser_class=argparse.ArgumentParser)
    names = " ".join(models)
    models_or_files = {
        "bash": "_jsr_models",
        "zsh": "_jsr_models",
        "fish": f"{names} {shtab.FILE['fish']}",
        "preamble": {
            "bash": f'_jsr_models() {{ compgen -W "{names}" -- "$1"; compgen -f -- "$1"; }}',
            "zsh": f"_jsr_models() {{ compadd -- {names}; _files }}",
        },
    }
    for name, (summary, parser) in commands.items():
        for action in parser._actions:
            if action.nargs != 0 and not action.choices and action.type in PATHS:
                completer = models_or_files if action.dest in MODELS else shtab.FILE
                action.complete = completer  # pyright: ignore[reportAttributeAccessIssue], shtab's attribute
        subparsers.add_parser(name, parents=[parser], add_help=False, help=summary)
    return shtab.complete(root, shell)
