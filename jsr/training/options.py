"""The configuration of a run, read from the command line."""

import argparse
import dataclasses
from typing import get_args

from jsr.command_line import Parser
from jsr.errors import ConfigError
from jsr.training.config import CHOICES, OVERWRITABLE, PHASES, Config, check


def parse(argv: list[str] | None) -> Config:
    """Reads a command line: `--phase` chooses the defaults, every field is an option. Exits with 2 on a mistake."""
    parser = Parser(prog="jsr.train", description="Trains SRResNet, or from it SRGAN.")
    parser.add_argument("--phase", choices=PHASES, required=True, help="what to train")
    for field in dataclasses.fields(Config)[1:]:
        values = dict.fromkeys(getattr(config, field.name) for config in PHASES.values())
        if field.type is bool:
            parser.add_argument(
                "--" + field.name.replace("_", "-"),
                action="store_true",
                default=argparse.SUPPRESS,
                help=field.metadata["help"] + f": {', '.join(OVERWRITABLE)}",
            )
            continue
        shown = " / ".join(str(v) for v in values if v not in ("", None))
        parser.add_argument(
            "--" + field.name.replace("_", "-"),
            type={int: int, float: float, float | None: float}.get(field.type, str),
            choices=get_args(field.type) if field.type in CHOICES else None,
            default=argparse.SUPPRESS,
            help=field.metadata["help"] + f" (default: {shown})" * bool(shown),
            metavar=None if field.type in CHOICES else "VALUE",
        )
    given = vars(parser.parse_args(argv))
    config = dataclasses.replace(PHASES[given.pop("phase")], **given)
    try:
        check(config)
    except ConfigError as error:
        parser.error(str(error))
    return config
