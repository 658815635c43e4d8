"""The console command: `jsr infer photo.jpg` is `python -m jsr.infer photo.jpg`, and so on."""

import difflib
import importlib
import keyword
import sys
from typing import NoReturn

from jsr import command_line
from jsr.version import __version__

# A module of jsr for each (`module`); it is imported when it is called, so that `jsr --help` is instant.
COMMANDS = {
    "infer": "upscale pictures and videos",
    "serve": "open a page that upscales pictures, in a browser",
    "train": "train a network on photographs",
    "evaluate": "score models on benchmark sets",
    "export": "write a model as ONNX or StableHLO, for other runtimes",
    "prepare": "fetch or store a dataset to train on",
    "plot": "draw the losses and scores of a training run",
    "fetch": "download weights for LPIPS and content losses",
    "import": "make weights files of other projects' networks",
    "fit-niqe": "fit the reference model of NIQE to photographs",
}
# The modules whose `make_parser` makes a command's parser, where it is not the program's own.
OPTIONS = {"infer": "upscaling.command.options", "evaluate": "metrics.options", "train": "training.options"}
COMPLETION = "--print-completion"


def main(argv: list[str] | None = None) -> int:
    """Runs one of the commands; returns its status, or 2 where there is no such command."""
    arguments = sys.argv[1:] if argv is None else argv
    name = arguments[0] if arguments else ""
    if name in ("-h", "--help"):
        print(_usage())
        return 0
    if name == "--version":
        print(f"jsr {__version__}")
        return 0
    if name == COMPLETION:
        return _print_completion(arguments[1:])
    if name not in COMMANDS:
        print(f"jsr: error: {_mistake(name)}; see jsr --help", file=sys.stderr)
        return 2
    program = importlib.import_module(f"jsr.{module(name)}")
    return program.main(arguments[1:]) or 0


def module(command: str) -> str:
    """Returns the name of a command's module in jsr; a keyword of Python has an underscore behind it."""
    return f"{command}_" if keyword.iskeyword(command) else command.replace("-", "_")


def make_parser(command: str) -> command_line.Parser:
    """Returns the parser of a command."""
    return importlib.import_module(f"jsr.{OPTIONS.get(command) or module(command)}").make_parser()


def _print_completion(arguments: list[str]) -> int:
    """Prints the script that completes `jsr` in a shell."""
    from jsr import completion
    from jsr.weights import zoo

    parser = command_line.Parser(prog=f"jsr {COMPLETION}")
    parser.add_argument("shell", choices=completion.SHELLS)
    shell = parser.parse_args(arguments).shell
    commands = {name: (summary, make_parser(name)) for name, summary in COMMANDS.items()}
    print(completion.script(shell, commands, zoo.NAMES))
    return 0


def _usage() -> str:
    lines = [f"  {name:<10}{summary}" for name, summary in COMMANDS.items()]
    return "\n".join(
        [
            "usage: jsr COMMAND [ARGUMENT...]",
            "       jsr --version",
            f"       jsr {COMPLETION} bash|zsh|fish",
            "",
            *lines,
            "",
            "jsr COMMAND --help lists its options.",
        ]
    )


def _mistake(name: str) -> str:
    if not name:
        return "expected a command"
    nearest = difflib.get_close_matches(name, COMMANDS, n=1)
    return f"{name}: expected a command" + (f", perhaps {nearest[0]}" if nearest else "")


def run() -> NoReturn:
    """Runs the console command, which exits with the status of `main`."""
    command_line.run(main)


if __name__ == "__main__":
    run()
