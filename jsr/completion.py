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
        "zsh": "_jsr_models",
        "fish": f"{names} {shtab.FILE['fish']}",
        "preamble": {"zsh": f"_jsr_models() {{ compadd -- {names}; _files }}"},
    }
    for name, (summary, parser) in commands.items():
        for action in parser._actions:
            if action.nargs == 0 or action.choices or action.type not in PATHS:
                continue
            is_model = action.dest in MODELS
            # In bash, shtab would offer no option after one with several files, such as --data a b, so files are left
            # to bash itself.
            if shell != "bash":
                completer = models_or_files if is_model else shtab.FILE
                action.complete = completer  # pyright: ignore[reportAttributeAccessIssue], shtab's attribute
            elif is_model:
                action.choices = models
        subparsers.add_parser(name, parents=[parser], add_help=False, help=summary)
    text = shtab.complete(root, shell)
    return f"{text}\ncomplete -o bashdefault -o default -F _shtab_jsr jsr" if shell == "bash" else text
