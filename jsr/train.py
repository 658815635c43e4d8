"""Trains a generator: `python -m jsr.train --phase srresnet`, then `--phase srgan`."""

import dataclasses
import sys

from jsr import command_line, errors
from jsr.command_line import Parser, reason
from jsr.devices import compilation, hosts
from jsr.files.cache import default_cache
from jsr.training import loop, options
from jsr.training.config import Config, check


def main(argv: list[str] | None = None) -> None:
    """Runs the command. Exits with status 2 on wrong arguments, and with 1 where the training cannot go on."""
    with hosts.joined("jsr.train"):
        _train(options.parse(argv))


def experiment(config: Config, argv: list[str] | None = None) -> None:
    """Runs an experiment's configuration as the command does; `--minutes N` ends it in time, to be resumed later."""
    parser = Parser(description=f"Trains {config.workdir}, or resumes it.")
    parser.add_argument("--minutes", type=float, help="save and end after so many minutes")
    config = dataclasses.replace(config, minutes=parser.parse_args(argv).minutes)
    with hosts.joined("jsr.train"):
        try:
            check(config)
        except errors.ConfigError as error:
            parser.error(str(error))
        _train(config)


def _train(config: Config) -> None:
    """Trains, and prints a user's mistake as one line; any other exception is a bug and keeps its traceback."""
    compilation.keep(default_cache() / "compiled", onednn=True)
    try:
        path = loop.run(config)
    except (errors.Error, OSError) as error:
        hosts.blame(error)
        text = reason(error, path=config.workdir or "runs")
        print(f"jsr.train: error: {hosts.prefix()}{text}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:  # before the first step, or a second one: there is nothing to save
        sys.exit(130)
    print(f"generator: {path}")


if __name__ == "__main__":
    command_line.run(main)
