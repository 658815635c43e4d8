"""The options of a training run, read from the command line."""

import argparse
import dataclasses
from typing import get_args

from jsr.command_line import Parser, number, whole
from jsr.errors import ConfigError
from jsr.training.config import CHOICES, PHASES, Config, check, names

# What other programs call the options.
HABITS = {
    "--lr": "the step size is --learning-rate",
    "--epochs": "the length is --steps, of batches",
    "--batch": "pictures of a step are --batch-size",
    "--resume": "the same command goes on with its --workdir",
    "--gpu": "JAX takes the devices that it finds; JAX_PLATFORMS=cpu chooses",
    "--config": "options are given one by one, and the run's config.json holds them",
}


def parse(argv: list[str] | None) -> Config:
    """Reads a command line, by default the program's: `--phase` selects the defaults, every field is an option.

    Exits with status 2 and one line on stderr on a mistake.
    """
    parser = Parser(prog="jsr.train", description="Trains SRResNet, or from it SRGAN.", habits=HABITS)
    parser.add_argument("--phase", choices=PHASES, required=True, help="what to train")
    for field in dataclasses.fields(Config):
        if field.name != "phase":
            _add(parser, field)
    values = vars(parser.parse_args(argv))
    config = dataclasses.replace(PHASES[values.pop("phase")], **values)
    try:
        check(config)
    except ConfigError as error:
        parser.error(str(error))
    return config


def _add(parser: Parser, field: dataclasses.Field) -> None:
    """Adds the option of a field. Its default stays out of the parser's, since it depends on the phase."""
    name, text = "--" + field.name.replace("_", "-"), field.metadata["help"]
    if field.type is bool:
        text = f"{text}: {', '.join(names('on request'))}"
        parser.add_argument(name, action="store_true", default=argparse.SUPPRESS, help=text)
        return
    defaults = dict.fromkeys(getattr(config, field.name) for config in PHASES.values())
    shown = " / ".join(str(default) for default in defaults if default not in ("", None))
    has_choices = field.type in CHOICES
    parser.add_argument(
        name,
        type={int: whole, float: number, float | None: number}.get(field.type, str),
        choices=get_args(field.type) if has_choices else None,
        default=argparse.SUPPRESS,
        help=f"{text} (default: {shown})" if shown else text,
        metavar=None if has_choices else "VALUE",
    )
