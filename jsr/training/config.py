"""The configuration of a training run: all its options, their defaults, and which of them may change."""

import dataclasses
from typing import Any, Literal

import jax

from jsr.degradation import Photo
from jsr.degradation.pipeline import MIN_SIGMA
from jsr.devices.compilation import Precision
from jsr.errors import ConfigError

Phase = Literal["srresnet", "srgan"]
Network = Literal["srresnet", "srcnn", "espcn", "edsr"]
Content = Literal["vgg54", "vgg22", "vgg16_54", "vgg16_22", "lpips", "mse"]
PixelLoss = Literal["mse", "l1", "charbonnier"]
Judge = Literal["paper", "features"]
Schedule = Literal["constant", "step", "cosine"]
Optimizer = Literal["adam", "muon"]
Statistics = Literal["batch", "running"]
Degrading = Literal["bicubic", "photo"]
CHOICES = (Network, Content, PixelLoss, Schedule, Optimizer, Statistics, Precision, Degrading, Judge)
FACTORS = {2: (2,), 3: (3,), 4: (2, 2)}  # scale -> factors of the sub-pixel layers

# Whether an option may differ from the recorded one when a run is resumed.
#   never: another value makes another run.
#   on request: with --overwrite-config. The state goes on, although no single configuration would have led to it.
#   freely: the option decides how long a run trains or what it reports, not what it computes.
Changes = Literal["never", "on request", "freely"]


def _option(default: Any, text: str, *, changes: Changes, is_private: bool) -> Any:
    """Declares an option.

    Args:
      text: the help text of the command line.
      is_private: whether the option stays out of the exported weights, which are passed on to others: paths of the
        user's machine, and settings of one session.
    """
    return dataclasses.field(default=default, metadata={"help": text, "changes": changes, "is_private": is_private})


@dataclasses.dataclass(frozen=True)
class Config:
    """All options of a run. The defaults are those of the paper's SRResNet (Ledig et al. 2017, section 3.2)."""

    phase: Phase = _option("srresnet", "what to train; sets the other defaults", changes="never", is_private=False)
    model: Network = _option(
        "srresnet",
        "network of the srresnet phase: srresnet, one of its predecessors, or edsr, a lighter successor",
        changes="never",
        is_private=False,
    )
    scale: int = _option(4, "upscaling factor: 2, 3 or 4", changes="never", is_private=False)
    # Compared by content: the path may change freely.
    data: str = _option(
        "div2k", "folder of pictures, or name of a dataset: div2k, coco2014", changes="on request", is_private=True
    )
    lr: str = _option(
        "",
        "folder of low-resolution pictures, one for each of --data under the same path below it; default: made by"
        " --degradation",
        changes="on request",
        is_private=True,
    )
    workdir: str = _option(
        "", "folder of the run; resumed if it holds this run; default: runs/PHASE", changes="freely", is_private=True
    )
    init: str = _option(
        "",
        "what to start from: a run, a weights file, a model's name or folder, or hf://owner/name; default: none; srgan:"
        " the newest srresnet run beside this one, or the bundled weights",
        changes="freely",
        is_private=True,
    )
    steps: int = _option(1_000_000, "total number of steps", changes="on request", is_private=False)
    batch_size: int = _option(16, "crops per step, over all devices", changes="on request", is_private=False)
    accumulate: int = _option(
        1,
        "parts that a device takes its crops of a step in, one after the other, to need less memory; BatchNorm"
        " normalises each part by itself",
        changes="on request",
        is_private=False,
    )
    crop: int = _option(96, "side of a high-resolution crop in pixels", changes="on request", is_private=False)
    degradation: Degrading = _option(
        "bicubic",
        "how low-resolution pictures are made; photo: with random blur, noise and JPEG, as photographs have them",
        changes="never",
        is_private=False,
    )
    blur: float = _option(
        Photo.blur,
        "photo: largest standard deviation of the blur, in high-resolution pixels",
        changes="never",
        is_private=False,
    )
    noise: float = _option(
        Photo.noise, "photo: largest standard deviation of the noise, of 255", changes="never", is_private=False
    )
    quality: float = _option(
        Photo.quality, "photo: lowest quality of JPEG; the highest is 95", changes="never", is_private=False
    )
    second_round: float = _option(
        Photo.second_round,
        "photo: share of pictures that were resized and compressed twice",
        changes="never",
        is_private=False,
    )
    clean: float = _option(
        Photo.clean, "photo: share of pictures that are only reduced", changes="never", is_private=False
    )
    optimizer: Optimizer = _option(
        "adam", "muon: orthogonalised momentum, which needs far fewer steps", changes="never", is_private=False
    )
    learning_rate: float = _option(1e-4, "learning rate of both networks", changes="on request", is_private=False)
    beta1: float = _option(0.9, "decay of Adam's first moment", changes="never", is_private=False)
    clip_norm: float | None = _option(
        None,
        "largest norm of a network's gradient, which is scaled down to it; default: no limit",
        changes="never",  # The optimiser's state has another structure.
        is_private=False,
    )
    schedule: Schedule = _option(
        "constant",
        "step: a tenth of the rate after half of the steps; cosine: down to zero",
        changes="on request",
        is_private=False,
    )
    warmup: int = _option(0, "steps of linear rise to the learning rate", changes="on request", is_private=False)
    statistics: Statistics = _option(
        "batch",
        "statistics that the generator's BatchNorm uses; running: those of the start, fixed",
        changes="never",
        is_private=False,
    )
    ema_decay: float = _option(
        0.999, "decay of the generator's moving average, which is exported", changes="on request", is_private=False
    )
    pixel_loss: PixelLoss = _option(
        "mse",
        "loss of the srresnet phase, and of --pixel-weight; charbonnier: the absolute error, smooth at zero",
        changes="never",
        is_private=False,
    )
    content: Content = _option(
        "vgg54",
        "srgan: space in which the content loss is computed; lpips: five layers of VGG16 at once, by the weights of"
        " LPIPS; it, vgg16_54 and vgg16_22 need jsr fetch vgg16",
        changes="never",
        is_private=False,
    )
    content_weight: float | None = _option(
        None,
        "srgan: weight of the content loss; default: that of the VGG file",
        changes="on request",
        is_private=False,
    )
    pixel_weight: float = _option(
        0.0, "srgan: weight of --pixel-loss beside the content loss", changes="on request", is_private=False
    )
    grid_weight: float = _option(
        0.0, "srgan: weight of a loss on the grid of sub-pixel layers", changes="on request", is_private=False
    )
    discriminator: Judge = _option(
        "paper",
        "srgan: the network that judges; features: small heads on features of VGG16, which need far fewer steps, and"
        " jsr fetch vgg16",
        changes="never",
        is_private=False,
    )
    adversarial_weight: float = _option(
        1e-3, "srgan: weight of the adversarial loss", changes="on request", is_private=False
    )
    vgg19: str = _option(
        "",
        "srgan: a converted VGG19 file, or random; default: cached, else downloaded",
        changes="never",
        is_private=True,
    )
    precision: Precision = _option(
        "fp32",
        "precision of the networks' arithmetic; parameters are fp32 in either",
        changes="never",
        is_private=False,
    )
    minutes: float | None = _option(
        None,
        "save and end after so many minutes; the same command resumes; default: no limit",
        changes="freely",
        is_private=True,
    )
    overwrite_config: bool = _option(
        False, "resume with other values of the options that allow it", changes="freely", is_private=True
    )
    seed: int = _option(0, "seed of all random numbers", changes="never", is_private=False)
    log_every: int = _option(100, "steps between lines of metrics.jsonl", changes="freely", is_private=False)
    save_every: int = _option(
        5_000, "steps between checkpoints, each with a validation", changes="freely", is_private=False
    )
    sample_every: int = _option(5_000, "steps between sample pictures", changes="freely", is_private=False)
    eval_data: str = _option(
        "",
        "folder with hr/ (and lr/) to validate on; default: pictures held out of --data",
        changes="freely",
        is_private=True,
    )


