"""SRResNet x4 for photographs as they are, first part: `python -m experiments.srresnet_photo_x4`.

Continues from `srresnet_x4_anneal` on pictures with blur, noise and JPEG, in the ranges of `jsr.degradation.Photo`.
Crops are wider, because blocks of JPEG and grain are told from the picture by what lies around them. The learning rate
is constant, so the run can be stopped at any step, and annealed from there by `srresnet_photo_x4_anneal`.
"""

import dataclasses

from experiments import srresnet_x4
from jsr import train

CONFIG = dataclasses.replace(
    srresnet_x4.CONFIG,
    workdir="runs/srresnet_photo_x4",
    init="runs/srresnet_x4_anneal",
    steps=8_000,
    degradation="photo",
    crop=128,
    batch_size=8,
    learning_rate=1e-3,
)

if __name__ == "__main__":
    train.experiment(CONFIG)
