"""The options of a training run, read from the command line."""

import argparse
import dataclasses
from typing import get_args

from jsr.command_line import Parser, number, path, whole
from jsr.errors import ConfigError
from jsr.training import config_file
from jsr.training.config import CHOICES, PHASES, Config, check, names

# What other programs call the options.
HABITS = {
    "--epochs": "the length is --steps, of batches",
    "--batch": "pictures of a step are --batch-size",
    "--resume": "the same command goes on with its --workdir",
    "--gpu": "JAX takes the devices that it finds; JAX_PLATFORMS=cpu chooses",
}


def parse(argv: list[str] | None) -> Config:
    """Reads a command line, by default the program's: `--phase` selects the defaults, every field is an option.

    Options of a file replace the defaults, and those of the command line replace both. Exits with status 2 and one
    line on stderr on a mistake.
    """
    parser = make_parser()
    values = vars(parser.parse_args(argv))
    source = values.pop("config")
    try:
        values = (config_file.read(source) if source else {}) | values
        if "phase" not in values:
            parser.error("the following arguments are required: --phase")
        config = dataclasses.replace(PHASES[values.pop("phase")], **values)
        check(config)
    except ConfigError as error:
        parser.error(str(error))
    return config


def make_parser() -> Parser:
    """Returns the parser; what concerns several options, `parse` checks."""
    parser = Parser(prog="jsr.train", description="Trains SRResNet, or from it SRGAN.", habits=HABITS)
    parser.add_argument("--phase", choices=PHASES, default=argparse.SUPPRESS, help="what to train")
    parser.add_argument(
        "--config",
        type=path,
        metavar="FILE",
        help="options by their names here with _ for -, as TOML, or a run's config.json, which resumes that run or,"
        " with another --workdir, repeats it; options of the command line win",
    )
    for field in dataclasses.fields(Config):
        if field.name != "phase":
            _add(parser, field)
    return parser


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