PHASES = {
    "srresnet": Config(),
    "srgan": Config(phase="srgan", steps=200_000, schedule="step"),
}


def names(changes: Changes) -> list[str]:
    """Lists the options that may change in this way, in their order."""
    return [field.name for field in dataclasses.fields(Config) if field.metadata["changes"] == changes]


def private() -> list[str]:
    """Lists the options that stay out of the exported weights."""
    return [field.name for field in dataclasses.fields(Config) if field.metadata["is_private"]]


def check(config: Config) -> None:
    """Refuses values that no run can use.

    Raises:
      ConfigError: an option is out of its range; the message names it, the range and the value.
    """

    def expect(is_met: bool, option: str, expected: str) -> None:
        if not is_met:
            value = getattr(config, option)
            raise ConfigError(f"--{option.replace('_', '-')}: expected {expected}, got {value}")

    scale, devices = config.scale, jax.device_count()
    expect(config.phase == "srresnet" or config.model == "srresnet", "model", "srresnet in phase srgan")
    expect(scale in FACTORS, "scale", "2, 3 or 4")
    expect(
        config.crop >= 4 * scale and config.crop % scale == 0,
        "crop",
        f"a multiple of the scale {scale}, at least {4 * scale}",
    )
    parts = f" times --accumulate {config.accumulate}" if config.accumulate > 1 else ""
    expect(config.accumulate >= 1, "accumulate", "1 or more")
    expect(
        config.batch_size >= 1 and config.batch_size % (devices * config.accumulate) == 0,
        "batch_size",
        f"a multiple of the {devices} devices{parts}",
    )
    expect(
        not config.lr or config.degradation == "bicubic",
        "degradation",
        "none with --lr, whose pictures are of low resolution as they are",
    )
    for name in ("steps", "log_every", "save_every", "sample_every"):
        expect(getattr(config, name) >= 1, name, "1 or more")
    expect(0 <= config.warmup < config.steps / 2, "warmup", "0 or more, less than half of --steps")
    expect(config.blur > MIN_SIGMA, "blur", f"more than {MIN_SIGMA} pixels")
    expect(config.noise > 1, "noise", "more than 1 level")
    expect(1 <= config.quality <= 95, "quality", "1 to 95")
    for name in ("second_round", "clean"):
        expect(0 <= getattr(config, name) <= 1, name, "0 to 1")
    expect(config.learning_rate > 0, "learning_rate", "more than 0")
    expect(config.clip_norm is None or config.clip_norm > 0, "clip_norm", "more than 0")
    expect(
        config.phase == "srresnet" or config.pixel_weight > 0 or config.pixel_loss == "mse",
        "pixel_loss",
        "a --pixel-weight beside it in phase srgan",
    )
    expect(
        not (config.vgg19 and config.content.startswith(("vgg16", "lpips"))),
        "vgg19",
        f"none with --content {config.content}, whose network is VGG16",
    )
    for name in ("pixel_weight", "grid_weight", "adversarial_weight"):
        expect(getattr(config, name) >= 0, name, "0 or more")
    expect(config.minutes is None or config.minutes > 0, "minutes", "more than 0")
    expect(
        config.statistics == "batch" or config.model == "srresnet",
        "statistics",
        f"batch for {config.model}, which has no BatchNorm",
    )
    for name in ("beta1", "ema_decay"):
        expect(0 <= getattr(config, name) < 1, name, "0 or more and below 1")
