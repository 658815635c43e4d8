"""The bundled `light`, an EDSR x4 of 8 blocks (Lim et al. 2017): `python -m experiments.light_x4`.

The recipe of `srresnet_x4`, but it learns to give what the bundled `srresnet` makes of the photographs, and the
learning rate falls to zero: LOG.md has the gain of both.
"""

import dataclasses
from pathlib import Path

from experiments import srresnet_x4, teaching
from jsr import train

PAIRS = Path("runs/light_x4_pairs")
CONFIG = dataclasses.replace(
    srresnet_x4.CONFIG,
    model="edsr",
    data=str(PAIRS / "hr"),
    lr=str(PAIRS / "lr"),
    workdir="runs/light_x4",
    steps=9_000,
    learning_rate=1.5e-3,
    schedule="cosine",
    statistics="batch",
    save_every=1_000,
    sample_every=1_000,
)

if __name__ == "__main__":
    teaching.make_pairs(srresnet_x4.CONFIG.data, PAIRS, teacher="srresnet")
    train.experiment(CONFIG)
