"""SRResNet x4 for photographs as they are, second part: `python -m experiments.srresnet_photo_x4_anneal`.

Continues from the averaged weights of `srresnet_photo_x4`, with a learning rate that falls to zero.
"""

import dataclasses

from experiments import srresnet_photo_x4
from jsr import train

CONFIG = dataclasses.replace(
    srresnet_photo_x4.CONFIG,
    workdir="runs/srresnet_photo_x4_anneal",
    init="runs/srresnet_photo_x4",
    steps=5_000,
    learning_rate=7e-4,
    schedule="cosine",
    seed=1,
)

if __name__ == "__main__":
    train.experiment(CONFIG)
