"""What each part of `srgan_x4` is worth: `python -m experiments.srgan_losses NAME...`, all variants by default.

Each trains for 500 steps of 8 crops of 64 from the released `srresnet`, in a few minutes, to runs/srgan_losses/NAME.
`python -m jsr.evaluate --model runs/srgan_losses/* --data Set5/x4 --grid` compares them.
"""

import dataclasses
import sys

from experiments import srgan_x4
from jsr import train
from jsr.training.config import Config

BASE = dataclasses.replace(
    srgan_x4.CONFIG, init="srresnet", steps=500, crop=64, ema_decay=0.99, save_every=500, sample_every=500
)


def _variant(**fields: object) -> Config:
    return dataclasses.replace(BASE, **fields)


PAPER = {"pixel_weight": 0.0, "grid_weight": 0.0, "discriminator": "paper", "adversarial_weight": 1e-3}

VARIANTS = {
    "chosen": _variant(),
    "deep": _variant(content="vgg16_54", **PAPER),
    "shallow": _variant(content="vgg16_22", **PAPER),
    "lpips": _variant(content="lpips", **PAPER),
    "without_adversary": _variant(adversarial_weight=0.0),
    "weak_adversary": _variant(adversarial_weight=0.005),
    "strong_adversary": _variant(adversarial_weight=0.08),
    "paper_discriminator": _variant(discriminator="paper"),
    "without_pixels": _variant(pixel_weight=0.0),
    "without_grid": _variant(grid_weight=0.0),
    "adam": _variant(optimizer="adam", learning_rate=2e-4),
}

if __name__ == "__main__":
    for name in sys.argv[1:] or VARIANTS:
        if name not in VARIANTS:
            raise SystemExit(f"expected one of {', '.join(VARIANTS)}, got {name}")
        train.experiment(dataclasses.replace(VARIANTS[name], workdir=f"runs/srgan_losses/{name}"), argv=[])
