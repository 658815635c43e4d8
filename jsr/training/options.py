"""The options of a training run, read from the command line."""

import argparse
import dataclasses
from typing import Any, get_args

from jsr.command_line import HelpFormatter, Parser, number, path, whole
from jsr.errors import ConfigError
from jsr.training.config import CHOICES, PHASES, Config, check, names
from jsr.training.run import config_file

DESCRIPTION = """Trains SRResNet on photographs, or from it SRGAN. The same command resumes a run that
was interrupted."""
EXAMPLES = """examples:
  jsr train --phase srresnet --data photos      the network, on pixel error
  jsr train --phase srgan --data photos         from there, against a discriminator
  jsr train --config runs/srgan/config.json     goes on with that run

status: 0, also if stopped and saved; 1 if it cannot go on; 2 for wrong arguments"""
# The groups of the help, by the field of Config that each begins with.
GROUPS = {
    "phase": "network",
    "data": "pictures and steps",
    "degradation": "low resolution",
    "optimizer": "optimisation",
    "pixel_loss": "losses",
    "precision": "run",
}
METAVARS = {int: "N", str: "PATH"}  # of options without choices; of the others, X
# What other programs call the options.
HABITS = {
    "--epochs": "the length is --steps, of batches",
    "--batch": "pictures of a step are --batch-size",
    "--resume": "the same command goes on with its --workdir",
    "--auto_resume": "the same command goes on with its --workdir",
    "-o": "options of a file are given by --config",
    "--launcher": "all local devices are used",
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
    parser = Parser(
        prog="jsr.train",
        usage="%(prog)s --phase PHASE [OPTION...]",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        habits=HABITS,
        words="--phase is srresnet or srgan, and --data names the photographs",
        formatter_class=HelpFormatter,
    )
    group: Any = parser
    for field in dataclasses.fields(Config):
        if field.name in GROUPS:
            group = parser.add_argument_group(GROUPS[field.name])
        _add(group, field)
    group.add_argument(
        "--config",
        type=path,
        metavar="FILE",
        help="options by their names here with _ for -, as TOML, or a run's config.json, which resumes that run or,"
        " with another --workdir, repeats it; options of the command line win",
    )
    return parser


def _add(group: Any, field: dataclasses.Field) -> None:
    """Adds the option of a field. Its default stays out of the parser's, since it depends on the phase."""
    name, text = "--" + field.name.replace("_", "-"), field.metadata["help"]
    if field.type is bool:
        text = f"{text}: {', '.join(names('on request'))}"
        group.add_argument(name, action="store_true", default=argparse.SUPPRESS, help=text)
        return
    choices = get_args(field.type) if field.type in CHOICES or field.name == "phase" else None
    defaults = dict.fromkeys(getattr(config, field.name) for config in PHASES.values())
    shown = " / ".join(str(default) for default in defaults if default not in ("", None))
    notes = [", ".join(choices)] if choices else []
    if shown and field.name != "phase":
        notes.append(f"default: {shown}")
    group.add_argument(
        name,
        type={int: whole, float: number, float | None: number}.get(field.type, str),
        choices=choices,
        default=argparse.SUPPRESS,
        help=f"{text} ({'; '.join(notes)})" if notes else text,
        metavar="NAME" if choices else METAVARS.get(field.type, "X"),
    )
