"""Trains a generator: `python -m jsr.train --phase srresnet`, then `--phase srgan`."""

import dataclasses
import sys

from jsr.command_line import Parser
from jsr.devices import compilation
from jsr.errors import ConfigError
from jsr.files.cache import default_cache
from jsr.training import loop, options
from jsr.training.config import Config, check


def main(argv: list[str] | None = None) -> None:
    """Runs the command. Exits with 2 on wrong arguments, with 1 where the training cannot go on."""
    _command(options.parse(argv))


def experiment(config: Config, argv: list[str] | None = None) -> None:
    """Runs an experiment's configuration as the command does; `--minutes N` ends it in time, to be resumed."""
    parser = Parser(description=f"Trains {config.workdir}, or resumes it.")
    parser.add_argument("--minutes", type=float, help="end after so many minutes, saved")
    config = dataclasses.replace(config, minutes=parser.parse_args(argv).minutes)
    try:
        check(config)
    except ConfigError as error:
        parser.error(str(error))
    _command(config)


def _command(config):
    compilation.keep(default_cache() / "compiled", onednn=True)
    try:
        path = loop.run(config)
    except (ValueError, OSError) as error:
        if isinstance(error, OSError) and error.strerror:  # a full disk may name no file
            error = f"{error.filename or config.workdir or 'runs'}: {error.strerror}"
        print(f"jsr.train: error: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:  # before the first step, or a second one: nothing is there to save
        sys.exit(130)
    print(f"generator: {path}")


if __name__ == "__main__":
    main()
