"""What a training run depends on: `Config`."""

import dataclasses
from typing import Any, Literal

import jax

from jsr.devices.compilation import Precision
from jsr.errors import ConfigError

Phase = Literal["srresnet", "srgan"]
Network = Literal["srresnet", "srcnn", "espcn"]
Content = Literal["vgg54", "vgg22", "mse"]
Schedule = Literal["constant", "step", "cosine"]
Optimizer = Literal["adam", "muon"]
Statistics = Literal["batch", "running"]
CHOICES = (Network, Content, Schedule, Optimizer, Statistics, Precision)
SCALES = (2, 3, 4)


def _option(default: Any, text: str) -> Any:
    return dataclasses.field(default=default, metadata={"help": text})


@dataclasses.dataclass(frozen=True)
class Config:
    """All that a run depends on. The defaults are the paper's SRResNet (Ledig et al. 2017, section 3.2)."""

    phase: Phase = _option("srresnet", "what to train; fixes the other defaults")
    model: Network = _option("srresnet", "network of the srresnet phase, or one of its ancestors")
    scale: int = _option(4, "enlargement: 2, 3 or 4")
    data: str = _option("div2k", "folder of pictures, or a dataset's name: div2k, coco2014")
    workdir: str = _option("", "the run's folder; resumed if it holds this run; default: runs/PHASE")
    init: str = _option("", "run or weights file to start from; default: none; srgan: newest run, bundled")
    steps: int = _option(1_000_000, "steps in all")
    batch_size: int = _option(16, "crops a step, over all devices")
    crop: int = _option(96, "side of a high-resolution crop in pixels")
    optimizer: Optimizer = _option("adam", "muon: orthogonal momentum, many times fewer steps")
    learning_rate: float = _option(1e-4, "of the optimizer, for both networks")
    beta1: float = _option(0.9, "of Adam")
    schedule: Schedule = _option("constant", "step: a tenth after half of the steps; cosine: to zero")
    warmup: int = _option(0, "steps of linear rise to the learning rate")
    statistics: Statistics = _option(
        "batch", "what the generator's BatchNorm normalises by; running: as they were at the start"
    )
    ema_decay: float = _option(0.999, "of the generator's moving average, which is what is exported")
    content: Content = _option("vgg54", "srgan: what the content loss compares")
    content_weight: float | None = _option(None, "srgan; default: what belongs to the VGG19 file")
    pixel_weight: float = _option(0.0, "srgan: of a mean squared error beside the content loss")
    adversarial_weight: float = _option(1e-3, "srgan")
    vgg19: str = _option("", "srgan: a ported file, or random; default: the user's cache, fetched")
    precision: Precision = _option("fp32", "what networks compute in; bf16: half the bytes, parameters stay fp32")
    minutes: float | None = _option(
        None, "end after so many minutes, saved; the same command resumes; default: no limit"
    )
    overwrite_config: bool = _option(False, "go on in an old run's folder with other values of what may change midway")
    seed: int = _option(0, "of all that is random")
    log_every: int = _option(100, "steps between lines of metrics.jsonl")
    save_every: int = _option(5_000, "steps between checkpoints, each with a validation")
    sample_every: int = _option(5_000, "steps between sample pictures")
    eval_data: str = _option("", "folder with hr/ (and lr/) to validate on; default: some of --data")


PHASES = {
    "srresnet": Config(),
    "srgan": Config(phase="srgan", steps=200_000, schedule="step"),
}
# Another value of these in an old run changes how far it goes or what it tells, not what it computes.
CHANGEABLE = {"workdir", "init", "minutes", "log_every", "save_every", "sample_every", "eval_data", "overwrite_config"}
# With --overwrite-config these may too: a state goes on with them, though no one run would have come to it.
OVERWRITABLE = (
    "steps",
    "learning_rate",
    "schedule",
    "warmup",
    "ema_decay",
    "content_weight",
    "pixel_weight",
    "adversarial_weight",
)


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
    expect(config.phase == "srresnet" or config.model == "srresnet", "model", "srresnet in phase srgan")
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
    for name in ("pixel_weight", "adversarial_weight"):
        expect(getattr(config, name) >= 0, name, "0 or more")
    expect(config.minutes is None or config.minutes > 0, "minutes", "more than 0")
    expect(
        config.statistics == "batch" or config.model == "srresnet",
        "statistics",
        f"batch for {config.model}, which has no BatchNorm",
    )
    for name in ("beta1", "ema_decay"):
        expect(0 <= getattr(config, name) < 1, name, "0 or more and below 1")


FACTORS = {2: (2,), 3: (3,), 4: (2, 2)}  # scale -> factors of the sub-pixel layers
