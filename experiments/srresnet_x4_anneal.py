"""SRResNet x4, second part, to the bundled weights: `python -m experiments.srresnet_x4_anneal`.

Continues from the averaged weights of `srresnet_x4`, on crops twice as wide, with a learning rate that falls to zero.
"""

import dataclasses

from experiments import srresnet_x4
from jsr import train

CONFIG = dataclasses.replace(
    srresnet_x4.CONFIG,
    workdir="runs/srresnet_x4_anneal",
    init="runs/srresnet_x4",
    steps=8_000,
    crop=192,
    batch_size=4,
    learning_rate=1e-3,
    schedule="cosine",
    seed=1,
)

if __name__ == "__main__":
    train.experiment(CONFIG)
