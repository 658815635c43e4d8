"""SRGAN x4 for photographs as they are: `python -m experiments.srgan_photo_x4`, after `srresnet_photo_x4_anneal`.

The losses are those of `srgan_x4`, the pictures those of `srresnet_photo_x4`.
"""

import dataclasses

from experiments import srgan_x4
from jsr import train

CONFIG = dataclasses.replace(
    srgan_x4.CONFIG,
    workdir="runs/srgan_photo_x4",
    init="runs/srresnet_photo_x4_anneal",
    steps=1_500,
    degradation="photo",
)

if __name__ == "__main__":
    train.experiment(CONFIG)
