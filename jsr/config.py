"""What a training run depends on: `Config`, read from the command line and kept in the run's folder."""

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Literal, get_args

import jax

from jsr.command import Parser

Phase = Literal["srresnet", "srgan"]
Network = Literal["srresnet", "srcnn", "espcn"]
Content = Literal["vgg54", "vgg22", "mse"]
Schedule = Literal["constant", "step", "cosine"]
SCALES = (2, 3, 4)
FILE = "config.json"  # in the run's folder


class ConfigError(ValueError):
    """A value that no run can use, or a folder that holds another run, in one line."""


@dataclasses.dataclass(frozen=True)
class Config:
    """All that a run depends on. The defaults are the paper's SRResNet (Ledig et al. 2017, section 3.2)."""

    phase: Phase = "srresnet"
    model: Network = "srresnet"  # srresnet phase: also its ancestors srcnn and espcn
    scale: int = 4  # 2, 3 or 4
    data: str = "div2k"  # a folder of pictures, or the name of a prepared set
    workdir: str = ""  # the run's folder; runs/PHASE where empty
    init: str = ""  # srgan: run folder or weights file that the generator starts from
    steps: int = 1_000_000
    batch_size: int = 16  # crops a step, over all devices
    crop: int = 96  # pixels of a high-resolution crop
    learning_rate: float = 1e-4  # Adam, both networks
    beta1: float = 0.9  # Adam
    schedule: Schedule = "constant"  # step: a tenth after half of the steps; cosine: falls to zero
    warmup: int = 0  # steps of linear rise to the learning rate
    ema_decay: float = 0.999  # moving average of the generator, which samples and the export use
    content: Content = "vgg54"  # srgan: what the content loss compares
    content_weight: float | None = None  # srgan; by default what belongs to the VGG19 file
    adversarial_weight: float = 1e-3  # srgan
    vgg19: str = ""  # srgan: a ported file, or "random"; the user's cache where empty
    seed: int = 0
    log_every: int = 100  # steps
    save_every: int = 5_000  # steps; also validates
    sample_every: int = 5_000  # steps
    eval_data: str = (
        ""  # folder with hr/ (and lr/) to validate on; else pictures held out of `data`
    )


PHASES = {
    "srresnet": Config(),
    "srgan": Config(phase="srgan", steps=200_000, schedule="step"),
}
# Another value of these in an old run changes how far it goes or what it tells, not what it computes.
CHANGEABLE = {"workdir", "init", "log_every", "save_every", "sample_every", "eval_data"}


def parse(argv: list[str] | None) -> Config:
    """Reads a command line: `--phase` chooses the defaults, every field is an option. Exits with 2 on a mistake."""
    parser = Parser(prog="jsr.train", description="Trains SRResNet, or from it SRGAN.")
    parser.add_argument("--phase", choices=PHASES, required=True)
    for field in dataclasses.fields(Config)[1:]:
        values = dict.fromkeys(getattr(config, field.name) for config in PHASES.values())
        parser.add_argument(
            "--" + field.name.replace("_", "-"),
            type={int: int, float: float, float | None: float}.get(field.type, str),
            choices=get_args(field.type) if field.type in (Network, Content, Schedule) else None,
            default=argparse.SUPPRESS,
            help="default: " + " / ".join(str(v) for v in values if v not in ("", None)),
        )
    given = vars(parser.parse_args(argv))
    config = dataclasses.replace(PHASES[given.pop("phase")], **given)
    try:
        check(config)
    except ConfigError as error:
        parser.error(str(error))
    return config


def check(config: Config) -> None:
    """Refuses values that no run can use.

    Raises:
      ConfigError: naming the option, what it expects and what it got.
    """

    def expect(met, option, wanted):
        if not met:
            got = getattr(config, option)
            raise ConfigError(f"--{option.replace('_', '-')}: expected {wanted}, got {got}")

    scale, devices = config.scale, jax.device_count()
    expect(
        config.phase == "srresnet" or config.model == "srresnet", "model", "srresnet in phase srgan"
    )
    expect(scale in SCALES, "scale", "2, 3 or 4")
    expect(
        config.crop >= 4 * scale and config.crop % scale == 0,
        "crop",
        f"a multiple of the scale {scale}, at least {4 * scale}",
    )
    expect(
        config.batch_size >= 1 and config.batch_size % devices == 0,
        "batch_size",
        f"a multiple of the {devices} devices",
    )
    for name in ("steps", "log_every", "save_every", "sample_every"):
        expect(getattr(config, name) >= 1, name, "1 or more")
    expect(0 <= config.warmup < config.steps / 2, "warmup", "0 or more, less than half of --steps")
    expect(config.learning_rate > 0, "learning_rate", "more than 0")
    for name in ("beta1", "ema_decay"):
        expect(0 <= getattr(config, name) < 1, name, "0 or more and below 1")


def check_folder(config: Config) -> None:
    """Refuses a folder for the run that holds something else, or a run that computes something else.

    Raises:
      ConfigError: naming what differs.
    """
    folder = Path(config.workdir)
    path = folder / FILE
    new = dataclasses.asdict(config)
    if path.exists():
        try:
            old = json.loads(path.read_text())
        except json.JSONDecodeError as error:
            raise ConfigError(f"{path}: expected a run's configuration, got {error}") from error
        changed = [name for name in new if name not in CHANGEABLE and old.get(name) != new[name]]
        # A constant rate does not know where a run ends, so such a run may be made longer.
        if config.schedule == "constant" and "steps" in changed:
            changed.remove("steps")
        if changed:
            listed = ", ".join(
                f"{name} {old.get(name)} there, {new[name]} here" for name in changed
            )
            raise ConfigError(f"{folder} holds another run ({listed}); choose another --workdir")
    elif folder.is_file() or (folder.exists() and any(folder.iterdir())):
        raise ConfigError(f"--workdir: expected a run's folder or a new one, got {folder}")


def keep(config: Config) -> None:
    """Writes the configuration into the run's folder."""
    folder = Path(config.workdir)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_text(json.dumps(dataclasses.asdict(config), indent=2) + "\n")
